"""A mailing is sent within its approved window, and ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.approval import snapshot_state_changes
from mailer.approval.snapshot_state_changes import WrongState
from mailer.delivery.ledger import recover_and_finish
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import mailing_control
from tests.delivery.cast import NOW, Clock, balances, readers, reasons, released, send, states

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "state, action",
    [("held", mailing_control.confirm_audience_and_start_sending), ("paused", mailing_control.resume)],
)
def test_a_mailing_does_not_continue_after_its_window(state, action):
    mailing = released()
    Mailing.objects.update(state=state)
    mailing.refresh_from_db()
    with pytest.raises(mailing_control.ControlError) as refused:
        action(mailing, None, mailing.snapshot.window_until + timedelta(minutes=1))
    assert refused.value.code == "window_passed"
    mailing.refresh_from_db()
    assert mailing.state == state
    mailing_control.cancel(mailing, None, NOW)


def test_a_held_mailing_expires_counted_from_its_confirmation():
    mailing = released()
    Mailing.objects.update(state="held")
    mailing.refresh_from_db()
    mailing_control.confirm_audience_and_start_sending(mailing, None, NOW + timedelta(days=5))
    assert mailing.expires_at == NOW + timedelta(days=5, hours=72)


@pytest.mark.both_databases
@pytest.mark.parametrize("go_on", [mailing_control.resume, mailing_control.release_all])
def test_the_time_for_retries_does_not_run_while_a_mailing_is_paused(configure, go_on):
    configure(sending={"rollout_percentages": ["50"]})
    readers(2)
    mailing = released()
    tried = Delivery.objects.order_by("pk").first()
    Delivery.objects.filter(pk=tried.pk).update(state="deferred", attempts=1, due_at=NOW)
    end = mailing.expires_at
    mailing_control.pause(mailing, None, NOW + timedelta(hours=1))
    later = NOW + timedelta(days=5)
    assert end < later < mailing.snapshot.window_until
    recover_and_finish.refuse_or_exclude_expired_deliveries(later)
    assert states(mailing) == {"planned": 1, "deferred": 1}
    go_on(mailing, None, later)
    assert mailing.expires_at == end + timedelta(days=5, hours=-1)
    recover_and_finish.refuse_or_exclude_expired_deliveries(later)
    assert states(mailing) == {"planned": 1, "deferred": 1}


def test_a_mailing_that_stays_paused_ends_with_its_window():
    readers(1)
    mailing = released()
    Delivery.objects.update(state="deferred", attempts=1, due_at=NOW)
    mailing_control.pause(mailing, None, NOW)
    late = mailing.snapshot.window_until + timedelta(minutes=1)
    recover_and_finish.refuse_or_exclude_expired_deliveries(late)
    assert reasons(mailing) == {"reader-0": "expired"} and balances(mailing)


def test_a_delivery_in_doubt_does_not_keep_an_expired_mailing_open():
    readers(2)
    mailing = released()
    Delivery.objects.filter(pk=Delivery.objects.first().pk).update(state="in_doubt", doubts=1)
    Delivery.objects.filter(state="planned").update(state="accepted")
    assert recover_and_finish.finish_mailings(NOW) == []
    late = mailing.expires_at + timedelta(minutes=1)
    assert recover_and_finish.settle_or_resend_in_doubt(late) == 0
    assert recover_and_finish.finish_mailings(late) == [mailing.pk]
    assert balances(mailing)


def test_a_snapshot_with_a_mailing_cannot_be_unscheduled():
    mailing = released()
    with pytest.raises(WrongState, match="pause or cancel"):
        snapshot_state_changes.unschedule(mailing.snapshot, mailing.snapshot.scheduled_by)
    mailing.snapshot.refresh_from_db()
    assert mailing.snapshot.state == "scheduled"


def test_after_window_and_expiry_nothing_is_sent():
    readers(3)
    mailing = released()
    attempted, *_ = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk=attempted.pk).update(state="deferred", attempts=1, due_at=NOW)
    expired = mailing.expires_at + timedelta(minutes=1)
    assert expired < mailing.snapshot.window_until
    recover_and_finish.refuse_or_exclude_expired_deliveries(expired)
    # The time for retries is over; deliveries never attempted may still be sent within the approved window.
    assert states(mailing) == {"planned": 2, "refused": 1}
    assert send(Clock(mailing.snapshot.window_until + timedelta(minutes=1))).attempted == 0
    assert states(mailing) == {"excluded": 2, "refused": 1}
    assert set(reasons(mailing).values()) == {"expired"}
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.DONE and balances(mailing)


def test_deliveries_deferred_by_the_throttle_may_be_sent_until_the_window_ends():
    readers(1)
    mailing = released()
    Delivery.objects.update(state="deferred", attempts=0, due_at=NOW)
    recover_and_finish.refuse_or_exclude_expired_deliveries(mailing.expires_at + timedelta(minutes=1))
    assert states(mailing) == {"deferred": 1}
    recover_and_finish.refuse_or_exclude_expired_deliveries(
        mailing.snapshot.window_until + timedelta(minutes=1)
    )
    assert states(mailing) == {"excluded": 1} and balances(mailing)
