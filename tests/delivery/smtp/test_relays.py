from __future__ import annotations

import asyncio
import dataclasses
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.config import Smtp
from mailer.delivery.outbox import outbox
from mailer.delivery.smtp import relays
from mailer.delivery.smtp.relays import (
    PermanentRelayError,
    Relay,
    RelayBackoff,
    RelayPool,
    RelayUnavailable,
)
from mailer.delivery.smtp.session_setup import connect_within_quota
from tests.delivery import relay as server
from tests.delivery.cast import NOW, readers, released, send, states

DOWN = RelayUnavailable("down")


def relay(host, weight=1, connections=4):
    return Relay(host, 25, weight=weight, connections=connections)


def pool(*among, backoff=None, seed=1):
    return RelayPool(among, backoff, random.Random(seed))


def opened(one, clock=0.0):
    """Open connections until no more are granted; count them by relay."""
    found = Counter()
    while (granted := one.reserve(clock)) is not None:
        one.session_opened(granted)
        found[granted.host] += 1
    return found


def test_connections_are_distributed_by_weight_up_to_each_relays_limit():
    assert opened(pool(relay("a"))) == {"a": 4}
    assert opened(pool(relay("a"), relay("b"))) == {"a": 4, "b": 4}
    assert opened(pool(relay("a", 3, 6), relay("b", 1, 6))) == {"a": 6, "b": 2}
    assert opened(pool(relay("a", 100, 5), relay("b", 1, 5))) == {"a": 5, "b": 1}


def test_single_connections_are_distributed_by_weight():
    one = pool(relay("a", 3, 6), relay("b", 1, 6))
    found = Counter()
    for _ in range(400):
        granted = one.reserve(0)
        one.session_opened(granted)
        one.closed(granted)
        found[granted.host] += 1
    assert 250 < found["a"] < 350


def test_a_relay_without_weight_is_used_only_while_the_others_are_unavailable():
    main, spare = relay("main"), relay("spare", 0)
    one = pool(main, spare)
    assert one.reserve(0) == main
    one.failed(main, 0, DOWN)
    assert opened(one, 1) == {"spare": 4}
    assert one.reserve(30) == main


def test_the_backoff_doubles_with_each_failure_up_to_ten_minutes():
    backoff, one, clock = RelayBackoff(), relay("a"), 0.0
    waits = []
    for _ in range(7):
        backoff.failed(one, clock)
        backoff.failed(one, clock + 1)
        waits.append(backoff.until(one) - clock)
        clock = backoff.until(one)
    assert waits == [30, 60, 120, 240, 480, 600, 600]
    backoff.succeeded(one)
    backoff.failed(one, clock)
    assert backoff.until(one) == clock + 30


def test_a_relay_that_denies_a_further_connection_keeps_the_open_ones():
    one = pool(relay("a"))
    first, second = one.reserve(0), one.reserve(0)
    one.session_opened(first)
    one.failed(second, 0, RelayUnavailable("421 too many"))
    assert one.reserve(1) is None and one.unavailable_error(1) is None
    assert one.reserve(6) == first


def test_a_relay_that_loses_a_session_takes_no_other_until_it_works_or_its_time_has_passed():
    a, b = relay("a"), relay("b", 0)
    one = pool(a, b)
    for _ in range(2):
        one.session_opened(one.reserve(0))
    one.lost(a, 0, DOWN)
    one.closed(a)
    assert one.reserve(1) == b
    one.worked(a)
    assert one.reserve(1) == a
    one.lost(a, 2, DOWN)
    # The other session may go on.
    one.failed(b, 2, DOWN)
    one.failed(a, 2, DOWN)
    assert one.reserve(3) is None and one.unavailable_error(3) is None
    one.closed(a)
    assert isinstance(one.unavailable_error(3), RelayUnavailable) and one.reserve(32) == a


def test_the_only_relay_is_used_again_when_it_has_lost_a_session():
    one = pool(a := relay("a"))
    one.session_opened(one.reserve(0))
    one.lost(a, 0, DOWN)
    one.closed(a)
    assert one.reserve(0) == a


def test_the_error_is_permanent_only_if_every_relay_rejects_us_permanently():
    a, b = relay("a"), relay("b")
    one = pool(a, b)
    assert {one.reserve(0), one.reserve(0)} == {a, b}
    one.failed(a, 0, PermanentRelayError("a rejects us."))
    assert one.unavailable_error(0) is None
    one.failed(b, 0, RelayUnavailable("b is down."))
    fault = one.unavailable_error(0)
    assert isinstance(fault, RelayUnavailable) and str(fault) == "a rejects us. b is down."
    assert one.unavailable_error(31) is None
    one.reserve(31), one.reserve(31)
    one.failed(a, 31, PermanentRelayError("a rejects us."))
    one.failed(b, 31, PermanentRelayError("b rejects us."))
    assert isinstance(one.unavailable_error(31), PermanentRelayError)


def test_a_later_pool_with_the_same_backoff_skips_a_failed_relay():
    a, b, backoff = relay("a"), relay("b", 0), RelayBackoff()
    first = pool(a, b, backoff=backoff)
    first.failed(first.reserve(0), 0, DOWN)
    later = pool(a, b, backoff=backoff)
    assert later.reserve(1) == b
    later.failed(b, 1, DOWN)
    assert "in 19 seconds" in str(pool(a, b, backoff=backoff).unavailable_error(11))


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6)), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(["reserve", "open", "fail", "close"]), st.integers(0, 40))),
    st.integers(),
)
def test_no_relay_exceeds_its_limit_and_there_is_always_a_relay_or_an_error(kinds, steps, seed):
    every = [relay(f"r{n}", weight, most) for n, (weight, most) in enumerate(kinds)]
    one, clock = pool(*every, seed=seed), 0.0
    granted, held = [], []
    for step, seconds in steps:
        clock += seconds
        if step == "reserve" and (found := one.reserve(clock)):
            granted.append(found)
        elif step == "open" and granted:
            held.append(granted.pop())
            one.session_opened(held[-1])
        elif step == "fail" and granted:
            one.failed(granted.pop(), clock, DOWN)
        elif step == "close" and held:
            one.closed(held.pop())
        counted = Counter(granted + held)
        assert all(counted[each] <= each.connections for each in every)
        if not counted and (found := one.reserve(clock)):
            granted.append(found)
        elif not counted:
            assert one.unavailable_error(clock)


def test_connecting_tries_the_next_relay_and_raises_the_reason_if_none_is_left():
    with server.Relay() as works, server.Relay(server.Script(greeting="554 go away")) as rejecting:
        bad = Relay("127.0.0.1", rejecting.port, connections=1)
        good = Relay("127.0.0.1", works.port, connections=1)

        async def run(one):
            sessions = [await connect_within_quota(one), await connect_within_quota(one)]
            await sessions[0][0].quit()
            return sessions

        for seed in range(4):
            (_, used), nothing = asyncio.run(run(pool(bad, good, seed=seed)))
            assert used == good and nothing is None
        with pytest.raises(PermanentRelayError, match="go away"):
            asyncio.run(connect_within_quota(pool(bad)))


def test_the_relays_are_read_from_the_configuration(settings, configure, tmp_path):
    configure(
        smtp={"host": "one.example.org", "token_path": str(tmp_path / "token"), "auth": "xoauth2"},
        site={"url": "https://127.0.0.1:8000"},
    )
    spare = Smtp(host="two.example.org", weight=0, connections=2, messages_per_connection=50)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, relays=(spare,))
    one, two = relays.configured_relays()
    assert (one.host, one.auth, one.token_path) == ("one.example.org", "xoauth2", str(tmp_path / "token"))
    assert (two.weight, two.connections, two.messages_per_connection) == (0, 2, 50)
    assert one.ehlo == two.ehlo == "[127.0.0.1]"


@pytest.fixture
def two(settings, configure):
    """Two relays of equal weight, configured, on ports that no earlier failure was recorded for."""
    with server.Relay() as one, server.Relay() as other:
        configure(smtp={"port": one.port, "connections": 2})
        further = Smtp(host="127.0.0.1", port=other.port, connections=2)
        settings.CONFIG = dataclasses.replace(settings.CONFIG, relays=(further,))
        yield one, other


@pytest.mark.django_db(transaction=True)
def test_a_mailing_uses_both_relays_and_one_while_the_other_is_unavailable(two):
    one, other = two
    one.script.latency = other.script.latency = 0.01
    one.script.per_connection = 10
    one.script.greeting = lambda: "421 4.3.2 not now" if len(one.taken) >= 20 else "220 ready"
    readers(120)
    mailing = released()
    summary = send()
    assert summary.error == "" and states(mailing) == {"accepted": 120}
    # A session that began before the twentieth message continues to its tenth.
    assert 20 <= len(one.taken) <= 40 and len(one.taken) + len(other.taken) == 120
    assert not set(one.recipients()) & set(other.recipients())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stage", ["mail", "rcpt", "dot"])
def test_the_other_relay_sends_what_one_does_not_take(two, stage):
    one, other = two
    setattr(one.script, stage, lambda who: server.DROP)
    other.script.latency = 0.02
    readers(60)
    mailing = released()
    send()
    mailing.refresh_from_db()
    # Each connection to the first has lost one.
    assert mailing.state == "sending" and len(other.accepted()) >= 60 - one.connections
    assert one.connections <= 2


@pytest.mark.django_db(transaction=True)
def test_without_a_relay_deliveries_stay_planned_and_the_summary_names_each_error(two):
    one, other = two
    one.script.greeting, other.script.greeting = "421 4.3.2 not now", "554 5.7.1 rejected"
    readers(3)
    mailing = released()
    summary = send()
    assert "not now" in summary.error and "rejected" in summary.error
    mailing.refresh_from_db()
    assert states(mailing) == {"planned": 3} and mailing.state == "sending"
    assert outbox.send_due(NOW).sent == 0
