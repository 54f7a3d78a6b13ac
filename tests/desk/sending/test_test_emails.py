"""Test emails: at any state, to staff only, several at once, once per form, and recorded."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from wagtail.models import ModelLogEntry

from mailer.approval.models import Snapshot
from mailer.delivery.models import Mailing, OutboxMessage
from mailer.stories.models import Story
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def at(desk: Desk) -> str:
    return reverse("desk_edition:test", args=[desk.edition.pk])


def form(**more: Any) -> dict[str, Any]:
    return {"to": "dana@office.example.org", "language": ["en"], "form": "a", **more}


def sent() -> list[tuple[str, str]]:
    """Subject and HTML of each message in the outbox."""
    parsed = [
        email.message_from_bytes(bytes(row.message), policy=email.policy.default)
        for row in OutboxMessage.objects.order_by("pk")
    ]
    return [(one["Subject"], one.get_body(("html",)).get_content()) for one in parsed]  # type: ignore[union-attr]


def test_a_draft_is_sent_as_it_was_last_saved_to_oneself_by_one_press(desk: Desk) -> None:
    story = Story.objects.get(key="ring")
    story.texts.filter(language="en").update(headline="A headline of this minute")
    browser = as_user(desk.writer)
    page = Page(browser.get(at(desk)))
    assert ("to", desk.writer.email) in page.controls
    chosen = dict(page.controls)
    assert Page(browser.post(at(desk), form(form=chosen["form"]), follow=True)).messages == ["success"]
    ((subject, html),) = sent()
    assert subject.startswith("[Test] ") and "A headline of this minute" in html
    assert not Snapshot.objects.exists() and not Mailing.objects.exists()
    (entry,) = ModelLogEntry.objects.filter(action="desk.test_send")
    assert (entry.user, entry.data) == (desk.writer, {"to": desk.writer.email})
    assert entry in browser.get(at(desk)).context["recent"]


@pytest.mark.both_databases
def test_a_second_press_sends_nothing_more(desk: Desk) -> None:
    browser = as_user(desk.writer)
    browser.post(at(desk), form())
    assert Page(browser.post(at(desk), form(), follow=True)).messages[-1] == "info"
    assert len(sent()) == 1
    browser.post(at(desk), form(form="b"))
    assert len(sent()) == 2


@pytest.mark.parametrize("stage", ["submitted", "approved", "scheduled", "sending"])
def test_later_the_snapshot_is_sent_and_nothing_else_changes(desk: Desk, stage: str) -> None:
    getattr(cast, stage)(desk)
    states = list(Mailing.objects.values("state", "audience")), Snapshot.objects.get().state
    variant = Snapshot.objects.get().variants.filter(language="ru").order_by("pk").first()
    assert variant is not None
    as_user(desk.approver).post(at(desk), form(language=["ru"], to="timur@office.example.org"))
    ((subject, _),) = sent()
    assert subject == f"[Test] {variant.subject}"
    assert states == (list(Mailing.objects.values("state", "audience")), Snapshot.objects.get().state)


def test_several_variants_are_sent_at_once_each_but_once(desk: Desk) -> None:
    browser = as_user(desk.writer)
    browser.post(at(desk), form(language=["en", "ru"], country=["KZ", "UZ"], each="on"))
    assert len(sent()) == len(set(sent())) == 4
    assert ModelLogEntry.objects.get(action="desk.test_send").data["times"] == 4
    too_many = form(form="c", language=["en", "ru", "kk", "ky", "tg"], country=["KZ", "KG", "TJ", "TM", "UZ"])
    page = browser.post(at(desk), {**too_many, "each": "on"})
    assert set(page.context["form"].errors) == {"language"} and len(sent()) == 4


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"to": "aigul@example.net"}, "to"), ({"to": "nobody"}, "to"), ({"language": []}, "language")],
)
def test_a_refused_form_keeps_what_was_chosen_and_can_be_sent_again(
    desk: Desk, wrong: dict[str, Any], field: str
) -> None:
    browser = as_user(desk.writer)
    page = browser.post(at(desk), form(country=["KZ"], **wrong))
    assert set(page.context["form"].errors) == {field} and page.context["form"]["country"].value() == ["KZ"]
    assert sent() == [] and not ModelLogEntry.objects.filter(action="desk.test_send").exists()
    browser.post(at(desk), form(country=["KZ"]))
    assert len(sent()) == 1


@pytest.mark.both_databases
def test_beyond_the_limit_of_a_day_nothing_is_sent(desk: Desk, configure: Callable[..., None]) -> None:
    configure(sending={"dry_run_messages_per_day": 1})
    page = as_user(desk.writer).post(at(desk), form(language=["en", "ru"]))
    assert set(page.context["form"].errors) == {"to"} and sent() == []


def test_the_preview_page_sends_the_variant_that_it_shows(desk: Desk) -> None:
    browser = as_user(desk.writer)
    preview = reverse("desk_edition:variants", args=[desk.edition.pk])
    page = Page(browser.get(preview, {"language": "ru", "country": "KZ"}))
    assert at(desk) in page.form_actions
    assert {("to", desk.writer.email), ("language", "ru"), ("country", "KZ")} <= page.controls


def test_a_test_email_from_the_preview_leads_back_to_it(desk: Desk) -> None:
    preview = reverse("desk_edition:variants", args=[desk.edition.pk])
    answer = as_user(desk.writer).post(at(desk), form(back="country=KZ&language=ru"))
    assert answer["Location"] == f"{preview}?country=KZ&language=ru"


def test_who_may_not_see_editions_sends_nothing(desk: Desk) -> None:
    assert as_user(desk.stranger).post(at(desk), form()).status_code in (302, 403)
    assert sent() == []
