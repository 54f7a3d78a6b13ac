"""The seconds after "Send now" in which it can be undone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.approval import snapshot_state_changes, submit
from mailer.approval.models import Snapshot
from mailer.approval.snapshot_state_changes import WrongState
from mailer.delivery.models import Mailing
from mailer.delivery.rollout import advance_mailings
from tests import cast
from tests.delivery.cast import NOW
from tests.recorded import recorded

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
UNDO = timedelta(seconds=30)


@pytest.fixture
def snapshot(configure):
    configure(sending={"undo_seconds": 30})
    return approved()


@recorded
def approved() -> Snapshot:
    staff = cast.staff()
    cast.reader("aigul")
    snapshot = submit.submit(cast.december(staff.writer), staff.writer, NOW)
    snapshot_state_changes.approve(snapshot, staff.approver, snapshot.sha256, NOW)
    return snapshot


def approver():
    return cast.User.objects.get(username="approver")


def test_now_means_after_the_undo_window(snapshot):
    snapshot_state_changes.schedule(snapshot, approver(), None, NOW)
    assert snapshot.send_at == NOW + UNDO
    assert advance_mailings.create_and_start_or_hold_due_mailings(NOW + UNDO - timedelta(seconds=1)) == []
    assert len(advance_mailings.create_and_start_or_hold_due_mailings(NOW + UNDO)) == 1


def test_a_chosen_time_has_no_undo_window(snapshot):
    at = NOW + timedelta(seconds=5)
    snapshot_state_changes.schedule(snapshot, approver(), at, NOW)
    assert snapshot.send_at == at


def test_after_undo_nothing_is_sent_and_it_can_be_scheduled_again(snapshot):
    snapshot_state_changes.schedule(snapshot, approver(), None, NOW)
    snapshot_state_changes.unschedule(snapshot, approver())
    assert (
        advance_mailings.create_and_start_or_hold_due_mailings(NOW + 2 * UNDO) == []
        and not Mailing.objects.exists()
    )
    snapshot_state_changes.schedule(snapshot, approver(), None, NOW + 2 * UNDO)
    assert len(advance_mailings.create_and_start_or_hold_due_mailings(NOW + 4 * UNDO)) == 1


def test_it_cannot_be_undone_once_the_mailing_exists(snapshot):
    snapshot_state_changes.schedule(snapshot, approver(), None, NOW)
    advance_mailings.create_and_start_or_hold_due_mailings(NOW + UNDO)
    with pytest.raises(WrongState, match="pause or cancel its sending instead"):
        snapshot_state_changes.unschedule(snapshot, approver())


def test_undone_after_the_worker_read_that_it_is_due_nothing_is_sent(snapshot):
    snapshot_state_changes.schedule(snapshot, approver(), None, NOW)
    due = type(snapshot).objects.get(pk=snapshot.pk)
    snapshot_state_changes.unschedule(snapshot, approver())
    advance_mailings.create_mailing_or_stop_snapshot(due, NOW + UNDO)
    assert not Mailing.objects.exists()
    snapshot.refresh_from_db()
    assert snapshot.state == "approved"


def test_the_undo_window_does_not_extend_the_approved_window(snapshot):
    end = snapshot.window_until
    snapshot_state_changes.schedule(snapshot, approver(), None, end - timedelta(seconds=10))
    assert snapshot.send_at == end
