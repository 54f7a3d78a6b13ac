from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.throttle.slow_provider_session_limits import ProviderShares


class Clock:
    """Seconds, which pass only when a test says so."""

    def __init__(self):
        self.at = 1_000.0

    def __call__(self):
        return self.at


def used(shares, provider, seconds, times=1, clock=None):
    for _ in range(times):
        shares.acquire(provider)
        if clock is not None:
            clock.at += seconds
        shares.record(provider, seconds)


def test_an_unknown_provider_gets_half_of_the_sessions():
    shares = ProviderShares(10)
    for _ in range(5):
        assert shares.may_begin("new.example")
        shares.acquire("new.example")
    assert not shares.may_begin("new.example") and shares.may_begin("other.example")


def slowed(sessions=10, clock=None):
    """Shares with a provider that is slow beside another."""
    clock = clock or Clock()
    shares = ProviderShares(sessions, clock=clock)
    used(shares, "slow.example", 2.0, 2, clock)
    used(shares, "quick.example", 0.01, 50, clock)
    used(shares, "slow.example", 2.0, 1, clock)
    return shares


def test_a_slow_provider_gets_its_share_until_it_is_fast_again():
    shares = slowed()
    assert shares.is_slow("slow.example") and shares.share == 2
    shares.acquire("slow.example")
    shares.acquire("slow.example")
    assert not shares.may_begin("slow.example") and shares.may_begin("quick.example")
    used(shares, "slow.example", 0.02, 3)
    assert not shares.is_slow("slow.example") and shares.may_begin("slow.example")


def test_single_long_messages_do_not_make_a_provider_slow():
    clock = Clock()
    shares = ProviderShares(10, clock=clock)
    for seconds in (0.05, 3.0, 0.05, 3.0, 0.05, 0.05):
        used(shares, "other.example", 0.05, 1, clock)
        used(shares, "one.example", seconds, 1, clock)
        assert not shares.is_slow("one.example") and shares.may_begin("one.example")


def test_where_all_providers_take_long_none_is_slow():
    """A busy machine: each answer comes late, whoever gives it."""
    clock = Clock()
    shares = ProviderShares(4, clock=clock)
    for provider in ("big.example", "one.example", "two.example"):
        used(shares, provider, 0.05, 20, clock)
    for seconds in (0.9, 1.5, 0.7, 2.0, 1.1):
        for provider in ("big.example", "big.example", "one.example", "big.example", "two.example"):
            used(shares, provider, seconds, 1, clock)
            assert not any(map(shares.is_slow, ("big.example", "one.example", "two.example")))


def test_with_nobody_else_to_send_to_no_provider_is_slow():
    clock = Clock()
    shares = ProviderShares(4, clock=clock)
    used(shares, "quick.example", 0.01, 20, clock)
    clock.at += 60
    used(shares, "only.example", 3.0, 20, clock)
    assert not shares.is_slow("only.example") and shares.may_begin("only.example")


def test_a_provider_is_slow_only_if_it_takes_longer_than_usual():
    for usual, slow in ((0.4, False), (0.1, True), (1.2, True)):
        clock = Clock()
        shares = ProviderShares(4, {"one.example": usual}, clock)
        for _ in range(5):
            used(shares, "other.example", 0.05, 1, clock)
            used(shares, "one.example", 1.2, 1, clock)
        # At 1.2 seconds it always holds up the others.
        assert shares.is_slow("one.example") is slow


def test_what_is_usual_is_learned_and_a_few_long_messages_hardly_change_it():
    usual = {}
    shares = ProviderShares(4, usual)
    used(shares, "one.example", 5.0)
    used(shares, "one.example", 0.2, 200)
    assert 0.18 < usual["one.example"] < 0.22
    used(shares, "one.example", 30.0, 3)
    assert usual["one.example"] < 0.25


def test_slowness_alone_holds_a_provider_back_for_half_an_hour_at_the_most():
    clock = Clock()
    shares = slowed(clock=clock)
    begun = clock.at
    held_back = []
    while clock.at < begun + 7_200:
        held_back.append(shares.is_slow("slow.example"))
        used(shares, "quick.example", 0.01, 1, clock)
        used(shares, "slow.example", 2.0, 1, clock)
    longest = max(len(run) for run in "".join("x" if one else " " for one in held_back).split())
    assert longest * 2 <= 1_810
    assert held_back.count(False) > 500


def test_any_provider_may_use_a_single_session():
    shares = ProviderShares(1)
    used(shares, "slow.example", 9)
    assert shares.may_begin("slow.example") and shares.may_begin("new.example")


PROVIDERS = st.sampled_from(["a.example", "b.example", "c.example"])


@given(st.integers(1, 20), st.lists(st.tuples(PROVIDERS, st.floats(0, 5), st.booleans()), max_size=120))
def test_no_provider_holds_more_than_it_may_and_none_is_ever_shut_out(sessions, events):
    shares, held = ProviderShares(sessions), Counter()
    for provider, seconds, ends in events:
        if ends and held[provider]:
            held[provider] -= 1
            shares.record(provider, seconds)
        elif sum(held.values()) < sessions and shares.may_begin(provider):
            held[provider] += 1
            shares.acquire(provider)
            assert not shares.is_slow(provider) or held[provider] <= shares.share
        # A provider without a session may begin.
        assert all(held[one] or shares.may_begin(one) for one in ("a.example", "b.example", "c.example"))
