"""A rollout: which deliveries are released, what pauses it, and what staff can do then."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.delivery.models import Alert, Delivery, Intervention, Mailing, ProviderHour, ThrottleState
from mailer.delivery.rollout import advance_mailings, mailing_control, plan_deliveries
from mailer.delivery.throttle import hourly_outcomes_by_provider
from mailer.delivery.throttle.hourly_outcomes_by_provider import ProviderCounts, StatsBucket
from tests.delivery.cast import NOW, Clock, balances, readers, released, states
from tests.environment import examples

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def stepped(configure):
    """A mailing to forty readers, of whom a tenth goes first, then half; two cases are enough to tell."""
    configure(sending={"rollout_percentages": ("10", "50"), "rollout_wait_minutes": 30})
    configure(stop_rules={"bounced_stop": 20.0, "min_bounced": 2})
    readers(40)
    return released()


def released_rows(mailing):
    mailing.refresh_from_db()
    rows = Delivery.objects.filter(mailing=mailing)
    return rows if mailing.released_up_to is None else rows.filter(pk__lte=mailing.released_up_to)


def finish_released(mailing, **columns):
    """Every released delivery is accepted, or gets the given columns."""
    changes = {"state": "accepted", "attempts": 1, **columns}
    left = released_rows(mailing).filter(state="planned").update(**changes)
    hourly_outcomes_by_provider.add(
        [(StatsBucket(mailing.pk, "example.net", NOW), ProviderCounts(attempted=left, accepted=left))]
    )


def add_cases(mailing, number, sign="bounced", at=NOW):
    hourly_outcomes_by_provider.add(
        [(StatsBucket(mailing.pk, "example.net", at), ProviderCounts(**{sign: number}))]
    )


def test_only_a_share_is_released_and_the_rest_stays_planned(stepped):
    assert (stepped.step, released_rows(stepped).count()) == (0, 4)
    finish_released(stepped)
    assert states(stepped) == {"accepted": 4, "planned": 36}
    assert balances(stepped)


def test_the_next_step_begins_when_all_were_tried_and_the_wait_is_over(stepped):
    clock = Clock()
    assert advance_mailings.advance_or_pause_rollouts(clock()) == []
    finish_released(stepped)
    assert advance_mailings.advance_or_pause_rollouts(clock()) == []
    clock.move(minutes=29)
    assert advance_mailings.advance_or_pause_rollouts(clock()) == []
    clock.move(minutes=1)
    assert advance_mailings.advance_or_pause_rollouts(clock()) == [stepped]
    assert (stepped.refresh_from_db(), stepped.step, released_rows(stepped).count())[1:] == (1, 20)
    finish_released(stepped)
    advance_mailings.advance_or_pause_rollouts(clock())
    clock.move(minutes=30)
    advance_mailings.advance_or_pause_rollouts(clock())
    stepped.refresh_from_db()
    assert (stepped.step, stepped.released_up_to, stepped.state) == (2, None, "sending")
    assert advance_mailings.advance_or_pause_rollouts(clock()) == []


def test_a_delivery_deferred_untried_keeps_its_step_open(stepped):
    finish_released(stepped, state="deferred", attempts=0)
    clock = Clock()
    advance_mailings.advance_or_pause_rollouts(clock())
    clock.move(hours=2)
    assert advance_mailings.advance_or_pause_rollouts(clock()) == []


def test_the_stop_rules_pause_a_step_at_once_and_alert_staff(stepped, mailoutbox):
    finish_released(stepped)
    add_cases(stepped, 3)
    assert advance_mailings.advance_or_pause_rollouts(NOW) == [stepped]
    stepped.refresh_from_db()
    (one,) = stepped.interventions.all()
    assert (one.action, one.metric, one.cases, one.total) == ("paused", "bounced", 3, 4)
    assert stepped.state == "paused" and "10 %" in stepped.reason and one.message in stepped.reason
    assert Alert.objects.get().message == stepped.reason
    (mail,) = mailoutbox
    assert mail.to == ["admin@office.example.org"] and stepped.reason in mail.body


def test_a_single_bounce_pauses_nothing(stepped):
    finish_released(stepped)
    add_cases(stepped, 1)
    assert advance_mailings.advance_or_pause_rollouts(NOW) == []


def test_resuming_after_the_stop_rules_begins_the_next_step_and_counts_anew(stepped):
    finish_released(stepped)
    add_cases(stepped, 4)
    clock = Clock()
    advance_mailings.advance_or_pause_rollouts(clock())
    stepped.refresh_from_db()
    clock.move(minutes=10)
    mailing_control.resume(stepped, None, clock())
    assert (stepped.state, stepped.step, released_rows(stepped).count()) == ("sending", 1, 20)
    assert advance_mailings.advance_or_pause_rollouts(clock()) == []
    released_rows(stepped).filter(state="planned").update(state="accepted", attempts=1)
    hourly_outcomes_by_provider.add(
        [(StatsBucket(stepped.pk, "example.net", clock()), ProviderCounts(attempted=16, accepted=16))]
    )
    add_cases(stepped, 6, at=clock())
    assert advance_mailings.advance_or_pause_rollouts(clock()) == []
    add_cases(stepped, 1, at=clock())
    advance_mailings.advance_or_pause_rollouts(clock())
    stepped.refresh_from_db()
    assert (stepped.state, "50 %" in stepped.reason) == ("paused", True)
    last = stepped.interventions.first()
    assert (last.cases, last.total) == (7, 16)


def test_resuming_after_staff_paused_continues_the_same_step(stepped):
    mailing_control.pause(stepped, None, NOW)
    mailing_control.resume(stepped, None, NOW)
    assert (stepped.step, released_rows(stepped).count()) == (0, 4)


@pytest.mark.parametrize("paused", [False, True])
def test_staff_release_the_rest_at_once(stepped, paused):
    if paused:
        mailing_control.pause(stepped, None, NOW)
    mailing_control.release_all(stepped, None, NOW)
    assert (stepped.state, stepped.released_up_to) == ("sending", None)
    assert released_rows(stepped).count() == 40
    with pytest.raises(mailing_control.ControlError) as refused:
        mailing_control.release_all(stepped, None, NOW)
    assert refused.value.code == "fully_released"


def test_cancelling_a_rollout_excludes_the_deliveries_beyond_its_step(stepped):
    finish_released(stepped)
    mailing_control.cancel(stepped, None, NOW)
    assert states(stepped) == {"accepted": 4, "excluded": 36}
    assert balances(stepped)


def test_the_first_step_is_a_sample_of_the_audience(stepped):
    numbers = sorted(Delivery.objects.values_list("subscriber", flat=True))
    first = set(released_rows(stepped).values_list("subscriber", flat=True))
    assert not first <= set(numbers[:20])


def test_without_steps_the_whole_audience_is_released(configure):
    readers(3)
    mailing = released()
    assert (mailing.step, mailing.released_up_to) == (None, None)
    assert advance_mailings.advance_or_pause_rollouts(NOW) == []


def test_a_step_has_at_least_one_delivery(configure):
    configure(sending={"rollout_percentages": ("1",)})
    readers(3)
    assert released_rows(released()).count() == 1


FATES = st.tuples(st.sampled_from(["accepted", "refused", "deferred", "bounced"]), st.booleans())


@settings(max_examples=examples(18))
@given(size=st.integers(1, 30), fates=st.lists(FATES, max_size=12))
def test_steps_never_shrink_and_the_totals_balance_however_deliveries_end(in_steps, size, fates):
    """Any outcomes and pauses: released deliveries stay released, and none beyond the step was attempted.

    Each fate says how the next delivery ends, and whether staff resume the mailing if that pauses it.
    """
    mailing = fresh_mailing(in_steps, size)
    clock, before = Clock(), 0
    for fate, resumes in fates:
        columns = {"state": "accepted", "bounced_at": NOW} if fate == "bounced" else {"state": fate}
        waiting = released_rows(mailing).filter(state="planned").order_by("pk").first()
        if waiting:
            Delivery.objects.filter(pk=waiting.pk).update(attempts=1, **columns)
            bounced = fate in ("bounced", "refused")
            counts = ProviderCounts(attempted=1, bounced=bounced)
            hourly_outcomes_by_provider.add([(StatsBucket(mailing.pk, "example.net", clock()), counts)])
        clock.move(minutes=31)
        advance_mailings.advance_or_pause_rollouts(clock())
        mailing.refresh_from_db()
        if mailing.state == "paused" and resumes:
            mailing_control.resume(mailing, None, mailing.snapshot.window_from)
        now_released = released_rows(mailing).count()
        assert now_released >= min(before, size)
        before = now_released
        beyond = Delivery.objects.filter(mailing=mailing).exclude(pk__in=released_rows(mailing).values("pk"))
        assert set(beyond.values_list("state", flat=True)) <= {"planned"}
        assert balances(mailing)


def fresh_mailing(mailing, size):
    """The mailing with so many planned deliveries, as if no example had been run before."""
    for model in (Delivery, ProviderHour, Intervention, Alert, ThrottleState):
        model.objects.all().delete()
    Delivery.objects.bulk_create(Delivery(mailing=mailing, subscriber=number) for number in range(size))
    columns = {"reason": "", "step_completed_at": None, "counted_from": None, "finished_at": None}
    bound = plan_deliveries.last_delivery_id_of_step(mailing, 0)
    Mailing.objects.filter(pk=mailing.pk).update(
        state="sending", step=0, released_up_to=bound, audience=size, **columns
    )
    return Mailing.objects.get(pk=mailing.pk)


@pytest.fixture
def in_steps(configure):
    configure(
        sending={"rollout_percentages": ("10", "50"), "rollout_wait_minutes": 30},
        stop_rules={"min_bounced": 2},
    )
    readers(1)
    return released()


def test_shares_round_up(configure):
    configure(sending={"rollout_percentages": ("2",)})
    readers(60)
    assert released_rows(released()).count() == math.ceil(60 * 2 / 100)
