from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.throttle.rate_limits import (
    LOOKAHEAD,
    LimiterState,
    RateLimit,
    advance_warm_up,
    give_back,
    initial_warm_up,
    record_warm_up,
    reserve,
)

START = 1_638_500_000.0
limits = st.lists(
    st.builds(
        RateLimit,
        st.one_of(st.integers(1, 50).map(float), st.floats(0.2, 5)),
        st.sampled_from([1.0, 60.0, 3600.0, 86400.0]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda limit: limit.seconds,
)
asked = st.lists(st.tuples(st.floats(0, 5000), st.integers(1, 500)), min_size=1, max_size=40)


def left(limits, asked):
    """The moments at which messages leave who ask after so many seconds for so many, each time anew."""
    kept, now, moments = LimiterState(), START, []
    for wait, wanted in asked:
        now += wait
        # As it comes back from the database.
        kept, grant = reserve(LimiterState.of(json.loads(json.dumps(kept.data()))), limits, wanted, now)
        assert 0 <= grant.room <= wanted
        moments += grant.send_times()
        if grant.room:
            assert grant.first >= now and moments[-1] <= now + LOOKAHEAD + 1e-6
        else:
            assert grant.retry_at >= now
    return moments


@given(limits, asked)
def test_no_interval_contains_more_messages_than_its_limit(limits, asked):
    moments = left(limits, asked)
    assert moments == sorted(moments)
    for most, seconds in limits:
        # Half a message a minute is one in two minutes.
        whole, period = (int(most), seconds) if most >= 1 else (1, seconds / most)
        for number, begin in enumerate(moments):
            within = [at for at in moments[number:] if at < begin + period - 1e-3]
            assert len(within) <= (whole if seconds > 1 else -(-most // 1))


@given(limits, asked)
def test_after_a_refusal_there_is_room_at_the_time_it_names(limits, asked):
    kept, now = LimiterState(), START
    for wait, wanted in asked:
        now += wait
        kept, grant = reserve(kept, limits, wanted, now)
        if not grant.room:
            now = grant.retry_at + 1e-3
            kept, grant = reserve(kept, limits, wanted, now)
            assert grant.room


def test_a_limit_of_a_second_spaces_evenly():
    _, grant = reserve(LimiterState(), [RateLimit(20, 1)], 100, START)
    moments = list(grant.send_times())
    assert len(moments) == 21 and moments[:3] == [START, START + 0.05, START + 0.1]


def test_a_daily_limit_is_used_at_once_and_renewed_a_day_later():
    kept, grant = reserve(LimiterState(), [RateLimit(50, 86400)], 80, START)
    assert (grant.room, grant.gap) == (50, 0)
    kept, grant = reserve(kept, [RateLimit(50, 86400)], 30, START + 3600)
    assert grant.room == 0 and grant.limit == RateLimit(50, 86400)
    assert 0 <= grant.retry_at - (START + 86400) <= 86400 / 60
    assert reserve(kept, [RateLimit(50, 86400)], 30, grant.retry_at)[1].room == 30


def test_what_did_not_leave_may_leave_later():
    kept, _ = reserve(LimiterState(), [RateLimit(50, 86400)], 50, START)
    assert reserve(give_back(kept, 20), [RateLimit(50, 86400)], 50, START)[1].room == 20
    assert reserve(give_back(kept, 200), [RateLimit(50, 86400)], 80, START)[1].room == 50


def test_a_limit_made_smaller_holds_at_once():
    kept, _ = reserve(LimiterState(), [RateLimit(50, 3600)], 50, START)
    _, grant = reserve(kept, [RateLimit(10, 3600)], 1, START + 60)
    assert grant.room == 0 and grant.retry_at >= START + 3600


def test_a_clock_that_was_wrong_for_a_while_does_not_stop_sending():
    year = 365 * 86400.0
    both = [RateLimit(5, 1), RateLimit(50, 86400)]
    kept, _ = reserve(LimiterState(), both, 50, START + year)
    assert reserve(kept, both, 5, START)[1].room == 5


def test_without_limits_everything_may_leave_now():
    assert reserve(LimiterState(), [], 500, START)[1][:3] == (500, START, 0)


DAY = date(2026, 11, 24)


def test_a_new_sender_is_allowed_more_on_each_day_that_went_well():
    progress = initial_warm_up(DAY, DAY)
    seen = []
    for number in range(17):
        seen.append(progress.allowed)
        progress = advance_warm_up(record_warm_up(progress, 40, 2), DAY + timedelta(days=number + 1))
    assert seen[:4] == [50, 100, 250, 500] and seen[-2:] == [100_000, None]


@pytest.mark.parametrize(("tried", "put_off"), [(100, 6), (0, 0)])
def test_a_day_with_many_deferrals_or_without_mail_is_repeated(tried, put_off):
    progress = record_warm_up(initial_warm_up(DAY - timedelta(days=2), DAY), tried, put_off)
    assert progress.allowed == 250
    assert advance_warm_up(progress, DAY + timedelta(days=1)).allowed == 250


def test_each_day_is_counted_anew():
    progress = record_warm_up(initial_warm_up(DAY, DAY), 100, 6)
    assert advance_warm_up(progress, DAY) == progress
    assert advance_warm_up(progress, DAY + timedelta(days=1))[2:] == (0, 0)
