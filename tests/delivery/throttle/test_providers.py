from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.throttle.providers import ProviderShares


def used(fairness, provider, seconds, times=1):
    for _ in range(times):
        fairness.hold(provider)
        fairness.took(provider, seconds)


def test_a_provider_that_nobody_has_heard_of_gets_half_of_the_sessions():
    fairness = ProviderShares(10)
    for _ in range(5):
        assert fairness.may_begin("new.example")
        fairness.acquire("new.example")
    assert not fairness.may_begin("new.example") and fairness.may_begin("other.example")


def test_a_slow_provider_gets_its_share_until_it_is_quick_again():
    fairness = ProviderShares(10)
    used(fairness, "quick.example", 0.01, 50)
    used(fairness, "slow.example", 2.0)
    assert fairness.is_slow("slow.example") and fairness.share == 2
    fairness.acquire("slow.example")
    fairness.acquire("slow.example")
    assert not fairness.may_begin("slow.example") and fairness.may_begin("quick.example")
    fairness.record("slow.example", 0.02)
    assert not fairness.is_slow("slow.example") and fairness.may_begin("slow.example")


def test_where_everybody_takes_long_nobody_is_slow():
    fairness = ProviderShares(4)
    used(fairness, "one.example", 0.4, 100)
    used(fairness, "two.example", 1.2)
    assert not fairness.is_slow("two.example")


def test_with_a_single_session_everybody_may_have_it():
    fairness = ProviderShares(1)
    used(fairness, "slow.example", 9)
    assert fairness.may_begin("slow.example") and fairness.may_begin("new.example")


PROVIDERS = st.sampled_from(["a.example", "b.example", "c.example"])


@given(st.integers(1, 20), st.lists(st.tuples(PROVIDERS, st.floats(0, 5), st.booleans()), max_size=120))
def test_no_provider_holds_more_than_it_may_and_none_is_ever_shut_out(sessions, deeds):
    fairness, held = ProviderShares(sessions), Counter()
    for provider, seconds, ends in deeds:
        if ends and held[provider]:
            held[provider] -= 1
            fairness.record(provider, seconds)
        elif sum(held.values()) < sessions and fairness.may_begin(provider):
            held[provider] += 1
            fairness.acquire(provider)
            assert not fairness.is_slow(provider) or held[provider] <= fairness.share
        # Whoever holds nothing may begin.
        assert all(held[one] or fairness.may_begin(one) for one in ("a.example", "b.example", "c.example"))
