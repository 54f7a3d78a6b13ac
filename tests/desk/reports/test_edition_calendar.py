"""The calendar of all newsletters, and its feed at a private address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from icalendar import Calendar

from mailer.desk.base.edition_workflow import state_tone_and_label
from mailer.editions.assemble import create_edition_unless_exists
from mailer.editions.models import EditionPlan, Newsletter
from mailer.reports.edition_calendar import calendar_events
from tests import cast as everyone
from tests.desk.cast import Desk, approved, as_user, sending
from tests.desk.page import Page

pytestmark = pytest.mark.django_db


def plan(desk: Desk) -> Newsletter:
    newsletter = desk.edition.newsletter
    newsletter.send_on, newsletter.cutoff_hours = "monthly first tuesday 10:00", 24
    newsletter.save()
    return newsletter


def test_the_calendar_has_what_is_planned_and_what_became_of_it(desk: Desk) -> None:
    newsletter = plan(desk)
    start = datetime(2022, 1, 1, tzinfo=UTC)
    found = calendar_events(start, start + timedelta(days=31), everyone.NOW)
    assert [(one.kind, f"{one.at:%d %H:%M}", one.outcome) for one in found] == [
        *(("cutoff", "02 09:00", ""), ("assembly", "03 09:00", "")),
        *(("approval_reminder", "03 10:00", ""), ("sending", "04 10:00", "")),
    ]
    edition = create_edition_unless_exists(newsletter, "2022-01", datetime(2022, 1, 3, 4, tzinfo=UTC))
    later = datetime(2022, 1, 5, tzinfo=UTC)
    EditionPlan.objects.filter(edition=edition).update(held_at=later)
    found = calendar_events(start, start + timedelta(days=31), later)
    assert [(one.kind, one.outcome) for one in found] == [
        *(("assembly", "assembled"), ("sending", "unapproved"))
    ]
    page = Page(as_user(desk.writer).get(reverse("desk_calendar"), {"month": "2022-01"}))
    assert page.status == 200 and reverse("desk_edition:variants", args=[edition.pk]) in page.links
    assert as_user(desk.writer).get(reverse("desk_calendar"), {"month": "0000-99"}).status_code == 200


def test_a_held_sending_says_whether_it_was_approved(desk: Desk) -> None:
    plan(desk)
    approved(desk)
    start = datetime(2022, 1, 1, tzinfo=UTC)
    at = {"assemble_at": start, "send_at": start + timedelta(days=1), "held_at": start + timedelta(days=1)}
    EditionPlan.objects.filter(edition=desk.edition).update(state=EditionPlan.State.ASSEMBLED, **at)
    found = calendar_events(start, start + timedelta(days=31), start + timedelta(days=2))
    outcomes = [one.outcome for one in found if one.edition == desk.edition and one.kind == "sending"]
    assert outcomes == ["unscheduled"]
    page = as_user(desk.writer).get(reverse("desk_calendar"), {"month": "2022-01"})
    assert page.status_code == 200


@pytest.mark.parametrize(("state", "missed"), [("held", False), ("paused", True), ("cancelled", True)])
def test_an_edition_with_a_mailing_is_not_called_unapproved(desk: Desk, state: str, missed: bool) -> None:
    plan(desk)
    sending(desk, state)
    start = datetime(2022, 1, 1, tzinfo=UTC)
    EditionPlan.objects.filter(edition=desk.edition).update(
        state=EditionPlan.State.ASSEMBLED,
        assemble_at=start,
        send_at=start + timedelta(days=5),
        held_at=start + timedelta(days=5) if missed else None,
    )
    found = calendar_events(start, start + timedelta(days=31), start + timedelta(days=6))
    assert [(one.kind, one.outcome) for one in found if one.edition == desk.edition] == [
        ("assembly", "assembled"),
        ("sending", state),
    ]
    page = as_user(desk.writer).get(reverse("desk_calendar"), {"month": "2022-01"})
    shown = {line.outcome for _day, lines in page.context["days"] for line in lines}
    assert state_tone_and_label(state)[1] in shown


def test_the_feed_has_zones_and_no_addresses_and_ends_when_it_is_revoked(desk: Desk) -> None:
    newsletter = plan(desk)
    browser, page = as_user(desk.writer), reverse("desk_calendar")
    browser.post(page, {"action": "create"})
    path = urlsplit(browser.get(page).context["address"]).path
    anyone = Client()
    answer = anyone.get(path)
    read = Calendar.from_ical(answer.content)
    assert answer.status_code == 200 and answer["Cache-Control"] == "private, no-store"
    assert [one["TZID"] for one in read.walk("VTIMEZONE")] == [newsletter.zone]
    assert read.walk("VEVENT") and b"office.example.org" not in answer.content
    assert len({one["UID"] for one in read.walk("VEVENT")}) == len(read.walk("VEVENT"))
    # A new address replaces it.
    browser.post(page, {"action": "create"})
    assert anyone.get(path).status_code == 404
    path = urlsplit(browser.get(page).context["address"]).path
    assert anyone.get(path).status_code == 200
    desk.writer.user_permissions.set(Permission.objects.none())
    desk.writer.groups.clear()
    assert anyone.get(path).status_code == 404
    assert anyone.get(path.replace("/calendar/", "/calendar/1")).status_code == 404
