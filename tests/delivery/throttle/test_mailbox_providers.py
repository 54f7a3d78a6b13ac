from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.throttle.mailbox_providers import ProviderShares, provider_of


def used(shares, provider, seconds, times=1):
    for _ in range(times):
        shares.acquire(provider)
        shares.record(provider, seconds)


def test_an_unknown_provider_gets_half_of_the_sessions():
    shares = ProviderShares(10)
    for _ in range(5):
        assert shares.may_begin("new.example")
        shares.acquire("new.example")
    assert not shares.may_begin("new.example") and shares.may_begin("other.example")


def test_a_slow_provider_gets_its_share_until_it_is_fast_again():
    shares = ProviderShares(10)
    used(shares, "quick.example", 0.01, 50)
    used(shares, "slow.example", 2.0)
    assert shares.is_slow("slow.example") and shares.share == 2
    shares.acquire("slow.example")
    shares.acquire("slow.example")
    assert not shares.may_begin("slow.example") and shares.may_begin("quick.example")
    shares.record("slow.example", 0.02)
    assert not shares.is_slow("slow.example") and shares.may_begin("slow.example")


def test_where_all_providers_take_long_none_is_slow():
    shares = ProviderShares(4)
    used(shares, "one.example", 0.4, 100)
    used(shares, "two.example", 1.2)
    assert not shares.is_slow("two.example")


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


def test_a_family_of_domains_is_one_provider():
    assert {provider_of(f"aida@{d}") for d in ("mail.ru", "BK.ru", "list.ru", "inbox.ru")} == {"mail.ru"}
    assert provider_of("a@googlemail.com") == "gmail.com" and provider_of("a@hotmail.co.uk") == "outlook.com"
    assert provider_of("a@yandex.kz") == provider_of("a@ya.ru") == "yandex.ru"
    assert provider_of("a@news.example.org") == "news.example.org"
