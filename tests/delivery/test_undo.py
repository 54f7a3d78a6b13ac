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
def copy(configure):
    configure(sending={"undo_seconds": 30})
    staff = cast.staff()
    cast.reader("aigul")
    copy = submit.submit(cast.december(staff.writer), staff.writer, NOW)
    approve.approve(copy, staff.approver, copy.sha256, NOW)
    return copy


def approver():
    return cast.User.objects.get(username="approver")


def test_now_means_after_the_undo_window(copy):
    approve.schedule(copy, approver(), None, NOW)
    assert copy.send_at == NOW + UNDO
    assert start_due.release_due(NOW + UNDO - timedelta(seconds=1)) == []
    assert len(start_due.release_due(NOW + UNDO)) == 1


def test_a_chosen_moment_needs_no_undo_window(copy):
    at = NOW + timedelta(seconds=5)
    approve.schedule(copy, approver(), at, NOW)
    assert copy.send_at == at


def test_undone_nothing_leaves_and_it_can_be_sent_again(copy):
    approve.schedule(copy, approver(), None, NOW)
    approve.unschedule(copy, approver())
    assert start_due.release_due(NOW + 2 * UNDO) == [] and not Mailing.objects.exists()
    approve.schedule(copy, approver(), None, NOW + 2 * UNDO)
    assert len(start_due.release_due(NOW + 4 * UNDO)) == 1


def test_too_late_is_told_in_words(copy):
    approve.schedule(copy, approver(), None, NOW)
    start_due.release_due(NOW + UNDO)
    with pytest.raises(WrongState, match="pause or cancel its mailing instead"):
        approve.unschedule(copy, approver())


def test_undone_in_the_moment_of_release_it_stays(copy, monkeypatch):
    """The worker has seen that it is due when somebody presses "Undo"."""
    approve.schedule(copy, approver(), None, NOW)
    really = start_due._release

    def late(found, now):
        approve.unschedule(copy, approver())
        really(found, now)

    monkeypatch.setattr(start_due, "_release", late)
    assert start_due.release_due(NOW + UNDO) == []
    assert not Mailing.objects.exists()
    copy.refresh_from_db()
    assert copy.state == "approved"


def test_the_window_that_was_approved_ends_no_later_for_it(copy):
    end = copy.window_until
    approve.schedule(copy, approver(), None, end - timedelta(seconds=10))
    assert copy.send_at == end
