"""Messages that wait for a session, without sessions."""

from __future__ import annotations

import time
from collections import Counter
from heapq import heappop, heappush

from mailer.delivery.ledger.attempt_types_and_retry_schedule import ClaimedDelivery
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.smtp.envelope_and_commands import Envelope
from mailer.delivery.smtp.send_queue import QueueTag, SendQueue
from mailer.delivery.throttle.limits_warm_up_and_backoff import VALIDITY
from mailer.delivery.throttle.slow_provider_session_limits import ProviderShares
from tests.delivery.deadlines import deadline

BIG, SMALL = "big.example", "small.example"


def envelope(number, provider):
    one = ClaimedDelivery(number, 1, 1, 1, number, f"reader-{number}@{provider}", "", ())
    found = Envelope("b+1@example.org", one.email, b"")
    found.queue_tag = QueueTag(one, provider, deadline(600), 0.0)
    return found


def sent_with(seconds, big, small, sessions=5):
    """Send everything that begins, each message taking `seconds` of its provider and its number; how many
    were sent to each provider, and how many returned unsent."""
    now, returned, done, busy = 0.0, [], [], []
    queue = SendQueue(ProviderShares(sessions, clock=lambda: now), returned.extend)
    every = 1 + big // small
    kinds = [SMALL if number % every == 0 else BIG for number in range(small * every)]
    queue.add(envelope(number, provider) for number, provider in enumerate(kinds))
    while queue.has_work or busy:
        while len(busy) < sessions and (one := queue.take(None)) is not None:
            provider = one.queue_tag.provider
            heappush(busy, (now + seconds(provider, len(done)), one.queue_tag.claimed.id, now, provider))
        now, _, begun, provider = heappop(busy)
        queue.finished(provider, now - begun)
        done.append(provider)
    assert {outcome.reply_class for _, outcome in returned} <= {ReplyClass.PROVIDER_SLOW}
    return Counter(done), len(returned)


def test_all_of_a_small_mailing_is_sent_without_delay_however_slow_its_provider():
    done, returned = sent_with(lambda provider, _: 3.0 if provider == BIG else 0.05, big=200, small=50)
    assert (done[BIG], done[SMALL], returned) == (200, 50, 0)


def test_a_busy_machine_makes_no_provider_of_a_large_mailing_wait():
    done, returned = sent_with(lambda _, count: 0.02 if count < 50 else 2.0, big=1_600, small=400)
    assert (done[BIG], done[SMALL], returned) == (1_600, 400, 0)


def test_most_messages_of_a_slow_provider_of_a_large_mailing_return_for_later():
    done, returned = sent_with(lambda provider, _: 3.0 if provider == BIG else 0.05, big=1_600, small=400)
    assert done[SMALL] == 400 and done[BIG] + returned == 1_600
    assert returned > 1_000


def test_a_grant_is_void_long_after_its_time():
    returned = []
    queue = SendQueue(ProviderShares(5), returned.extend)
    now = time.monotonic()
    messages = [envelope(number, SMALL) for number in range(3)]
    for one, not_before in zip(messages, (now - 600, now - VALIDITY / 2, now + 600), strict=True):
        one.queue_tag = one.queue_tag._replace(not_before=not_before)
    queue.add(messages)
    assert queue.release_due() > 0
    assert queue.take(None) is messages[1] and queue.take(None) is None
    assert [(one.id, outcome.reply_class) for one, outcome in returned] == [(0, ReplyClass.NOT_TRIED)]
