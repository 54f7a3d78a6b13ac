from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.throttle.backoff import NO_BACKOFF, PROVIDER, RELAY, Backoff, after_success, penalised

START = 1_638_500_000.0


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
