"""Fetches returned mail from the mailboxes: what was stored is marked there, and only then.

The worker attends to each kind of mailbox in a job of its own, so that one which waits, or is away, holds up
no other; and one message that cannot be read or stored holds up none behind it.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import Error as DatabaseFailure

from mailer.feedback.sources import ingest, source_health
from mailer.feedback.sources.ingest import Received
from mailer.feedback.sources.mailbox import Mailbox, MailboxError, MessageStays, Stop
from mailer.feedback.sources.sources import Way, mailboxes

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

# Failures in one look after which the cause is not the messages.
_GIVE_UP = 20


@dataclass
class Summary:
    # Messages taken in, by kind.
    kinds: Counter[str] = field(default_factory=Counter)
    # Seen before.
    repeated: int = 0
    # Left where they are, to be tried again.
    failed: int = 0

    @property
    def received(self) -> int:
        return sum(self.kinds.values())

    def count(self, received: Received) -> None:
        if received.new:
            self.kinds[received.message.kind] += 1
        else:
            self.repeated += 1


class Patience:
    """Which messages of a mailbox failed, and when each is tried again."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._due: dict[str, datetime] = {}

    def waits(self, name: str, now: datetime) -> bool:
        return name in self._due and self._due[name] > now

    def put_off(self, name: str, now: datetime) -> bool:
        """Try it later, each time twice as long; whether it failed for the first time."""
        self._failures[name] += 1
        self._due[name] = now + source_health.pause(self._failures[name])
        return self._failures[name] == 1

    def forget(self, name: str) -> None:
        self._failures.pop(name, None)
        self._due.pop(name, None)


# By mailbox. After a restart, each message is tried anew.
_PATIENCE: defaultdict[str, Patience] = defaultdict(Patience)


def attend(kind: str, now: Clock, stop: Stop) -> None:
    """The worker's job: look after the mailbox of this kind, where one is configured and does not rest."""
    for way in mailboxes(settings.CONFIG):
        if way.kind == kind and source_health.is_due(way.address, now()):
            _attend(way, now, stop)


def poll(now: Clock) -> tuple[Summary, list[str]]:
    """Look into every configured mailbox once; what was taken in, and why others could not be read."""
    total, troubles = Summary(), []
    for way in mailboxes(settings.CONFIG):
        try:
            with way.open(now()) as mailbox:
                take_in(mailbox, total, now, lambda: False)
        except MailboxError as error:
            troubles.append(str(error))
    return total, troubles


def take_in(
    mailbox: Mailbox, summary: Summary, now: Clock, stop: Stop, patience: Patience | None = None
) -> int:
    """Take in everything that has arrived, until `stop`, and count it; returns how many are stuck."""
    patience = patience or Patience()
    stuck = failures = 0
    for name in mailbox.arrived():
        if stop() or failures >= _GIVE_UP:
            break
        if patience.waits(name, now()):
            stuck += 1
            continue
        try:
            _take(mailbox, name, summary, now())
        except (DatabaseFailure, MessageStays) as error:
            failures += 1
            if patience.put_off(name, now()):
                logger.error("action=feedback_kept error=%s", type(error).__name__)
        else:
            patience.forget(name)
    summary.failed += stuck + failures
    return stuck + failures


def _take(mailbox: Mailbox, name: str, summary: Summary, now: datetime) -> None:
    content = mailbox.content(name)
    if content is not None:
        received = ingest.receive(content, now)
        mailbox.taken(name)
        summary.count(received)


def _attend(way: Way, now: Clock, stop: Stop) -> None:
    try:
        with way.open(now()) as mailbox:
            again = True
            while again:
                stuck = take_in(mailbox, Summary(), now, stop, _PATIENCE[way.address])
                source_health.well(way.address, now(), stuck)
                again = not stop() and mailbox.more(stop)
        if way.rest and not stop():
            source_health.well(way.address, now(), stuck, way.rest)
    except MailboxError as error:
        source_health.badly(way.address, str(error), now())
    except Exception as error:
        # Whatever a server says: it is tried again, less and less often, and the log is not filled with it.
        source_health.badly(way.address, f"It could not be read: {type(error).__name__}.", now())
        raise
