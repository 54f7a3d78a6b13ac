"""Notifications: of what, to whom, by which way; each once, as each person chose."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailer.approval import notification_preferences_and_dispatch, snapshot_state_changes
from mailer.approval.models import Notification
from mailer.approval.new_draft_and_approval_request_emails import send_edition_notices
from mailer.approval.outcome_notices import send_approval_outcome_notices
from mailer.approval.submit import submit
from mailer.delivery.outbox import staff_alerts
from mailer.delivery.outbox.mailing_notices import notify_of_mailings_and_count_emails
from mailer.delivery.rollout import mailing_control
from mailer.stories.models import Story
from tests.desk import cast
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page

LIST, CHOICE = reverse("desk_notifications"), reverse("desk_notification_choice")


def events_of(user: User) -> list[str]:
    return list(Notification.objects.filter(user=user).order_by("pk").values_list("event", flat=True))


def mailed() -> list[str]:
    return sorted(address for message in mail.outbox for address in message.to)


def test_the_writer_is_notified_of_the_approval_once(desk: Desk) -> None:
    cast.approved(desk)
    now = timezone.now()
    assert send_approval_outcome_notices(now) == 1 and send_approval_outcome_notices(now) == 0
    assert mailed() == [desk.writer.email] and events_of(desk.writer) == ["approved"]
    assert events_of(desk.approver) == []


def test_the_writer_is_notified_of_requested_changes_with_the_reason(desk: Desk) -> None:
    snapshot = cast.submitted(desk)
    snapshot_state_changes.withdraw(snapshot, desk.approver, "Wrong date.")
    assert send_approval_outcome_notices(timezone.now()) == 1
    assert "Wrong date." in str(mail.outbox[0].body) and events_of(desk.writer) == ["changes_requested"]


def test_a_submission_in_the_place_of_another_requests_no_changes(desk: Desk) -> None:
    first = cast.submitted(desk)
    submit(desk.edition, desk.writer, timezone.now())
    first.refresh_from_db()
    assert first.state == first.State.WITHDRAWN
    assert send_approval_outcome_notices(timezone.now()) == 0 and not events_of(desk.writer)


def test_a_new_schedule_is_a_new_notification_and_the_one_who_chose_it_gets_none(desk: Desk) -> None:
    snapshot = cast.scheduled(desk)
    now = timezone.now()
    send_approval_outcome_notices(now)
    snapshot_state_changes.unschedule(snapshot, desk.approver)
    snapshot.refresh_from_db()
    snapshot_state_changes.schedule(snapshot, desk.approver, now + timedelta(hours=3), now)
    send_approval_outcome_notices(now)
    assert events_of(desk.writer).count("scheduled") == 2
    assert "scheduled" not in events_of(desk.approver)


def test_authors_and_approvers_are_notified_once_of_a_schedule_that_a_change_withdrew(desk: Desk) -> None:
    cast.scheduled(desk)
    send_approval_outcome_notices(timezone.now())
    mail.outbox.clear()
    story = Story.objects.get(key="kz-news")
    story.link = "https://example.org/changed"
    story.save_revision(user=desk.writer)
    assert send_approval_outcome_notices(timezone.now()) == 0
    story.get_latest_revision().publish(user=desk.writer)
    assert (
        send_approval_outcome_notices(timezone.now()) == 2
        and send_approval_outcome_notices(timezone.now()) == 0
    )
    assert mailed() == sorted([desk.writer.email, desk.approver.email])
    assert events_of(desk.approver) == ["approval_ended"]
    assert events_of(desk.writer)[-1] == "approval_ended"


@pytest.mark.parametrize(("state", "event"), [("done", "sent"), ("paused", "paused"), ("held", "paused")])
def test_who_decides_is_notified_of_the_end_and_of_a_stop(desk: Desk, state: str, event: str) -> None:
    mailing = cast.sending(desk, state)
    now = timezone.now()
    mailing.finished_at = now if state == "done" else None
    mailing.save()
    notify_of_mailings_and_count_emails(now)
    assert notify_of_mailings_and_count_emails(now) == 0
    assert events_of(desk.approver) == [event]


def test_every_pause_is_a_new_notification(desk: Desk) -> None:
    mailing, now = cast.sending(desk), timezone.now()
    for minutes in range(2):
        at = now + timedelta(minutes=minutes)
        mailing_control.pause(mailing, desk.admin, at)
        notify_of_mailings_and_count_emails(at)
        notify_of_mailings_and_count_emails(at)
        mailing_control.resume(mailing, desk.admin, at)
        notify_of_mailings_and_count_emails(at)
    mailing_control.pause_automatically(mailing.pk, "The relay answers no more.")
    notify_of_mailings_and_count_emails(now)
    assert events_of(desk.approver) == ["paused"] * 3


def test_notices_that_were_given_long_ago_are_not_read_again(
    desk: Desk,
) -> None:
    cast.approved(desk)
    now = timezone.now()
    send_approval_outcome_notices(now)
    send_edition_notices(now)
    with CaptureQueriesContext(connection) as read:
        assert send_approval_outcome_notices(now) == send_edition_notices(now) == 0
    assert not [one for one in read.captured_queries if "LIKE" in one["sql"]]


def test_each_person_chooses_the_ways(desk: Desk) -> None:
    browser = as_user(desk.writer)
    form = browser.get(CHOICE).context["form"]
    assert "approved" in form.fields and "alert" not in form.fields
    browser.post(CHOICE, {"approved": ["desk"], "changes_requested": ["email"]})
    cast.approved(desk)
    assert send_approval_outcome_notices(timezone.now()) == 0
    assert events_of(desk.writer) == ["approved"]
    assert notification_preferences_and_dispatch.notification_ways([desk.writer], "changes_requested")[
        desk.writer.pk
    ] == {"email"}


def test_an_admin_without_alerts_by_email_sees_them_in_the_desk(desk: Desk) -> None:
    notification_preferences_and_dispatch.save_choices(desk.admin, {"alert": ["desk"]})
    staff_alerts.alert_sending_stopped("disk", "The disk is full", None, timezone.now())
    assert desk.admin.email not in mailed() and events_of(desk.admin) == ["alert"]


def test_the_menu_counts_what_is_unread_until_it_is_marked(desk: Desk) -> None:
    notification_preferences_and_dispatch.add_desk_notifications_if_chosen(
        "alert", [desk.admin], "The disk is full", "/desk/checks/", timezone.now()
    )
    browser = as_user(desk.admin)
    page = Page(browser.get(LIST))
    assert "Notifications (1)" in page.html and "/desk/checks/" in page.links
    browser.post(LIST)
    assert "Notifications (1)" not in Page(browser.get(LIST)).html
    assert not Notification.objects.filter(user=desk.admin, read_at=None).exists()
