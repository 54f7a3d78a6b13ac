"""A slow or busy domain does not delay the mail to others."""

from __future__ import annotations

import time

import pytest

from mailer.delivery.engine import send_loop
from subscribers.models import Subscriber
from tests.delivery.cast import Clock, readers, released, states
from tests.delivery.relay import Relay, Script
from tests.waiting import SAFETY_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)
FAST = ("quick.example.net", "swift.example.net", "brisk.example.net")
SLOW, BUSY = "slow.example.net", "busy.example.net"


def domain_of(address):
    return address.partition("@")[2]


def spread(fast, slow, busy):
    """Readers of every kind among each other, as an alphabet would have them."""
    among = [FAST[number % 3] for number in range(fast)]
    for kind, count in ((SLOW, slow), (BUSY, busy)):
        step = len(among) // count
        for number in range(count):
            among.insert(number * (step + 1), kind)
    readers(len(among))
    people = list(Subscriber.objects.order_by("pk"))
    for person, domain in zip(people, among, strict=True):
        person.email = f"{person.email.partition('@')[0]}@{domain}"
    Subscriber.objects.bulk_update(people, ["email"])


def test_fast_domains_get_their_mail_before_slow_ones(configure):
    script = Script(
        slow=lambda to: 2.0 if domain_of(to) == SLOW else 0.0,
        rcpt=lambda to: "451 4.3.2 try again later" if domain_of(to) == BUSY else None,
    )
    with Relay(script) as relay:
        configure(smtp={"port": relay.port, "connections": 5})
        spread(fast=200, slow=30, busy=30)
        mailing = released()
        limit = time.monotonic() + SAFETY_SECONDS

        def quick_ones_have_it():
            there = sum(domain_of(taken.recipient) in FAST for taken in relay.taken)
            return there == 200 or time.monotonic() > limit

        send_loop.send_due(Clock(), quick_ones_have_it)
        kinds = [domain_of(taken.recipient) for taken in relay.taken]
        last = max(place for place, domain in enumerate(kinds) if domain in FAST)
    assert sum(domain in FAST for domain in kinds) == 200
    # In their order nearly all of the slow ones would have come before the last of the quick.
    assert kinds[:last].count(SLOW) <= 10
    found = states(mailing)
    assert found["accepted"] >= 200 and "refused" not in found
