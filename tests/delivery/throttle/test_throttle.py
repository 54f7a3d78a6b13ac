"""The throttle end to end: a local relay with scripted replies, and a clock that tests move."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from mailer.delivery.engine import send_loop
from mailer.delivery.models import Alert, Delivery, Mailing, ThrottleState
from mailer.delivery.rollout import mailing_control
from subscribers.models import Subscriber
from tests.delivery.cast import NOW, Clock, balances, readers, released, send, states
from tests.delivery.relay import DROP, Relay

pytestmark = pytest.mark.django_db(transaction=True)


def at(*domains: str, each: int) -> None:
    """So many readers at each of the domains, in turn."""
    readers(each * len(domains))
    for number, person in enumerate(Subscriber.objects.order_by("pk")):
        domain = domains[number % len(domains)]
        Subscriber.objects.filter(pk=person.pk).update(email=f"reader-{number}@{domain}")


def attempts_at(relay: Relay, domain: str) -> int:
    return sum(line.startswith("RCPT") and f"@{domain}>" in line for line in relay.commands)


def sent_on(clock: Clock, days: float, step: float) -> int:
    """Look every `step` hours for so many days; how many were accepted."""
    count = 0
    for _ in range(round(days * 24 / step)):
        count += send(clock).accepted
        clock.move(hours=step)
    return count


def test_a_throttling_provider_is_left_alone_and_delays_no_other(relay):
    relay.script.rcpt = lambda to: "451 4.7.1 slow down" if "@slow." in to else None
    at("slow.example.net", "quick.example.net", "other.example.net", each=40)
    mailing = released()
    clock = Clock()
    send(clock, min_batch=12)
    assert states(mailing) == {"accepted": 80, "deferred": 40} and balances(mailing)
    # Those in hand when it first asked were attempted; the others were deferred without an attempt.
    first = attempts_at(relay, "slow.example.net")
    assert first <= 12
    assert Delivery.objects.filter(state="deferred", attempts=0).count() == 40 - first
    clock.move(seconds=50)
    assert send(clock, min_batch=12).attempted == 0
    clock.move(seconds=30)
    again = send(clock, min_batch=12)
    assert 0 < again.deferred == again.attempted and attempts_at(relay, "slow.example.net") <= first + 12


def test_a_provider_that_accepts_again_gets_all_its_mail(relay):
    closed = [True]
    relay.script.rcpt = lambda to: "421 4.7.0 too fast" if closed else None
    at("slow.example.net", each=40)
    mailing = released()
    clock = Clock()
    send(clock, min_batch=12)
    closed.clear()
    for _ in range(60):
        clock.move(minutes=1)
        send(clock, min_batch=12)
    assert states(mailing) == {"accepted": 40}


def test_backoffs_survive_a_restart(relay):
    relay.script.rcpt = lambda to: "451 4.7.1 slow down"
    at("slow.example.net", each=3)
    released()
    clock = Clock()
    send(clock)
    # Everything that a new process knows of it is in the database.
    data = ThrottleState.objects.get(key="provider slow.example.net").data
    assert data["backoff"][0] == 1 and data["backoff"][1] >= NOW.timestamp() + 60


def test_a_limit_of_one_provider_delays_no_other(configure, relay):
    configure(sending={"rate_per_provider": ("bk.ru 3/h",)})
    at("mail.ru", "list.ru", "example.net", each=4)
    mailing = released()
    clock = Clock()
    assert send(clock).accepted == 4 + 3
    assert attempts_at(relay, "mail.ru") + attempts_at(relay, "list.ru") == 3
    clock.move(minutes=30)
    assert send(clock).accepted == 0
    assert sent_on(clock, days=1 / 8, step=0.25) == 5
    assert states(mailing) == {"accepted": 12}


def test_a_daily_limit_is_kept_over_two_days_and_shown(configure, relay):
    configure(sending={"rate_per_day": 10}, site={"timezone": "Asia/Almaty"})
    readers(25)
    mailing = released()
    clock = Clock()
    assert send(clock).accepted == 10
    assert send(clock).accepted == 0
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENDING
    assert mailing.reason.startswith("Waiting until 10:") and "10 messages a day" in mailing.reason
    assert sent_on(clock, days=1, step=4) == 0
    clock.move(hours=1)
    assert sent_on(clock, days=1, step=4) == 10
    mailing.refresh_from_db()
    assert mailing.reason.startswith("Waiting until")
    clock.move(hours=1)
    assert send(clock).finished == [mailing.pk]
    mailing.refresh_from_db()
    assert states(mailing) == {"accepted": 25} and mailing.reason == ""


def test_several_limits_apply_together(configure, relay):
    configure(sending={"rate_per_second": 20, "rate_per_minute": 15})
    readers(20)
    mailing = released()
    started = time.monotonic()
    assert send().accepted == 15
    assert time.monotonic() - started >= 14 / 20
    assert states(mailing) == {"accepted": 15, "planned": 5}


def test_messages_paused_before_they_are_sent_do_not_use_the_daily_limit(configure, relay):
    configure(sending={"rate_per_day": 20})
    relay.script.latency = 0.3
    readers(30)
    mailing = released()

    def look() -> bool:
        if relay.taken:
            mailing_control.pause_automatically(mailing.pk, "Paused.")
        return False

    send_loop.send_due(Clock(), look)
    relay.script.latency = 0
    assert len(relay.taken) < 20
    mailing.refresh_from_db()
    mailing_control.resume(mailing, None, NOW)
    send()
    assert len(relay.taken) == 20


def test_outside_the_hours_nothing_is_claimed(configure, relay):
    # The cast's now is 10:00 in Almaty.
    configure(sending={"hours": "11:00-12:00"}, site={"timezone": "Asia/Almaty"})
    readers(3)
    mailing = released()
    clock = Clock()
    assert send(clock).attempted == 0 and states(mailing) == {"planned": 3}
    mailing.refresh_from_db()
    assert mailing.reason.startswith("Waiting until 11:00 on 03 December")
    clock.move(hours=1)
    assert send(clock).accepted == 3


def test_when_the_hours_end_unsent_messages_stay_planned(configure, relay):
    configure(sending={"hours": "08:00-11:00"}, site={"timezone": "Asia/Almaty"})
    relay.script.latency = 0.05
    readers(100)
    mailing = released()
    clock = Clock()

    def look() -> bool:
        if len(relay.taken) > 5:
            clock.at = NOW + timedelta(hours=1)
        return False

    send_loop.send_due(clock, look)
    found = states(mailing)
    assert found["accepted"] == len(relay.taken) < 100 and found["planned"] == 100 - found["accepted"]


def test_a_new_sender_warms_up(configure, relay):
    configure(sending={"warm_up_since": "2021-12-03"}, site={"timezone": "Asia/Almaty"})
    readers(170)
    released()
    clock = Clock()
    assert send(clock).accepted == 50
    assert send(clock).accepted == 0
    assert "50 messages a day while this sender is new" in Mailing.objects.get().reason
    assert sent_on(clock, days=1, step=2) == 50
    clock.move(hours=2)
    assert send(clock).accepted == 50


def test_an_unreachable_relay_is_tried_less_and_less_often_and_staff_are_alerted(configure, relay):
    readers(2)
    mailing = released()
    configure(smtp={"port": 1})
    clock = Clock()
    troubles = 0
    for _ in range(20):
        troubles += bool(send(clock).error)
        clock.move(minutes=1)
    assert 3 <= troubles <= 5
    assert Alert.objects.get().kind == "relay_unreachable"
    mailing.refresh_from_db()
    assert mailing.reason.startswith("Waiting until")
    configure(smtp={"port": relay.port})
    clock.move(minutes=11)
    assert send(clock).accepted == 2
    assert ThrottleState.objects.get(key__startswith="relay ").data == {}


def test_the_breaker_pauses_a_blocked_mailing_and_refuses_no_delivery(relay):
    relay.script.dot = lambda to: "554 5.7.1 rejected, your host is blocked"
    at("a.example.net", "b.example.net", "c.example.net", each=60)
    mailing = released()
    send(min_batch=10)
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED
    assert "your host is blocked" in mailing.reason
    assert (Alert.objects.get().kind, Alert.objects.get().mailing_id) == ("circuit_breaker", mailing.pk)
    found = states(mailing)
    assert "refused" not in found and len(relay.taken) < 90 and balances(mailing)
    # Staff see to it and resume: it begins with a clean slate, and everybody gets their mail.
    relay.script.dot = lambda to: None
    clock = Clock()
    clock.move(hours=2)
    mailing_control.resume(mailing, None, clock())
    for _ in range(30):
        send(clock, min_batch=10)
        clock.move(minutes=1)
    assert states(mailing) == {"accepted": 180}


def test_the_breaker_pauses_a_mailing_whose_connections_keep_breaking(relay):
    relay.script.rcpt = lambda to: DROP
    readers(300)
    mailing = released()
    send(min_batch=10)
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED
    assert Alert.objects.get().kind == "circuit_breaker"
    # How many more were attempted before the trip was seen depends on the machine: always fewer than half.
    assert Delivery.objects.filter(attempts=0).count() > 150


def test_unknown_addresses_do_not_trip_the_breaker(relay):
    relay.script.rcpt = lambda to: "550 5.1.1 no such user"
    readers(40)
    mailing = released()
    send()
    assert states(mailing) == {"refused": 40} and Alert.objects.count() == 0


def test_too_many_recipients_in_a_session_is_not_an_attempt(relay):
    answers = ["452 4.5.3 too many recipients"]
    relay.script.rcpt = lambda to: answers.pop() if answers else None
    readers(3)
    mailing = released()
    clock = Clock()
    assert send(clock).accepted == 2
    put_off = Delivery.objects.get(state="deferred")
    assert put_off.attempts == 0
    clock.move(minutes=1)
    assert send(clock).accepted == 1 and states(mailing) == {"accepted": 3}
    assert ThrottleState.objects.filter(key__startswith="provider").count() == 0


def test_unlimited_sending_writes_no_throttle_state(relay):
    readers(5)
    released()
    send()
    assert not ThrottleState.objects.exclude(key__regex="^(breaker|usual seconds)").exists()


def test_a_paused_mailing_leaves_deferred_deliveries_unchanged(relay):
    relay.script.rcpt = lambda to: "451 4.7.1 slow down" if "@slow." in to else None
    at("slow.example.net", "quick.example.net", each=5)
    mailing = released()
    clock = Clock()
    send(clock)
    mailing_control.pause_automatically(mailing.pk, "Paused.")
    before = dict(Delivery.objects.values_list("pk", "state"))
    clock.move(hours=1)
    assert send(clock).attempted == 0
    assert dict(Delivery.objects.values_list("pk", "state")) == before
