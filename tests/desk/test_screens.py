"""Every screen opens for those who may see it, and for nobody else."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from mailer.feedback.sources import ingest
from subscribers.suppression import suppression
from tests import cast as everyone
from tests.desk import cast
from tests.desk.cast import Desk, as_user

EDITION_PAGES = ("variants", "submit", "review", "schedule", "report")


def edition_pages(desk: Desk) -> list[str]:
    return [reverse(f"desk_edition:{page}", args=[desk.edition.pk]) for page in EDITION_PAGES]


def tables() -> list[str]:
    return [
        reverse(name)
        for name in (
            *("wagtailadmin_home", "desk_stories:list", "desk_editions:list", "desk_newsletters:index"),
            *("desk_lists:index", "desk_subscribers:index", "desk_suppressions:index", "desk_mailbox:index"),
            *("desk_stories:add", "desk_editions:add", "desk_newsletters:add", "desk_lists:add"),
            *("desk_subscribers:add", "desk_suppressions:add"),
        )
    ]


@pytest.mark.parametrize("who", ["writer", "approver", "admin"])
@pytest.mark.parametrize("stage", ["draft", "submitted", "approved", "scheduled", "sending"])
def test_every_page_of_an_edition_opens_at_every_stage(desk: Desk, who: str, stage: str) -> None:
    if stage != "draft":
        getattr(cast, stage)(desk)
    browser = as_user(getattr(desk, who))
    assert {page: browser.get(page).status_code for page in edition_pages(desk)} == dict.fromkeys(
        edition_pages(desk), 200
    )


def test_an_admin_sees_every_table_and_every_form(desk: Desk) -> None:
    browser = as_user(desk.admin)
    forms = [
        reverse("desk_editions:edit", args=[desk.edition.pk]),
        reverse("desk_newsletters:edit", args=[desk.edition.newsletter_id]),
        reverse("desk_assemble", args=[desk.edition.newsletter_id]),
        reverse("desk_subscribers:edit", args=[desk.reader.pk]),
    ]
    wanted = [*tables(), *forms]
    assert {page: browser.get(page).status_code for page in wanted} == dict.fromkeys(wanted, 200)


def test_a_writer_sees_no_readers(desk: Desk) -> None:
    browser = as_user(desk.writer)
    hidden = [
        reverse(name) for name in ("desk_subscribers:index", "desk_suppressions:index", "desk_mailbox:index")
    ]
    assert all("aigul" not in browser.get(page).content.decode() for page in hidden)
    assert all(browser.get(page).status_code in (302, 403) for page in hidden)


def test_whoever_has_not_signed_in_is_sent_to_the_form(desk: Desk) -> None:
    for page in [*tables(), *edition_pages(desk)]:
        answer = Client().get(page)
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("wagtailadmin_login"))


def test_a_signed_in_stranger_comes_no_further(desk: Desk) -> None:
    browser = as_user(desk.stranger)
    assert all(browser.get(page).status_code != 200 for page in edition_pages(desk))


def test_the_menu_holds_our_screens_and_nothing_of_a_page_tree(desk: Desk) -> None:
    page = as_user(desk.admin).get(reverse("wagtailadmin_home")).content.decode()
    for label in ("Editions", "Stories", "Pictures", "Newsletters", "Subscribers", "Mail for a person"):
        assert label in page
    for label in ('"explorer"', "wagtail.org", "/desk/workflows/", '"documents"'):
        assert label not in page


def test_the_first_page_asks_each_person_for_what_only_they_can_do(desk: Desk) -> None:
    cast.submitted(desk)
    for_writer = as_user(desk.writer).get(reverse("wagtailadmin_home")).content.decode()
    for_approver = as_user(desk.approver).get(reverse("wagtailadmin_home")).content.decode()
    assert "No edition waits for you" in for_writer
    assert "Review and approve" in for_approver


def test_the_first_page_counts_mail_for_a_person(desk: Desk) -> None:
    ingest.receive(b"From: a@example.net\r\nSubject: Thank you\r\n\r\nIt was useful.\r\n", everyone.NOW)
    page = as_user(desk.admin).get(reverse("wagtailadmin_home")).content.decode()
    assert "1 message that no rule understood" in page and "Mail for a person (1)" in page


def test_part_of_an_address_finds_the_person(desk: Desk) -> None:
    everyone.reader("bolat", ("KZ",), "ru")
    page = as_user(desk.admin).get(reverse("desk_subscribers:index"), {"q": "aig"}).content.decode()
    assert "aigul@example.net" in page
    assert "bolat@example.net" not in page


def test_people_are_listed_by_language_list_and_state(desk: Desk) -> None:
    stopped = everyone.reader("bolat", ("KZ",), "ru")
    suppression.suppress(stopped, "manual", "asked by telephone", everyone.NOW)
    browser, table = as_user(desk.admin), reverse("desk_subscribers:index")
    for question in ({"language": "ru"}, {"state": "suppressed"}):
        page = browser.get(table, question).content.decode()
        assert "bolat@example.net" in page
        assert "aigul@example.net" not in page


def test_lifting_a_suppression_asks_first_and_names_who_did_it(desk: Desk) -> None:
    row = suppression.suppress(desk.reader, "hard_bounce", "550 5.1.1", everyone.NOW)
    browser, page = as_user(desk.admin), reverse("desk_suppressions:lift", args=[row.pk])
    assert "550 5.1.1" in browser.get(page).content.decode()
    assert suppression.is_suppressed(desk.reader)
    browser.post(page)
    row.refresh_from_db()
    assert (row.lifted_by, suppression.is_suppressed(desk.reader)) == ("lola", False)


def test_an_approver_may_look_at_suppressions_and_not_lift_them(desk: Desk) -> None:
    row = suppression.suppress(desk.reader, "hard_bounce", "550 5.1.1", everyone.NOW)
    browser = as_user(desk.approver)
    assert browser.get(reverse("desk_suppressions:index")).status_code == 200
    browser.post(reverse("desk_suppressions:lift", args=[row.pk]))
    assert suppression.is_suppressed(desk.reader)


def test_an_address_is_suppressed_by_hand_in_its_one_written_form(desk: Desk) -> None:
    as_user(desk.admin).post(
        reverse("desk_suppressions:add"), {"address": " AIGUL@Example.net ", "evidence": "asked by telephone"}
    )
    assert suppression.is_suppressed(desk.reader)


def test_assembling_by_hand_tells_when_the_month_has_its_edition(desk: Desk) -> None:
    address = reverse("desk_assemble", args=[desk.edition.newsletter_id])
    page = as_user(desk.writer).post(address, {"period": "2021-12"}).content.decode()
    assert "already has an edition for 2021-12" in page
    assert (
        "write year and month" in as_user(desk.writer).post(address, {"period": "2021-13"}).content.decode()
    )


def test_what_was_submitted_cannot_be_deleted_and_says_so(desk: Desk) -> None:
    cast.submitted(desk)
    browser = as_user(desk.admin)
    page = browser.post(reverse("desk_editions:delete", args=[desk.edition.pk]), follow=True).content.decode()
    assert "kept for good" in page
    browser.post(reverse("desk_newsletters:delete", args=[desk.edition.newsletter_id]))
    desk.edition.newsletter.refresh_from_db()
    desk.edition.refresh_from_db()
