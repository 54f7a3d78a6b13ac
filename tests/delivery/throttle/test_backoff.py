from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.throttle import rate_limits
from mailer.delivery.throttle.backoff import NO_BACKOFF, PROVIDER, RELAY, Backoff, after_success, penalised
from mailer.delivery.throttle.circuit_breaker import RecentAttempts, trip_reason, with_attempts
from mailer.delivery.throttle.providers import provider_of

START = 1_638_500_000.0


def test_each_time_a_provider_asks_we_wait_twice_as_long_and_send_half_as_fast():
    state, now, seen = NO_BACKOFF, START, []
    for _ in range(8):
        state = penalised(state, now, PROVIDER, 0)
        seen.append((state.until - now, state.rate))
        now = state.until
    waits, rates = zip(*seen, strict=True)
    assert waits == (60, 120, 240, 480, 960, 1800, 1800, 1800)
    assert rates == (10, 5, 2.5, 1.25, 0.625, 0.3125, 0.15625, 0.1)


def test_a_relay_that_is_away_is_left_alone_for_ten_minutes_at_most():
    state, now, waits = NO_BACKOFF, START, []
    for _ in range(6):
        state = penalised(state, now, RELAY, 0)
        waits.append(state.until - now)
        now = state.until
    assert waits == [60, 120, 240, 480, 600, 600]


def test_what_was_on_its_way_when_we_began_to_wait_is_the_same_answer_once():
    state = penalised(NO_BACKOFF, START, PROVIDER, 0.5)
    assert penalised(state, START + 1, PROVIDER, 0.5) == state == after_success(state, 50, START + 1)


def test_a_minute_of_steady_sending_adds_a_message_a_second_until_nothing_is_left_of_the_limit():
    state = Backoff(3, START, 5.0)
    for _ in range(60):
        state = after_success(state, round(state.rate), START + 1)
    assert 5.9 < state.rate < 6.1 and state.failures == 0
    for _ in range(2000):
        state = after_success(state, 20, START + 1)
    assert state == NO_BACKOFF


answers = st.lists(st.tuples(st.booleans(), st.integers(1, 500), st.floats(0, 4000)), max_size=60)


@given(answers, st.floats(0, 1))
def test_whatever_a_provider_answers_we_never_stop_for_good_and_always_come_back(given_answers, chance):
    state, now = NO_BACKOFF, START
    for good, count, wait in given_answers:
        state = after_success(state, count, now) if good else penalised(state, now, PROVIDER, chance)
        assert state.rate >= 0.1 or state == NO_BACKOFF
        assert state.until <= now + 1980
        now += wait
    now += 1980
    for _ in range(20_000):
        state = after_success(state, max(1, int(state.rate)), now)
    assert state == NO_BACKOFF


def test_a_family_of_domains_is_one_provider_and_any_other_domain_its_own():
    assert {provider_of(f"aida@{d}") for d in ("mail.ru", "BK.ru", "list.ru", "inbox.ru")} == {"mail.ru"}
    assert provider_of("a@googlemail.com") == "gmail.com" and provider_of("a@hotmail.co.uk") == "outlook.com"
    assert provider_of("a@yandex.kz") == provider_of("a@ya.ru") == "yandex.ru"
    assert provider_of("a@news.example.org") == "news.example.org"


def test_the_breaker_trips_when_most_of_the_latest_tries_fail_and_not_for_a_few():
    assert trip_reason(with_attempts(RecentAttempts(), 9, 9, 0)) == ""
    assert trip_reason(with_attempts(RecentAttempts(), 20, 9, 0)) == ""
    assert "12 of the last 20 tries failed" in trip_reason(with_attempts(RecentAttempts(), 20, 12, 0))


def test_a_few_blocks_are_enough():
    assert trip_reason(with_attempts(RecentAttempts(), 40, 2, 2)) == ""
    assert "6 of the last 40 tries were blocked" in trip_reason(with_attempts(RecentAttempts(), 40, 6, 6))


def test_long_ago_successes_do_not_hide_that_everything_fails_now():
    tally = with_attempts(RecentAttempts(), 100_000, 0, 0)
    assert tally.tried <= 100
    for _ in range(10):
        tally = with_attempts(tally, 10, 10, 0)
    assert trip_reason(tally)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000))))
def test_the_breaker_never_counts_more_failures_than_tries(batches):
    tally = RecentAttempts()
    for good, bad in batches:
        tally = with_attempts(tally, good + bad, bad, bad // 2)
        assert 0 <= tally.blocked <= tally.failed <= tally.tried <= 100 + 1e-6


DAY = date(2026, 11, 24)


def test_a_new_sender_is_allowed_more_on_each_day_that_went_well():
    progress = rate_limits.initial_warm_up(DAY, DAY)
    seen = []
    for number in range(17):
        seen.append(progress.allowed)
        progress = rate_limits.advance_warm_up(
            rate_limits.record_warm_up(progress, 40, 2), DAY + timedelta(days=number + 1)
        )
    assert seen[:4] == [50, 100, 250, 500] and seen[-2:] == [100_000, None]


@pytest.mark.parametrize(("tried", "put_off"), [(100, 6), (0, 0)])
def test_a_day_that_went_badly_or_saw_no_mail_is_repeated(tried, put_off):
    progress = rate_limits.record_warm_up(
        rate_limits.initial_warm_up(DAY - timedelta(days=2), DAY), tried, put_off
    )
    assert progress.allowed == 250
    assert rate_limits.advance_warm_up(progress, DAY + timedelta(days=1)).allowed == 250


def test_a_day_is_counted_anew():
    progress = rate_limits.record_warm_up(rate_limits.initial_warm_up(DAY, DAY), 100, 6)
    assert rate_limits.advance_warm_up(progress, DAY) == progress
    assert rate_limits.advance_warm_up(progress, DAY + timedelta(days=1))[2:] == (0, 0)
