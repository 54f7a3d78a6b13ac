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
from mailer.delivery.smtp.base import OurFault, Relay, Unavailable
from mailer.delivery.smtp.relays import Choice, Rests
from tests.delivery import relay as server
from tests.delivery.cast import NOW, readers, released, send, states

AWAY = Unavailable("away")


def relay(host, weight=1, connections=4):
    return Relay(host, 25, weight=weight, connections=connections)


def choice(*among, rests=None, seed=1):
    return Choice(among, rests, random.Random(seed))


def opened(one, clock=0.0):
    """Connections opened until no more are granted: how many of which relay."""
    found = Counter()
    while (granted := one.take(clock)) is not None:
        one.opened(granted)
        found[granted.host] += 1
    return found


def test_connections_are_shared_out_by_weight_and_no_relay_gets_more_than_its_most():
    assert opened(choice(relay("a"))) == {"a": 4}
    assert opened(choice(relay("a"), relay("b"))) == {"a": 4, "b": 4}
    assert opened(choice(relay("a", 3, 6), relay("b", 1, 6))) == {"a": 6, "b": 2}
    assert opened(choice(relay("a", 100, 5), relay("b", 1, 5))) == {"a": 5, "b": 1}


def test_single_connections_go_to_each_relay_about_as_often_as_it_weighs():
    one = choice(relay("a", 3, 6), relay("b", 1, 6))
    found = Counter()
    for _ in range(400):
        granted = one.take(0)
        one.opened(granted)
        one.left(granted)
        found[granted.host] += 1
    assert 250 < found["a"] < 350


def test_a_relay_without_weight_is_used_only_while_the_others_rest():
    main, spare = relay("main"), relay("spare", 0)
    one = choice(main, spare)
    assert one.take(0) == main
    one.failed(main, 0, AWAY)
    assert opened(one, 1) == {"spare": 4}
    assert one.take(30) == main


def test_a_relay_that_fails_rests_for_longer_each_time_and_ten_minutes_at_most():
    rests, one, clock = Rests(), relay("a"), 0.0
    waits = []
    for _ in range(7):
        rests.failed(one, clock)
        rests.failed(one, clock + 1)
        waits.append(rests.until(one) - clock)
        clock = rests.until(one)
    assert waits == [30, 60, 120, 240, 480, 600, 600]
    rests.worked(one)
    rests.failed(one, clock)
    assert rests.until(one) == clock + 30


def test_a_relay_that_grants_no_more_connections_keeps_those_it_granted():
    one = choice(relay("a"))
    first, second = one.take(0), one.take(0)
    one.opened(first)
    one.failed(second, 0, Unavailable("421 too many"))
    assert one.take(1) is None and one.down(1) is None
    assert one.take(6) == first


def test_it_is_over_only_when_every_relay_failed_and_for_good_only_when_all_turned_us_down():
    a, b = relay("a"), relay("b")
    one = choice(a, b)
    assert {one.take(0), one.take(0)} == {a, b}
    one.failed(a, 0, OurFault("a does not like us."))
    assert one.down(0) is None
    one.failed(b, 0, Unavailable("b is away."))
    fault = one.down(0)
    assert isinstance(fault, Unavailable) and str(fault) == "a does not like us. b is away."
    assert one.down(31) is None
    one.take(31), one.take(31)
    one.failed(a, 31, OurFault("a does not like us."))
    one.failed(b, 31, OurFault("nor does b."))
    assert isinstance(one.down(31), OurFault)


def test_who_comes_later_does_not_try_what_just_failed():
    a, b, rests = relay("a"), relay("b", 0), Rests()
    first = choice(a, b, rests=rests)
    first.failed(first.take(0), 0, AWAY)
    later = choice(a, b, rests=rests)
    assert later.take(1) == b
    later.failed(b, 1, AWAY)
    assert "in 19 seconds" in str(choice(a, b, rests=rests).down(11))


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6)), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(["take", "open", "fail", "leave"]), st.integers(0, 40))),
    st.integers(),
)
def test_however_it_goes_no_relay_has_too_many_and_there_is_always_a_way_or_a_reason(kinds, steps, seed):
    every = [relay(f"r{n}", weight, most) for n, (weight, most) in enumerate(kinds)]
    one, clock = choice(*every, seed=seed), 0.0
    granted, held = [], []
    for step, seconds in steps:
        clock += seconds
        if step == "take" and (found := one.take(clock)):
            granted.append(found)
        elif step == "open" and granted:
            held.append(granted.pop())
            one.opened(held[-1])
        elif step == "fail" and granted:
            one.failed(granted.pop(), clock, AWAY)
        elif step == "leave" and held:
            one.left(held.pop())
        counted = Counter(granted + held)
        assert all(counted[each] <= each.connections for each in every)
        if not counted and (found := one.take(clock)):
            granted.append(found)
        elif not counted:
            assert one.down(clock)


def test_connecting_goes_on_to_the_next_relay_and_tells_why_when_there_is_none():
    with server.Relay() as works, server.Relay(server.Script(greeting="554 go away")) as grumpy:
        bad = Relay("127.0.0.1", grumpy.port, connections=1)
        good = Relay("127.0.0.1", works.port, connections=1)

        async def run(one):
            sessions = [await relays.connect(one), await relays.connect(one)]
            await sessions[0][0].quit()
            return sessions

        for seed in range(4):
            (_, used), nothing = asyncio.run(run(choice(bad, good, seed=seed)))
            assert used == good and nothing is None
        with pytest.raises(OurFault, match="go away"):
            asyncio.run(relays.connect(choice(bad)))


def test_the_configuration_names_its_relays(settings, configure, tmp_path):
    configure(
        smtp={"host": "one.example.org", "token_path": str(tmp_path / "token"), "auth": "xoauth2"},
        site={"url": "https://127.0.0.1:8000"},
    )
    spare = Smtp(host="two.example.org", weight=0, connections=2, messages_per_connection=50)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, relays=(spare,))
    one, two = relays.configured()
    assert (one.host, one.auth, one.token_path) == ("one.example.org", "xoauth2", str(tmp_path / "token"))
    assert (two.weight, two.connections, two.messages_per_connection) == (0, 2, 50)
    assert one.ehlo == two.ehlo == "[127.0.0.1]"


@pytest.fixture
def two(settings, configure, monkeypatch):
    """Two relays of equal weight, configured."""
    with server.Relay() as one, server.Relay() as other:
        configure(smtp={"port": one.port, "connections": 2})
        further = Smtp(host="127.0.0.1", port=other.port, connections=2)
        settings.CONFIG = dataclasses.replace(settings.CONFIG, relays=(further,))
        monkeypatch.setattr(relays, "_rests", Rests())
        yield one, other


@pytest.mark.django_db(transaction=True)
def test_a_mailing_goes_through_both_relays_and_through_one_while_the_other_is_away(two):
    one, other = two
    one.script.latency = other.script.latency = 0.01
    one.script.per_connection = 10
    one.script.greeting = lambda: "421 4.3.2 not now" if len(one.taken) >= 20 else "220 ready"
    readers(120)
    mailing = released()
    summary = send()
    assert summary.error == "" and states(mailing) == {"accepted": 120}
    # A session that began before the twentieth goes on to its tenth message.
    assert 20 <= len(one.taken) <= 40 and len(one.taken) + len(other.taken) == 120
    assert not set(one.recipients()) & set(other.recipients())


@pytest.mark.django_db(transaction=True)
def test_when_no_relay_is_left_the_readers_wait_and_staff_are_told_of_each(two):
    one, other = two
    one.script.greeting, other.script.greeting = "421 4.3.2 not now", "554 5.7.1 nobody from there"
    readers(3)
    mailing = released()
    summary = send()
    assert "not now" in summary.error and "nobody from there" in summary.error
    mailing.refresh_from_db()
    assert states(mailing) == {"planned": 3} and mailing.state == "sending"
    assert outbox.send_due(NOW).sent == 0
