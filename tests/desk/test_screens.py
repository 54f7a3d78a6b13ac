"""What the pages of the desk show, and to whom; tests/project/test_access_table.py has who may open them."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.admin.menu import admin_menu
from wagtail.users.models import UserProfile

from mailer.feedback import ingest_returned_mail
from mailer.stories.models import Story, StoryText
from subscribers import suppression
from tests import cast as everyone
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page

EDITION_PAGES = ("variants", "test", "submit", "review", "schedule", "progress", "report")


def edition_pages(desk: Desk) -> list[str]:
    return [reverse(f"desk_edition:{page}", args=[desk.edition.pk]) for page in EDITION_PAGES]


@pytest.mark.parametrize("stage", ["draft", "submitted", "approved", "scheduled", "sending"])
def test_every_page_of_an_edition_opens_at_every_stage(
    desk: Desk, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast.leave_out_menu(monkeypatch)
    if stage != "draft":
        getattr(cast, stage)(desk)
    for user in (desk.writer, desk.approver, desk.admin):
        browser = as_user(user)
        found = {page: browser.get(page).status_code for page in edition_pages(desk)}
        assert found == dict.fromkeys(edition_pages(desk), 200), user.username


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_menu_has_the_pages_of_the_desk_and_none_about_a_page_tree(
    desk: Desk, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Wagtail makes the entries once, in the language of the first request.
    monkeypatch.delitem(admin_menu.__dict__, "registered_menu_items", raising=False)
    home = reverse("wagtailadmin_home")
    html = as_user(desk.admin).get(home, headers={"Accept-Language": language}).content.decode()
    for name in ("editions", "stories", "images", "newsletters", "subscribers", "list-health", "replies"):
        assert f'"name": "{name}"' in html
    for text in ('"explorer"', "wagtail.org", "/desk/workflows/", '"documents"'):
        assert text not in html


@pytest.mark.parametrize("who", ["writer", "approver", "admin"])
def test_the_menu_leads_every_member_of_staff_to_the_audit_log(desk: Desk, who: str) -> None:
    browser, log = as_user(getattr(desk, who)), reverse("wagtailadmin_reports:site_history")
    html = browser.get(reverse("wagtailadmin_home")).content.decode()
    assert f'"url": "{log}"' in html
    assert browser.get(log).status_code == 200


@pytest.mark.parametrize("language", ["ru", "kk"])
def test_pages_are_in_the_language_of_the_browser_until_staff_choose_one(desk: Desk, language: str) -> None:
    browser = as_user(desk.admin)
    names = ("wagtailadmin_home", "desk_stories:list", "desk_stories:add", "desk_subscribers:index")
    pages = [*map(reverse, names), "/accounts/password/", "/desk/nothing/"]
    assert _languages(browser, pages, language) == dict.fromkeys(pages, language)
    assert _languages(browser, ["/"], language) == {"/": language}
    UserProfile.objects.create(user=desk.admin, preferred_language="en")
    assert _languages(browser, pages, language) == dict.fromkeys(pages, "en")
    assert _languages(browser, ["/"], language) == {"/": language}


def test_languages_that_the_desk_does_not_have_give_the_offices_own(desk: Desk) -> None:
    home, sign_in = reverse("wagtailadmin_home"), reverse("account_login")
    assert _languages(as_user(desk.admin), [home], "tk") == {home: "en"}
    assert _languages(Client(), [sign_in], "tk, kk;q=0.5") == {sign_in: "kk"}


def _languages(browser: Client, pages: list[str], accepted: str) -> dict[str, str]:
    """The language of each page, which is also that of its html element."""
    found = {}
    for page in pages:
        answer = browser.get(page, headers={"Accept-Language": accepted})
        code = answer["Content-Language"]
        found[page] = code if f'lang="{code}' in answer.content.decode()[:400] else "another"
    return found


def test_wagtails_name_is_on_no_error_page(desk: Desk) -> None:
    answer = as_user(desk.admin).get("/desk/nothing/")
    assert answer.status_code == 404
    assert "Wagtail" not in answer.content.decode()


def test_the_home_page_and_the_menu_count_unclassified_replies(desk: Desk) -> None:
    ingest_returned_mail.ingest_message(
        b"From: a@example.net\r\nSubject: Thank you\r\n\r\nIt was useful.\r\n", everyone.NOW
    )
    page = Page(as_user(desk.admin).get(reverse("wagtailadmin_home")))
    assert reverse("desk_replies:index") in page.links
    assert "Unclassified replies (1)" in page.html


def test_a_subscriber_is_found_by_part_of_the_address(desk: Desk) -> None:
    everyone.reader("bolat", ("KZ",), "ru")
    page = as_user(desk.admin).get(reverse("desk_subscribers:index"), {"q": "aig"}).content.decode()
    assert "aigul@example.net" in page
    assert "bolat@example.net" not in page


def test_subscribers_are_filtered_by_language_and_state(desk: Desk) -> None:
    stopped = everyone.reader("bolat", ("KZ",), "ru")
    suppression.suppress(stopped, "manual", "asked by telephone", everyone.NOW)
    browser, table = as_user(desk.admin), reverse("desk_subscribers:index")
    for query in ({"language": "ru"}, {"state": "suppressed"}):
        page = browser.get(table, query).content.decode()
        assert "bolat@example.net" in page
        assert "aigul@example.net" not in page


def test_removing_a_suppression_needs_a_confirmation_and_records_the_user(desk: Desk) -> None:
    row = suppression.suppress(desk.reader, "hard_bounce", "550 5.1.1", everyone.NOW)
    browser, page = as_user(desk.admin), reverse("desk_suppressions:remove", args=[row.pk])
    assert "550 5.1.1" in browser.get(page).content.decode()
    assert suppression.is_suppressed(desk.reader)
    browser.post(page)
    row.refresh_from_db()
    assert (row.lifted_by, suppression.is_suppressed(desk.reader)) == ("lola", False)


def test_an_approver_sees_suppressions_and_cannot_remove_them(desk: Desk) -> None:
    row = suppression.suppress(desk.reader, "hard_bounce", "550 5.1.1", everyone.NOW)
    browser = as_user(desk.approver)
    assert browser.get(reverse("desk_suppressions:index")).status_code == 200
    browser.post(reverse("desk_suppressions:remove", args=[row.pk]))
    assert suppression.is_suppressed(desk.reader)


@pytest.mark.parametrize(("state", "shown"), [("yes", "aigul@example.net"), ("no", "bolat@example.net")])
def test_suppressions_are_filtered_by_state(desk: Desk, state: str, shown: str) -> None:
    suppression.suppress(desk.reader, "manual", "asked by telephone", everyone.NOW)
    removed = suppression.suppress(everyone.reader("bolat"), "manual", "asked by telephone", everyone.NOW)
    suppression.lift(removed, "lola", everyone.NOW)
    answer = as_user(desk.admin).get(reverse("desk_suppressions:index"), {"force": state})
    text = Page(answer).text
    assert {name for name in ("aigul@example.net", "bolat@example.net") if name in text} == {shown}


def test_a_suppressed_address_is_normalised(desk: Desk) -> None:
    as_user(desk.admin).post(
        reverse("desk_suppressions:add"), {"address": " AIGUL@Example.net ", "evidence": "asked by telephone"}
    )
    assert suppression.is_suppressed(desk.reader)


def test_assembling_a_month_that_has_an_edition_is_an_error_of_the_form(desk: Desk) -> None:
    address = reverse("desk_assemble", args=[desk.edition.newsletter_id])
    for period in ("2021-12", "2021-13"):
        answer = as_user(desk.writer).post(address, {"period": period})
        assert set(answer.context["form"].errors) == {"period"}


def test_the_stories_that_an_edition_will_take_are_listed_before_it_is_assembled(desk: Desk) -> None:
    address = reverse("desk_assemble", args=[desk.edition.newsletter_id])
    browser = as_user(desk.writer)
    taken = browser.get(address).context["stories"]
    story = Story.objects.create(date=timezone.localdate(), live=True)
    StoryText.objects.create(story=story, language="en", headline="A bridge opens", summary="In May.")
    assert set(browser.get(address).context["stories"]) - set(taken) == {"A bridge opens"}


def test_a_submitted_edition_and_its_newsletter_cannot_be_deleted(desk: Desk) -> None:
    cast.submitted(desk)
    browser = as_user(desk.admin)
    answer = browser.post(reverse("desk_editions:delete", args=[desk.edition.pk]), follow=True)
    assert Page(answer).messages == ["error"]
    browser.post(reverse("desk_newsletters:delete", args=[desk.edition.newsletter_id]))
    desk.edition.newsletter.refresh_from_db()
    desk.edition.refresh_from_db()
