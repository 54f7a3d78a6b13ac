"""The planned time of sending: reminders before it, automatic scheduling, and the alarm when it is missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from wagtail.log_actions import log

from mailer.approval import snapshot_state_changes
from mailer.approval.models import Notification, Snapshot
from mailer.approval.submit import submit
from mailer.delivery.models import Alert, Mailing
from mailer.delivery.rollout import advance_mailings, schedule_or_hold_planned_editions
from mailer.editions.assemble import assemble_due
from mailer.editions.models import Edition, EditionPlan, Newsletter
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

# 09:00 on 3 December, and 10:00 on Tuesday, 7 December, in Almaty.
ASSEMBLED = datetime(2021, 12, 3, 3, tzinfo=UTC)
SENDS = datetime(2021, 12, 7, 4, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def staff() -> cast.Staff:
    people = cast.staff()
    for user in (people.writer, people.approver):
        user.user_permissions.add(Permission.objects.get(codename="access_admin"))
    return people


def edition(**changes: Any) -> Edition:
    """The December edition, assembled by its schedule."""
    values = {
        "languages": ("en",),
        "fallbacks": ("en",),
        "send_on": "monthly first tuesday 10:00",
        "approval_reminder_hours": 24,
    }
    cast.newsletter(**{**values, **changes})
    cast.reader("aigul", ("KZ",))
    cast.december_stories()
    (made,) = assemble_due(ASSEMBLED)
    return made


def plan() -> EditionPlan:
    return EditionPlan.objects.get()


def notified(event: str) -> list[str]:
    found = Notification.objects.filter(event=event).order_by("user__username")
    return list(found.values_list("user__username", flat=True))


def approve(snapshot: Snapshot, staff: cast.Staff, now: datetime) -> None:
    snapshot_state_changes.approve(snapshot, staff.approver, snapshot.sha256, now)


def run(now: datetime) -> int:
    """What the worker does at a moment: it must send nothing that is not approved."""
    steps = schedule_or_hold_planned_editions.run_due(now)
    advance_mailings.create_and_start_or_hold_due_mailings(now)
    return steps


def test_approvers_are_reminded_once_some_hours_before(staff: cast.Staff) -> None:
    submit(edition(), staff.writer, ASSEMBLED + HOUR)
    assert run(SENDS - timedelta(hours=24) - MINUTE) == 0
    assert (run(SENDS - timedelta(hours=24)), run(SENDS - HOUR)) == (1, 0)
    # Not the author, who may not approve it.
    assert notified("approval_reminder") == ["admin", "approver"]


def test_who_is_reminded_depends_on_the_next_step(staff: cast.Staff) -> None:
    made = edition()
    assert run(SENDS - HOUR) == 1
    assert "writer" in notified("approval_reminder")
    Notification.objects.all().delete()
    EditionPlan.objects.update(approvers_reminded_at=None)
    snapshot = submit(made, staff.writer, SENDS - HOUR)
    approve(snapshot, staff, SENDS - HOUR)
    assert run(SENDS - 30 * MINUTE) == 1
    assert "writer" not in notified("approval_reminder")


def test_what_is_not_approved_in_time_is_held_with_one_alarm_and_stays_so(staff: cast.Staff) -> None:
    snapshot = submit(edition(schedules_itself=True), staff.writer, ASSEMBLED + HOUR)
    run(SENDS - HOUR)
    assert (run(SENDS), run(SENDS + MINUTE)) == (1, 0)
    assert plan().held_at == SENDS
    assert Alert.objects.filter(kind=f"planned_sending_{plan().pk}").count() == 1
    # A late approval sends nothing: a person decides when.
    approve(snapshot, staff, SENDS + HOUR)
    run(SENDS + 2 * HOUR)
    snapshot.refresh_from_db()
    assert (snapshot.state, Mailing.objects.count()) == ("approved", 0)
    snapshot_state_changes.schedule(snapshot, staff.approver, SENDS + 3 * HOUR, SENDS + 2 * HOUR)
    run(SENDS + 3 * HOUR)
    assert Mailing.objects.get().snapshot == snapshot


def test_an_edition_that_nobody_submitted_is_held_too(staff: cast.Staff) -> None:
    edition()
    assert run(SENDS) == 1
    assert plan().held_at == SENDS and not Mailing.objects.exists()


def test_what_is_approved_in_time_is_scheduled_for_the_planned_time(staff: cast.Staff) -> None:
    snapshot = submit(edition(schedules_itself=True), staff.writer, ASSEMBLED + HOUR)
    approve(snapshot, staff, SENDS - 2 * HOUR)
    assert run(SENDS - HOUR) == 1
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.send_at, Mailing.objects.count()) == ("scheduled", SENDS, 0)
    run(SENDS)
    assert Mailing.objects.get().created_at == SENDS and plan().held_at is None


def test_without_automatic_scheduling_an_approved_edition_waits_for_a_person(staff: cast.Staff) -> None:
    snapshot = submit(edition(), staff.writer, ASSEMBLED + HOUR)
    approve(snapshot, staff, ASSEMBLED + 2 * HOUR)
    run(SENDS - HOUR)
    assert run(SENDS) == 1
    snapshot.refresh_from_db()
    assert (snapshot.state, plan().held_at, Mailing.objects.count()) == ("approved", SENDS, 0)


def test_a_person_who_took_the_schedule_back_is_not_overruled(staff: cast.Staff) -> None:
    snapshot = submit(edition(schedules_itself=True), staff.writer, ASSEMBLED + HOUR)
    approve(snapshot, staff, SENDS - 3 * HOUR)
    run(SENDS - 2 * HOUR)
    Snapshot.objects.filter(pk=snapshot.pk).update(state="approved", send_at=None)
    run(SENDS - HOUR)
    snapshot.refresh_from_db()
    assert snapshot.state == "approved"
    run(SENDS)
    assert plan().held_at == SENDS and not Mailing.objects.exists()


@pytest.mark.parametrize("taken_back", [False, True])
def test_a_corrected_version_takes_the_place_of_the_scheduled_one(
    staff: cast.Staff, *, taken_back: bool
) -> None:
    made = edition(schedules_itself=True)
    first = submit(made, staff.writer, ASSEMBLED + HOUR)
    approve(first, staff, SENDS - 5 * HOUR)
    run(SENDS - 4 * HOUR)
    if taken_back:
        snapshot_state_changes.unschedule(first, staff.approver)
        log(instance=made, action="desk.unschedule", user=staff.approver)
    snapshot_state_changes.withdraw(first, staff.approver, "A date is wrong")
    run(SENDS - 3 * HOUR)
    second = submit(made, staff.writer, SENDS - 3 * HOUR)
    approve(second, staff, SENDS - 2 * HOUR)
    run(SENDS - HOUR)
    second.refresh_from_db()
    assert (second.state, second.send_at) == (("approved", None) if taken_back else ("scheduled", SENDS))
    run(SENDS)
    assert (plan().held_at is None, Mailing.objects.filter(snapshot=second).exists()) == (
        (False, False) if taken_back else (True, True)
    )


def test_a_worker_that_comes_far_too_late_asks_before_anything_is_sent(staff: cast.Staff) -> None:
    snapshot = submit(edition(schedules_itself=True), staff.writer, ASSEMBLED + HOUR)
    approve(snapshot, staff, SENDS - 2 * HOUR)
    run(SENDS - HOUR)
    # The machine sleeps for a day.
    late = SENDS + timedelta(days=1)
    run(late)
    snapshot.refresh_from_db()
    assert (snapshot.state, plan().held_at, Mailing.objects.count()) == ("approved", late, 0)
    assert Alert.objects.filter(kind=f"planned_sending_{plan().pk}").count() == 1


def test_a_newsletter_without_a_planned_time_has_neither_reminder_nor_alarm(staff: cast.Staff) -> None:
    edition(send_on="")
    assert Newsletter.objects.get().send_on == ""
    assert [run(moment) for moment in (SENDS - HOUR, SENDS, SENDS + timedelta(days=30))] == [0, 0, 0]
    assert plan().send_at is None and not Alert.objects.exists()
