"""The report: totals that balance, recipients not reached, and the controls of the mailing."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from mailer.delivery.models import Delivery
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from mailer.feedback.models import FeedbackEvent
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page


def report(desk: Desk) -> str:
    return reverse("desk_edition:report", args=[desk.edition.pk])


def not_delivered(desk: Desk, **query: str) -> str:
    page = reverse("desk_edition:not_delivered", args=[desk.edition.pk])
    return f"{page}?{urlencode(query)}"


def control(desk: Desk) -> str:
    return reverse("desk_edition:control", args=[desk.edition.pk])


def test_the_rows_of_the_totals_add_up_to_the_audience(desk: Desk) -> None:
    cast.sending(desk)
    page = as_user(desk.writer).get(report(desk))
    assert sum(count for _, count, _ in page.context["terms"]) == page.context["totals"].audience == 4
    assert page.context["totals"].balances


def test_subscribers_not_reached_are_listed_with_reason_and_server_response(desk: Desk) -> None:
    cast.sending(desk)
    page = as_user(desk.admin).get(not_delivered(desk))
    assert {reason for reason, _, _ in page.context["reasons"]} >= {"unconfirmed", "planned"}
    assert "550 5.1.1 No such user" in Page(page).text


def test_a_bounce_is_shown_with_its_reason_and_status(desk: Desk) -> None:
    mailing = cast.sending(desk)
    delivery = Delivery.objects.get(mailing=mailing, state="accepted")
    delivery.bounced_at = timezone.now()
    delivery.save()
    FeedbackEvent.objects.create(
        kind="bounce", bounce_class="hard", reason="unknown_user", status="5.1.1", delivery=delivery
    )
    page = as_user(desk.admin).get(not_delivered(desk))
    row = next(one for one in page.context["page"].object_list if one["subscriber"] == desk.reader)
    assert (row["tone"], row["event"].reason) == ("problem", "unknown_user")
    assert "aigul@example.net" in Page(page).text and "5.1.1" in Page(page).text


def test_an_erased_subscriber_is_listed_by_number(desk: Desk) -> None:
    mailing = cast.sending(desk)
    number = Delivery.objects.get(mailing=mailing, state="refused").subscriber
    assert f"Subscriber number {number}" in Page(as_user(desk.admin).get(not_delivered(desk))).text


def test_pause_resume_and_cancel_change_the_state_and_unknown_actions_do_not(desk: Desk) -> None:
    mailing = cast.sending(desk)
    browser = as_user(desk.approver)
    for action, state in (
        ("pause", "paused"),
        ("resume", "sending"),
        ("nonsense", "sending"),
        ("cancel", "cancelled"),
    ):
        seen = browser.get(report(desk)).context["seen"]
        browser.post(control(desk), {"action": action, "seen": seen})
        mailing.refresh_from_db()
        assert mailing.state == state
    page = browser.get(report(desk))
    assert page.context["totals"].excluded == {"cancelled": 1, "unconfirmed": 1}
    assert page.context["totals"].balances


def test_a_writer_sees_the_progress_and_cannot_control_it(desk: Desk) -> None:
    mailing = cast.sending(desk)
    browser = as_user(desk.writer)
    assert ("action", "pause") not in Page(browser.get(report(desk))).controls
    browser.post(control(desk), {"action": "pause"})
    mailing.refresh_from_db()
    assert mailing.state == "sending"


def test_a_mailing_on_hold_shows_the_reason_and_continues_when_confirmed(desk: Desk) -> None:
    mailing = cast.sending(desk, "held")
    mailing.reason = "Twice as many readers as the approver saw."
    mailing.save()
    browser = as_user(desk.approver)
    page = Page(browser.get(report(desk)))
    assert mailing.reason in page.text and ("action", "confirm") in page.controls
    browser.post(control(desk), {"action": "confirm", "seen": page.response.context["seen"]})
    mailing.refresh_from_db()
    assert mailing.state == "sending"


def test_creating_the_groups_again_changes_nothing(desk: Desk) -> None:
    groups = set_up_role_groups()
    before = {name: group.permissions.count() for name, group in groups.items()}
    again = {name: group.permissions.count() for name, group in set_up_role_groups().items()}
    assert before == again
    assert not groups["Approvers"].permissions.filter(codename__startswith="change_").exists()
