"""A mailing in steps: how far it goes, what stops it, and what staff can do then."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.delivery.engine import control
from mailer.delivery.models import Alert, Delivery, Mailing, ProviderHour
from mailer.delivery.rollout import provider_stats, rollout, rollout_job
from mailer.delivery.rollout.evaluate import Counted
from mailer.delivery.rollout.provider_stats import Slot
from tests.delivery.cast import NOW, Clock, balances, readers, released, states

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def stepped(configure):
    """A mailing to forty readers, of whom a tenth goes first, then half; two cases are enough to tell."""
    configure(sending={"steps": ("10", "50"), "step_minutes": 30})
    configure(stops={"bounced_stop": 20.0, "least_bounced": 2})
    readers(40)
    return released()


def released_rows(mailing):
    mailing.refresh_from_db()
    rows = Delivery.objects.filter(mailing=mailing)
    return rows if mailing.released_up_to is None else rows.filter(pk__lte=mailing.released_up_to)


def come_true(mailing, **columns):
    """Everything that may leave is accepted, or what else is told."""
    changes = {"state": "accepted", "attempts": 1, **columns}
    left = released_rows(mailing).filter(state="planned").update(**changes)
    provider_stats.add([(Slot(mailing.pk, "example.net", NOW), Counted(tried=left, accepted=left))])


def come_back(mailing, number, sign="bounced", at=NOW):
    provider_stats.add([(Slot(mailing.pk, "example.net", at), Counted(**{sign: number}))])


def test_only_a_share_leaves_and_the_rest_stays_planned_in_the_account(stepped):
    assert (stepped.step, released_rows(stepped).count()) == (0, 4)
    come_true(stepped)
    assert states(stepped) == {"accepted": 4, "planned": 36}
    assert balances(stepped)


def test_a_step_widens_only_when_all_of_it_is_out_and_its_minutes_have_passed(stepped):
    clock = Clock()
    assert rollout_job.look(clock()) == []
    come_true(stepped)
    assert rollout_job.look(clock()) == []
    clock.move(minutes=29)
    assert rollout_job.look(clock()) == []
    clock.move(minutes=1)
    assert rollout_job.look(clock()) == [stepped]
    assert (stepped.refresh_from_db(), stepped.step, released_rows(stepped).count())[1:] == (1, 20)
    come_true(stepped)
    rollout_job.look(clock())
    clock.move(minutes=30)
    rollout_job.look(clock())
    stepped.refresh_from_db()
    assert (stepped.step, stepped.released_up_to, stepped.state) == (2, None, "sending")
    assert rollout_job.look(clock()) == []


def test_what_was_put_off_untried_keeps_its_step_open(stepped):
    come_true(stepped, state="deferred", attempts=0)
    clock = Clock()
    rollout_job.look(clock())
    clock.move(hours=2)
    assert rollout_job.look(clock()) == []


def test_the_stop_rules_pause_a_step_at_once_and_tell_staff(stepped, mailoutbox):
    come_true(stepped)
    come_back(stepped, 2)
    assert rollout_job.look(NOW) == [stepped]
    stepped.refresh_from_db()
    words = (
        "Paused by itself after the first 10 %. Addresses that do not exist: 2 of 4 (50 %, limit 20 %), "
        "most of them at example.net."
    )
    assert (stepped.state, stepped.reason) == ("paused", words)
    assert Alert.objects.get().words == words
    (mail,) = mailoutbox
    assert mail.to == ["admin@office.example.org"] and words in mail.body


def test_one_bounce_alone_is_chance_and_stops_nothing(stepped):
    come_true(stepped)
    come_back(stepped, 1)
    assert rollout_job.look(NOW) == []


def test_who_resumes_a_stopped_mailing_lets_its_next_step_go_and_the_counting_begins_anew(stepped):
    come_true(stepped)
    come_back(stepped, 4)
    clock = Clock()
    rollout_job.look(clock())
    stepped.refresh_from_db()
    clock.move(minutes=10)
    control.resume(stepped, None, clock())
    assert (stepped.state, stepped.step, released_rows(stepped).count()) == ("sending", 1, 20)
    assert rollout_job.look(clock()) == []
    released_rows(stepped).filter(state="planned").update(state="accepted", attempts=1)
    provider_stats.add([(Slot(stepped.pk, "example.net", clock()), Counted(tried=16, accepted=16))])
    come_back(stepped, 3, at=clock())
    assert rollout_job.look(clock()) == []
    come_back(stepped, 1, at=clock())
    rollout_job.look(clock())
    stepped.refresh_from_db()
    assert (
        stepped.reason.startswith("Paused by itself after the first 50 %. ") and "4 of 16" in stepped.reason
    )


def test_resuming_what_a_person_paused_goes_on_in_the_same_step(stepped):
    control.pause(stepped, None, NOW)
    control.resume(stepped, None, NOW)
    assert (stepped.step, released_rows(stepped).count()) == (0, 4)


@pytest.mark.parametrize("paused", [False, True])
def test_staff_release_the_rest_at_once(stepped, paused):
    if paused:
        control.pause(stepped, None, NOW)
    control.release_rest(stepped, None, NOW)
    assert (stepped.state, stepped.released_up_to) == ("sending", None)
    assert released_rows(stepped).count() == 40
    with pytest.raises(control.ControlError, match="released already"):
        control.release_rest(stepped, None, NOW)


def test_a_cancelled_mailing_in_steps_leaves_out_everybody_who_waited(stepped):
    come_true(stepped)
    control.cancel(stepped, None, NOW)
    assert states(stepped) == {"accepted": 4, "excluded": 36}
    assert balances(stepped)


def test_the_first_step_is_a_sample_of_the_whole_list(stepped):
    numbers = sorted(Delivery.objects.values_list("subscriber", flat=True))
    first = set(released_rows(stepped).values_list("subscriber", flat=True))
    assert not first <= set(numbers[:20])


def test_without_steps_everybody_is_released(configure):
    readers(3)
    mailing = released()
    assert (mailing.step, mailing.released_up_to) == (None, None)
    assert rollout_job.look(NOW) == []


def test_a_step_of_a_few_readers_is_at_least_one(configure):
    configure(sending={"steps": ("1",)})
    readers(3)
    assert released_rows(released()).count() == 1


@pytest.mark.usefixtures("in_steps")
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_steps_never_shrink_and_the_account_balances_however_deliveries_end(data):
    """Any fates, any pauses: what was released stays so, and whoever is beyond it was not tried."""
    Delivery.objects.all().delete()
    mailing = Mailing.objects.first() or _released_in_steps()
    Mailing.objects.filter(pk=mailing.pk).update(
        state="sending", step=0, reason="", step_at=None, counted_from=None
    )
    ProviderHour.objects.all().delete()
    size = data.draw(st.integers(1, 30))
    for number in range(size):
        Delivery.objects.create(mailing=mailing, subscriber=number, state="planned")
    mailing.audience = size
    mailing.released_up_to = rollout.bound(mailing, 0)
    mailing.save()
    clock, before = Clock(), 0
    for fate in data.draw(
        st.lists(st.sampled_from(["accepted", "refused", "deferred", "bounced"]), max_size=12)
    ):
        columns = {"state": "accepted", "bounced_at": NOW} if fate == "bounced" else {"state": fate}
        waiting = released_rows(mailing).filter(state="planned").first()
        if waiting:
            Delivery.objects.filter(pk=waiting.pk).update(attempts=1, **columns)
            bounced = fate in ("bounced", "refused")
            provider_stats.add(
                [(Slot(mailing.pk, "example.net", clock()), Counted(tried=1, bounced=bounced))]
            )
        clock.move(minutes=31)
        rollout_job.look(clock())
        mailing.refresh_from_db()
        if mailing.state == "paused" and data.draw(st.booleans()):
            control.resume(mailing, None, mailing.snapshot.window_from)
        now_released = released_rows(mailing).count()
        assert now_released >= min(before, size)
        before = now_released
        beyond = Delivery.objects.filter(mailing=mailing).exclude(pk__in=released_rows(mailing).values("pk"))
        assert set(beyond.values_list("state", flat=True)) <= {"planned"}
        assert balances(mailing)


def _released_in_steps():
    readers(1)
    return released()


@pytest.fixture
def in_steps(configure):
    configure(sending={"steps": ("10", "50"), "step_minutes": 30}, stops={"least_bounced": 2})


def test_shares_round_up(configure):
    configure(sending={"steps": ("2",)})
    readers(60)
    assert released_rows(released()).count() == math.ceil(60 * 2 / 100)
