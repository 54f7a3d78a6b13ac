"""The moment after "send now" in which it can be undone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.approval import approve, submit
from mailer.approval.errors import WrongState
from mailer.delivery.models import Mailing
from mailer.delivery.rollout import start_due
from tests import cast
from tests.delivery.cast import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
UNDO = timedelta(seconds=30)


@pytest.fixture
def snapshot(configure):
    configure(sending={"undo_seconds": 30})
    staff = cast.staff()
    cast.reader("aigul")
    snapshot = submit.submit(cast.december(staff.writer), staff.writer, NOW)
    approve.approve(snapshot, staff.approver, snapshot.sha256, NOW)
    return snapshot


def approver():
    return cast.User.objects.get(username="approver")


def test_now_means_after_the_undo_window(snapshot):
    approve.schedule(snapshot, approver(), None, NOW)
    assert snapshot.send_at == NOW + UNDO
    assert start_due.release_due(NOW + UNDO - timedelta(seconds=1)) == []
    assert len(start_due.release_due(NOW + UNDO)) == 1


def test_a_chosen_moment_needs_no_undo_window(snapshot):
    at = NOW + timedelta(seconds=5)
    approve.schedule(snapshot, approver(), at, NOW)
    assert snapshot.send_at == at


def test_undone_nothing_leaves_and_it_can_be_sent_again(snapshot):
    approve.schedule(snapshot, approver(), None, NOW)
    approve.unschedule(snapshot, approver())
    assert start_due.release_due(NOW + 2 * UNDO) == [] and not Mailing.objects.exists()
    approve.schedule(snapshot, approver(), None, NOW + 2 * UNDO)
    assert len(start_due.release_due(NOW + 4 * UNDO)) == 1


def test_too_late_is_told_in_words(snapshot):
    approve.schedule(snapshot, approver(), None, NOW)
    start_due.release_due(NOW + UNDO)
    with pytest.raises(WrongState, match="pause or cancel its mailing instead"):
        approve.unschedule(snapshot, approver())


def test_undone_in_the_moment_of_release_it_stays(snapshot, monkeypatch):
    """The worker has seen that it is due when somebody presses "Undo"."""
    approve.schedule(snapshot, approver(), None, NOW)
    really = start_due._release

    def late(found, now):
        approve.unschedule(snapshot, approver())
        really(found, now)

    monkeypatch.setattr(start_due, "_release", late)
    assert start_due.release_due(NOW + UNDO) == []
    assert not Mailing.objects.exists()
    snapshot.refresh_from_db()
    assert snapshot.state == "approved"


def test_the_window_that_was_approved_ends_no_later_for_it(snapshot):
    end = snapshot.window_until
    approve.schedule(snapshot, approver(), None, end - timedelta(seconds=10))
    assert snapshot.send_at == end
