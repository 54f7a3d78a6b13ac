"""Delays before the next try."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.backoff import BackoffPolicy


def test_delays_double_up_to_the_cap() -> None:
    policy = BackoffPolicy(first=30, cap=600)
    assert [policy.delay(failures) for failures in range(1, 8)] == [30, 60, 120, 240, 480, 600, 600]


def test_a_schedule_repeats_its_last_delay() -> None:
    policy = BackoffPolicy(schedule=(300, 900, 1800))
    assert [policy.delay(failures) for failures in (1, 2, 3, 4, 100)] == [300, 900, 1800, 1800, 1800]


def test_no_failure_counts_as_the_first() -> None:
    assert BackoffPolicy(first=5).delay(0) == 5


def test_a_policy_without_a_delay_is_refused() -> None:
    with pytest.raises(ValueError):
        BackoffPolicy()


@given(st.integers(0, 10**9), st.floats(0, 1))
def test_jitter_only_lengthens_and_nothing_overflows(failures: int, chance: float) -> None:
    policy = BackoffPolicy(first=1, cap=3600, jitter=0.1)
    assert policy.delay(failures) <= policy.delay(failures, chance) <= 3600 * 1.1
