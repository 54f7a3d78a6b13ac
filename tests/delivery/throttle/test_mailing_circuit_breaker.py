from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.throttle.mailing_circuit_breaker import RecentAttempts, trip_reason, with_attempts


def test_it_trips_when_most_recent_attempts_fail_but_not_for_a_few():
    assert trip_reason(with_attempts(RecentAttempts(), 9, 9, 0)) == ""
    assert trip_reason(with_attempts(RecentAttempts(), 20, 9, 0)) == ""
    assert "12 of the last 20" in trip_reason(with_attempts(RecentAttempts(), 20, 12, 0))


def test_a_few_blocks_are_enough():
    assert trip_reason(with_attempts(RecentAttempts(), 40, 2, 2)) == ""
    assert "6 of the last 40" in trip_reason(with_attempts(RecentAttempts(), 40, 6, 6))


def test_old_successes_do_not_hide_that_everything_fails_now():
    recent = with_attempts(RecentAttempts(), 100_000, 0, 0)
    assert recent.attempted <= 100
    for _ in range(10):
        recent = with_attempts(recent, 10, 10, 0)
    assert trip_reason(recent)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000))))
def test_it_never_counts_more_failures_than_attempts(batches):
    recent = RecentAttempts()
    for good, bad in batches:
        recent = with_attempts(recent, good + bad, bad, bad // 2)
        assert 0 <= recent.blocked <= recent.failed <= recent.attempted <= 100 + 1e-6
