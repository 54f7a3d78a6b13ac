"""The page of progress: pace, providers and steps; and buttons pressed twice, or on old pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import mailing_control as control
from mailer.delivery.throttle import provider_throttle
from mailer.desk.sending.progress import provider_rows, recent_messages_per_minute
from mailer.reports.stats import OTHERS, OutcomeCounts, Stats, Totals
from tests import cast as everyone
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def at(desk: Desk, page: str) -> str:
    return reverse(f"desk_edition:{page}", args=[desk.edition.pk])


def press(browser: Client, desk: Desk, action: str, seen: str) -> list[str]:
    """Levels of the messages after the press."""
    form = {"action": action, "seen": seen}
    return Page(browser.post(at(desk, "control"), form, follow=True)).messages


def seen(browser: Client, desk: Desk) -> str:
    return str(browser.get(at(desk, "progress")).context["seen"])


def actions() -> list[str]:
    found = ModelLogEntry.objects.filter(action__in=["desk.pause", "desk.resume", "desk.cancel"])
    return list(found.order_by("pk").values_list("action", flat=True))


def test_the_page_follows_a_mailing_without_reloading(desk: Desk) -> None:
    mailing = cast.sending(desk)
    page = Page(as_user(desk.approver).get(at(desk, "progress")))
    assert {"desk-summary", "desk-controls", "desk-providers", "desk-over-time"} <= page.ids
    assert "data-refresh=" in page.html and "<noscript>" in page.html and "data-announcer" in page.html
    assert page.response.context["progress"] == 66
    Mailing.objects.filter(pk=mailing.pk).update(state="paused")
    assert "data-refresh=" not in as_user(desk.approver).get(at(desk, "progress")).content.decode()


def test_a_scheduled_edition_waits_for_its_progress(desk: Desk) -> None:
    cast.scheduled(desk)
    page = Page(as_user(desk.approver).get(at(desk, "progress")))
    assert page.response.context["mailing"] is None and "data-refresh=" in page.html


def test_who_may_not_send_sees_the_progress_without_buttons(desk: Desk) -> None:
    cast.sending(desk)
    page = Page(as_user(desk.writer).get(at(desk, "progress")))
    assert "desk-summary" in page.ids and at(desk, "control") not in page.form_actions


NOW = datetime(2021, 12, 3, 4, 30, 30, tzinfo=UTC)


def stats(**more: Any) -> Stats:
    return Stats(totals=Totals(audience=100, accepted=60, planned=40), collected_at=NOW, **more)


def test_the_pace_is_that_of_the_last_minutes() -> None:
    accepted = {"2021-12-03 04:10": 900, "2021-12-03 04:26": 30, "2021-12-03 04:29": 20}
    counts = stats(accepted_by_minute={**accepted, "2021-12-03 04:30": 500})
    assert recent_messages_per_minute(NOW - timedelta(hours=1), counts, NOW) == 10
    assert recent_messages_per_minute(NOW - timedelta(minutes=2), counts, NOW) == 30
    assert recent_messages_per_minute(NOW, counts, NOW) == 0


@pytest.mark.both_databases
def test_providers_are_listed_by_size_and_one_that_asked_us_to_wait_says_so(db: None) -> None:
    providers = {f"p{number}.example": OutcomeCounts(accepted=number + 1) for number in range(14)}
    providers |= {
        "mail.ru": OutcomeCounts(accepted=50, refused=10, pending=40, bounced=5),
        OTHERS: OutcomeCounts(pending=3),
    }
    provider_throttle.penalise("mail.ru", timezone.now())
    rows = provider_rows(stats(providers=providers), timezone.now())
    first, last = rows[0], rows[-1]
    assert (first.name, first.recipients, first.accepted, first.waiting, first.failed) == (
        "mail.ru",
        *(100, 50, 40, 15),
    )
    assert first.percent == 60 and first.waits_minutes is not None and rows[1].waits_minutes is None
    assert len(rows) == 13 and last.recipients == 1 + 2 + 3 + 3


def test_a_second_press_says_so_and_does_nothing(desk: Desk) -> None:
    mailing = cast.sending(desk)
    mine, theirs = as_user(desk.approver), as_user(desk.admin)
    old = seen(mine, desk)
    assert seen(theirs, desk) == old
    assert press(mine, desk, "pause", old) == ["success"]
    assert press(theirs, desk, "pause", old) == ["info"]
    paused = seen(mine, desk)
    assert press(mine, desk, "resume", paused) == ["success"]
    assert press(theirs, desk, "resume", paused) == ["info"]
    assert press(mine, desk, "cancel", seen(mine, desk)) == ["success"]
    assert press(theirs, desk, "cancel", paused) == ["info"]
    assert actions() == ["desk.pause", "desk.resume", "desk.cancel"]
    mailing.refresh_from_db()
    assert mailing.state == "cancelled"


@pytest.mark.parametrize("action", ["resume", "cancel"])
def test_an_old_page_decides_nothing_about_what_came_after_it(desk: Desk, action: str) -> None:
    mailing = cast.sending(desk, "paused")
    Mailing.objects.filter(pk=mailing.pk).update(reason="Paused by Timur.")
    browser = as_user(desk.approver)
    old = seen(browser, desk)
    # Resumed by a colleague, and then stopped for another reason.
    Mailing.objects.filter(pk=mailing.pk).update(reason="4 of 90 complained at mail.ru.")
    assert press(browser, desk, action, old) == ["warning"]
    assert press(browser, desk, action, "") == ["warning"]
    mailing.refresh_from_db()
    assert (mailing.state, actions()) == ("paused", [])
    assert press(browser, desk, action, seen(browser, desk)) == ["success"]


def test_pausing_is_possible_from_any_page(desk: Desk) -> None:
    cast.sending(desk)
    assert press(as_user(desk.approver), desk, "pause", "an old page") == ["success"]


@pytest.mark.both_databases
def test_whoever_is_faster_decides_and_the_other_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    mailing = cast.sending(desk)
    browser = as_user(desk.approver)
    page = seen(browser, desk)
    cancel = control.cancel

    def overtaken(found: Mailing, *args: Any) -> Mailing:
        # A colleague's request, between the check of the page and the action.
        cancel(mailing, desk.admin, timezone.now())
        return cancel(found, *args)

    from mailer.desk.sending import mailing_control

    action = mailing_control._ACTIONS["cancel"]._replace(do=overtaken)
    monkeypatch.setitem(mailing_control._ACTIONS, "cancel", action)
    assert press(browser, desk, "cancel", page) == ["info"] and actions() == []
    assert Delivery.objects.filter(mailing=mailing, reason="cancelled").count() == 1


@pytest.mark.both_databases
def test_a_mailing_of_more_readers_keeps_its_totals(desk: Desk) -> None:
    everyone.reader("bolat", ("KZ",), "ru")
    cast.sending(desk)
    context = as_user(desk.approver).get(at(desk, "progress")).context
    assert sum(row.recipients for row in context["providers"]) == context["totals"].audience
