"""Sending to each subscriber at the same local hour, within the approved window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.approval import snapshot_state_changes, submit
from mailer.approval.models import Snapshot
from mailer.approval.send_time_in_reader_timezone import local_send_time, next_hour
from mailer.approval.snapshot_state_changes import OutsideWindow
from mailer.delivery.engine import send_loop
from mailer.delivery.ledger import claim_and_record, recover_and_finish
from mailer.delivery.models import Delivery
from mailer.delivery.rollout import advance_mailings, mailing_control
from tests import cast
from tests.delivery.cast import Clock, balances, states
from tests.recorded import recorded

# Three in the morning in London, nine in Almaty's winter of 2021.
AT = datetime(2021, 12, 3, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "countries, due",
    [
        # UTC+6: it is nine there at this very moment.
        (("KG",), AT),
        # UTC+5, in two zones that agree.
        (("UZ",), AT + timedelta(hours=1)),
        (("UZ", "TJ"), AT + timedelta(hours=1)),
        # UTC+3
        (("TR",), AT + timedelta(hours=3)),
        # Their clocks do not agree: the newsletter's zone decides.
        (("KG", "TJ"), AT),
        (("RU",), AT),
        ((), AT),
        # UTC+9: nine is over, so tomorrow.
        (("JP",), AT + timedelta(hours=21)),
    ],
)
def test_it_is_the_hour_where_the_subscriber_is(countries, due):
    assert local_send_time(countries, AT, 9, ZoneInfo("Asia/Bishkek")) == due


@given(
    start=st.integers(0, 9 * 365 * 24 * 60).map(lambda minutes: AT + timedelta(minutes=minutes)),
    hour=st.integers(0, 23),
    zone=st.sampled_from(
        ["Asia/Almaty", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"]
    ),
)
def test_the_hour_comes_within_a_day_and_is_that_hour(start, hour, zone):
    found = next_hour(start, hour, ZoneInfo(zone))
    # A day on which the clocks are turned has an hour more, or lacks the one that was asked for.
    assert timedelta(0) <= found - start <= timedelta(hours=25)
    assert abs(found.astimezone(ZoneInfo(zone)).hour - hour) in (0, 1, 23)


@pytest.fixture
def snapshot(db):
    return approved()


@recorded
def approved() -> Snapshot:
    """Approved, for a reader in each of three zones and one whom suppression keeps out."""
    staff = cast.staff()
    edition = cast.december(staff.writer)
    for name, countries in (("bishkek", ("KG",)), ("tashkent", ("UZ",)), ("both", ("KG", "UZ"))):
        cast.reader(name, countries)
    cast.reader("unconfirmed", ("KG",), state="pending")
    snapshot = submit.submit(edition, staff.writer, AT)
    snapshot_state_changes.approve(snapshot, staff.approver, snapshot.sha256, AT)
    return snapshot


def approver():
    return cast.User.objects.get(username="approver")


def due(mailing):
    names = {s.pk: s.email.split("@")[0] for s in cast.Subscriber.objects.all()}
    return {names[d.subscriber]: d.due_at for d in Delivery.objects.filter(mailing=mailing) if d.due_at}


@pytest.mark.both_databases
def test_planning_gives_each_subscriber_their_local_hour(snapshot):
    snapshot_state_changes.schedule(snapshot, approver(), None, AT, local_hour=9)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(AT)
    tomorrow = AT + timedelta(days=1)
    # The newsletter's zone is Almaty, which was at UTC+6 then.
    assert due(mailing) == {"bishkek": AT, "tashkent": AT + timedelta(hours=1), "both": AT}
    assert states(mailing) == {"deferred": 3, "excluded": 1}
    assert mailing.state == "sending" and balances(mailing)
    assert mailing.expires_at > max(due(mailing).values()) + timedelta(hours=71)
    assert len(claim_and_record.claim_or_exclude_due_deliveries(mailing, "me", tomorrow, 10, AT)) == 2
    assert (
        len(
            claim_and_record.claim_or_exclude_due_deliveries(
                mailing, "me", tomorrow, 10, AT + timedelta(hours=1)
            )
        )
        == 1
    )


def test_no_delivery_expires_before_its_hour(snapshot, configure):
    configure(sending={"expire_after_hours": 1})
    snapshot_state_changes.schedule(snapshot, approver(), None, AT + timedelta(hours=1), local_hour=9)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(AT + timedelta(hours=1))
    late = AT + timedelta(hours=23)
    recover_and_finish.refuse_or_exclude_expired_deliveries(late)
    recover_and_finish.finish_mailings(late)
    mailing.refresh_from_db()
    assert (mailing.state, states(mailing)) == ("sending", {"deferred": 3, "excluded": 1})


def test_no_delivery_is_due_after_the_approved_window(snapshot):
    """It ends at nine in Almaty, which is an hour before it is nine in Tashkent."""
    last = snapshot.window_until - timedelta(minutes=30)
    snapshot_state_changes.schedule(snapshot, approver(), last, AT, local_hour=9)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(last)
    assert set(due(mailing).values()) == {snapshot.window_until}


def test_an_hour_after_the_window_is_refused(snapshot):
    last = snapshot.window_until - timedelta(minutes=30)
    with pytest.raises(OutsideWindow, match="before 11:00"):
        snapshot_state_changes.schedule(snapshot, approver(), last, AT, local_hour=11)


@pytest.mark.both_databases
def test_a_held_mailing_keeps_local_hours_and_retry_time(snapshot):
    for number in range(30):
        cast.reader(f"new-{number}", ("UZ",))
    snapshot_state_changes.schedule(snapshot, approver(), None, AT, local_hour=9)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(AT)
    assert mailing.state == "held"
    mailing_control.confirm_audience_and_start_sending(mailing, None, AT)
    assert mailing.expires_at == AT + timedelta(hours=1 + 72)


@pytest.mark.both_databases
def test_unscheduling_removes_the_local_hour(snapshot):
    snapshot_state_changes.schedule(snapshot, approver(), AT + timedelta(hours=4), AT, local_hour=9)
    snapshot_state_changes.unschedule(snapshot, approver())
    assert (snapshot.local_hour, snapshot.send_at) == (None, None)


def test_steps_do_not_apply(snapshot, configure):
    configure(sending={"rollout_percentages": ("10",)})
    snapshot_state_changes.schedule(snapshot, approver(), None, AT, local_hour=9)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(AT)
    assert mailing.released_up_to is None


def test_a_mailing_that_waits_for_an_hour_stays_open(snapshot):
    snapshot_state_changes.schedule(snapshot, approver(), None, AT, local_hour=20)
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(AT)
    clock = Clock(AT)
    assert send_loop.send_due(clock, lambda: False).attempted == 0
    mailing.refresh_from_db()
    assert mailing.state == "sending"
