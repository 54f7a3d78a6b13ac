from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.config import section_reader
from mailer.delivery.throttle.limits_warm_up_and_backoff import (
    LOOKAHEAD,
    NO_BACKOFF,
    PROVIDER,
    RELAY,
    Backoff,
    LimiterState,
    RateLimit,
    add_warm_up_counts,
    advance_warm_up,
    after_success,
    forget_old_backoff,
    give_back,
    initial_warm_up,
    penalised,
    reserve,
    sending_window,
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
        assert 0 <= grant.allowance <= wanted
        moments += grant.send_times()
        if grant.allowance:
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
        if not grant.allowance:
            now = grant.retry_at + 1e-3
            kept, grant = reserve(kept, limits, wanted, now)
            assert grant.allowance


def test_a_limit_of_a_second_spaces_evenly():
    _, grant = reserve(LimiterState(), [RateLimit(20, 1)], 100, START)
    moments = list(grant.send_times())
    assert len(moments) == 21 and moments[:3] == [START, START + 0.05, START + 0.1]


def test_a_daily_limit_is_used_at_once_and_renewed_a_day_later():
    kept, grant = reserve(LimiterState(), [RateLimit(50, 86400)], 80, START)
    assert (grant.allowance, grant.gap) == (50, 0)
    kept, grant = reserve(kept, [RateLimit(50, 86400)], 30, START + 3600)
    assert grant.allowance == 0 and grant.limit == RateLimit(50, 86400)
    assert 0 <= grant.retry_at - (START + 86400) <= 86400 / 60
    assert reserve(kept, [RateLimit(50, 86400)], 30, grant.retry_at)[1].allowance == 30


def test_what_did_not_leave_may_leave_later():
    kept, grant = reserve(LimiterState(), [RateLimit(50, 86400)], 50, START)
    assert reserve(give_back(kept, grant, 20), [RateLimit(50, 86400)], 50, START)[1].allowance == 20
    assert reserve(give_back(kept, grant, 200), [RateLimit(50, 86400)], 80, START)[1].allowance == 50


def test_what_is_given_back_late_frees_nothing_of_later_grants():
    minute = [RateLimit(100, 60)]
    kept, stopped = reserve(LimiterState(), minute, 60, START)
    kept, _ = reserve(kept, minute, 40, START + 30)
    kept, _ = reserve(kept, minute, 60, START + 62)
    # The worker with the first sixty was stopped for a minute and sent none of them.
    assert reserve(give_back(kept, stopped, 60), minute, 60, START + 63)[1].allowance == 0


def test_times_that_are_not_needed_are_granted_again():
    second = [RateLimit(100, 1)]
    kept, grant = reserve(LimiterState(), second, 80, START)
    again = reserve(give_back(kept, grant, 70, free_times=True), second, 80, START)[1]
    assert again.first == pytest.approx(START + 0.1) and again.allowance == 80
    # Unless later ones are granted to another worker.
    kept, _ = reserve(kept, second, 10, START)
    assert reserve(give_back(kept, grant, 70, free_times=True), second, 80, START)[1].first > START + 0.89


def test_several_workers_get_slices_and_no_crumbs():
    kept, grants = LimiterState(), []
    for turn in range(400):
        kept, grant = reserve(kept, [RateLimit(200, 1)], 500, START + turn / 100, 0.25)
        grants += [grant.allowance] if grant.allowance else []
    assert min(grants) >= 50 and sum(grants) >= 4 * 200


def test_a_limit_made_smaller_holds_at_once():
    kept, _ = reserve(LimiterState(), [RateLimit(50, 3600)], 50, START)
    _, grant = reserve(kept, [RateLimit(10, 3600)], 1, START + 60)
    assert grant.allowance == 0 and grant.retry_at >= START + 3600


def test_a_clock_that_was_wrong_for_a_while_does_not_stop_sending():
    year = 365 * 86400.0
    both = [RateLimit(5, 1), RateLimit(50, 86400)]
    kept, _ = reserve(LimiterState(), both, 50, START + year)
    assert reserve(kept, both, 5, START)[1].allowance == 5


def test_without_limits_everything_may_leave_now():
    assert reserve(LimiterState(), [], 500, START)[1][:3] == (500, START, 0)


DAY = date(2026, 11, 24)


def test_a_new_sender_is_allowed_more_on_each_day_that_went_well():
    progress = initial_warm_up(DAY, DAY)
    seen = []
    for number in range(17):
        seen.append(progress.allowed)
        progress = advance_warm_up(add_warm_up_counts(progress, 40, 2), DAY + timedelta(days=number + 1))
    assert seen[:4] == [50, 100, 250, 500] and seen[-2:] == [100_000, None]


@pytest.mark.parametrize(("attempted", "put_off"), [(100, 6), (0, 0)])
def test_a_day_with_many_deferrals_or_without_mail_is_repeated(attempted, put_off):
    progress = add_warm_up_counts(initial_warm_up(DAY - timedelta(days=2), DAY), attempted, put_off)
    assert progress.allowed == 250
    assert advance_warm_up(progress, DAY + timedelta(days=1)).allowed == 250


def test_each_day_is_counted_anew():
    progress = add_warm_up_counts(initial_warm_up(DAY, DAY), 100, 6)
    assert advance_warm_up(progress, DAY) == progress
    assert advance_warm_up(progress, DAY + timedelta(days=1))[2:] == (0, 0)


ALMATY = "Asia/Almaty"


def at(text: str, zone: str = ALMATY, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def test_it_is_open_between_two_times_of_the_day():
    window = sending_window("08:00-20:00", (), ALMATY)
    assert not window.is_open(at("2021-12-03 07:59:59"))
    assert window.is_open(at("2021-12-03 08:00")) and window.is_open(at("2021-12-03 19:59:59"))
    assert not window.is_open(at("2021-12-03 20:00"))
    assert window.next_opening(at("2021-12-03 20:00")) == at("2021-12-04 08:00")


def test_a_window_past_midnight_belongs_to_the_day_it_begins_on():
    window = sending_window("22:00-06:00", ("fri",), ALMATY)
    friday, saturday = "2021-12-03", "2021-12-04"
    assert window.is_open(at(f"{friday} 23:00")) and window.is_open(at(f"{saturday} 05:59"))
    assert not window.is_open(at(f"{friday} 05:00")) and not window.is_open(at(f"{saturday} 23:00"))
    assert window.next_opening(at(f"{saturday} 06:00")) == at("2021-12-10 22:00")


def test_weekdays_without_hours_are_whole_days():
    window = sending_window("", ("Mon", "tuesday"), ALMATY)
    assert window.next_opening(at("2021-12-03 12:00")) == at("2021-12-06 00:00")
    assert window.is_open(at("2021-12-07 23:59:59")) and not window.is_open(at("2021-12-08 00:00"))


def test_the_end_of_the_day_may_be_24_00():
    assert sending_window("08:00-24:00", (), ALMATY).is_open(at("2021-12-03 23:59"))
    assert sending_window("00:00-24:00", (), ALMATY) is None


def test_without_hours_and_days_there_is_no_window():
    assert sending_window("", (), ALMATY) is None
    assert sending_window("", section_reader.DAYS, ALMATY) is None


@pytest.mark.parametrize(
    ("before", "opens"),
    [
        # Berlin's clocks skip 02:00 to 03:00 on 27 March 2022, and show it twice on 30 October.
        ("2022-03-26 21:00", "2022-03-27 08:00"),
        ("2022-10-29 21:00", "2022-10-30 08:00"),
    ],
)
def test_daylight_saving_changes_follow_local_time(before, opens):
    window = sending_window("08:00-20:00", (), "Europe/Berlin")
    assert window.next_opening(at(before, "Europe/Berlin")) == at(opens, "Europe/Berlin").astimezone(UTC)


def test_a_window_skipped_by_daylight_saving_does_not_open_that_day():
    window = sending_window("02:10-02:50", (), "Europe/Berlin")
    assert window.next_opening(at("2022-03-26 22:00", "Europe/Berlin")) == at(
        "2022-03-28 02:10", "Europe/Berlin"
    )


@given(
    st.integers(0, 365 * 24 * 60),
    st.tuples(st.integers(0, 47), st.integers(0, 47)).filter(lambda pair: pair[0] != pair[1]),
    st.sets(st.sampled_from(section_reader.DAYS), min_size=1),
    st.sampled_from([ALMATY, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_it_opens_at_its_next_opening_and_not_before(minutes, halves, days, zone):
    now = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    start, end = (f"{half // 2:02}:{half % 2 * 30:02}" for half in halves)
    window = sending_window(f"{start}-{end}", sorted(days), zone)
    opens = window.next_opening(now)
    assert opens >= now and window.is_open(opens)
    if opens > now and opens - now < timedelta(days=8):
        assert not window.is_open(opens - timedelta(minutes=31)) or opens - timedelta(minutes=31) < now


def test_each_request_of_a_provider_doubles_the_wait_and_halves_the_rate():
    state, now, seen = NO_BACKOFF, START, []
    for _ in range(8):
        state = penalised(state, now, PROVIDER, 0)
        seen.append((state.until - now, state.rate))
        now = state.until
    waits, rates = zip(*seen, strict=True)
    assert waits == (60, 120, 240, 480, 960, 1800, 1800, 1800)
    assert rates == (10, 5, 2.5, 1.25, 0.625, 0.3125, 0.15625, 0.1)


def test_an_unreachable_relay_is_tried_again_after_ten_minutes_at_most():
    state, now, waits = NO_BACKOFF, START, []
    for _ in range(6):
        state = penalised(state, now, RELAY, 0)
        waits.append(state.until - now)
        now = state.until
    assert waits == [60, 120, 240, 480, 600, 600]


def test_replies_during_a_wait_change_nothing():
    state = penalised(NO_BACKOFF, START, PROVIDER, 0.5)
    assert penalised(state, START + 1, PROVIDER, 0.5) == state == after_success(state, 50, START + 1)


def test_a_wait_by_a_clock_that_was_set_back_is_forgotten():
    state = penalised(NO_BACKOFF, START + 86_400, PROVIDER, 1)
    assert forget_old_backoff(state, START) == NO_BACKOFF
    longest = NO_BACKOFF
    for _ in range(8):
        begun, longest = longest.until or START, penalised(longest, longest.until or START, PROVIDER, 1)
        assert forget_old_backoff(longest, begun) == longest


def test_a_warm_up_goes_on_when_the_clock_was_set_back():
    day = date(2021, 12, 3)
    ahead = add_warm_up_counts(initial_warm_up(day, date(2022, 12, 3))._replace(step=4), 100, 0)
    assert advance_warm_up(ahead, day).day == day
    assert advance_warm_up(advance_warm_up(ahead, day), day + timedelta(days=1)).step == 5
    # Another machine's clock is past midnight already.
    assert advance_warm_up(ahead, date(2022, 12, 2)) == ahead


def test_steady_sending_raises_the_rate_until_no_limit_is_left():
    state = Backoff(3, START, 5.0)
    for _ in range(60):
        state = after_success(state, round(state.rate), START + 1)
    assert 5.9 < state.rate < 6.1 and state.failures == 0
    for _ in range(2000):
        state = after_success(state, 20, START + 1)
    assert state == NO_BACKOFF


replies_of_a_provider = st.lists(
    st.tuples(st.booleans(), st.integers(1, 500), st.floats(0, 4000)), max_size=60
)


@given(replies_of_a_provider, st.floats(0, 1))
def test_whatever_a_provider_replies_sending_always_recovers(replies, fraction):
    state, now = NO_BACKOFF, START
    for good, count, wait in replies:
        state = after_success(state, count, now) if good else penalised(state, now, PROVIDER, fraction)
        assert state.rate >= 0.1 or state == NO_BACKOFF
        assert state.until <= now + 1980
        now += wait
    now += 1980
    for _ in range(20_000):
        state = after_success(state, max(1, int(state.rate)), now)
    assert state == NO_BACKOFF
