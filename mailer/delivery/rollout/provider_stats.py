"""Counts what became of a mailing's copies, by provider and by the hour in which they left.

What came back is counted for the hour in which its copy left, so that each share is one of the same copies,
however late it is known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, Sum

from mailer.delivery.ledger.records import Attempt
from mailer.delivery.models import Mailing, ProviderHour
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.rollout import evaluate
from mailer.delivery.rollout.evaluate import Counted, Finding, Level
from mailer.delivery.throttle.providers import provider_of_domain

# What an answer counts for. Whatever was put off comes again, and is no try yet.
_ACCEPTED = Counted(tried=1, accepted=1)
_FINAL = {ReplyClass.REFUSED: Counted(tried=1), ReplyClass.BLOCKED: Counted(tried=1, blocked=1)}
# For so long a worker keeps to itself what it counted.
_FLUSH = timedelta(seconds=5)
_KEPT = timedelta(days=60)
_ADD = """
INSERT INTO mailer_providerhour (mailing_id, provider, since, tried, accepted, bounced, blocked, complained)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (mailing_id, provider, since) DO UPDATE SET
    tried = mailer_providerhour.tried + excluded.tried,
    accepted = mailer_providerhour.accepted + excluded.accepted,
    bounced = mailer_providerhour.bounced + excluded.bounced,
    blocked = mailer_providerhour.blocked + excluded.blocked,
    complained = mailer_providerhour.complained + excluded.complained
"""


class Slot(NamedTuple):
    """Where a count belongs."""

    mailing: int
    provider: str
    # When the copies left.
    at: datetime


class Book:
    """What one worker counts while it sends; written now and then, so that no message waits for it."""

    def __init__(self, now: datetime) -> None:
        # By mailing and what one answer counts for: how often, by the domain of the reader's address.
        self._domains: defaultdict[tuple[int, Counted], Counter[str]] = defaultdict(Counter)
        self._flushed_at = now

    def note(self, done: Collection[Attempt], odd: Iterable[Attempt], now: datetime) -> None:
        """Count these answers; `odd` are those of `done` that were not accepted."""
        accepted: defaultdict[int, list[str]] = defaultdict(list)
        for one, outcome in done:
            # In a rehearsal there is no reader.
            if outcome.reply_class is ReplyClass.ACCEPTED and one.subscriber:
                accepted[one.mailing].append(one.email.rpartition("@")[2])
        for mailing, domains in accepted.items():
            self._domains[mailing, _ACCEPTED].update(domains)
        for one, (reply_class, _, _) in odd:
            if one.subscriber and reply_class in _FINAL:
                self._domains[one.mailing, _FINAL[reply_class]][one.email.rpartition("@")[2]] += 1
        if now >= self._flushed_at + _FLUSH or hour_of(now) != hour_of(self._flushed_at):
            self.flush(now)

    def flush(self, now: datetime) -> None:
        """Write down what was counted."""
        self._flushed_at = now
        counts = [
            (Slot(mailing, provider_of_domain(domain), now), Counted(*(part * times for part in each)))
            for (mailing, each), domains in self._domains.items()
            for domain, times in domains.items()
        ]
        if counts:
            add(counts)
            self._domains.clear()


def add(counts: Collection[tuple[Slot, Counted]]) -> None:
    """Add the counts, in one transaction."""
    counted_from = dict(
        Mailing.objects.filter(pk__in={slot.mailing for slot, _ in counts}).values_list("pk", "counted_from")
    )
    rows: dict[tuple[int, str, datetime], Counted] = {}
    for (mailing, provider, at), counted in counts:
        if mailing in counted_from:
            key = mailing, provider[:255], _since(at, counted_from[mailing])
            rows[key] = evaluate.total([rows.get(key, Counted()), counted])
    moment = connection.ops.adapt_datetimefield_value
    # In one order, so that two who write at the same time never wait for each other in a circle.
    written = [
        (mailing, provider, moment(since), *counted)
        for (mailing, provider, since), counted in sorted(rows.items())
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_ADD, written)


def of(mailing: Mailing) -> dict[tuple[str, datetime], Counted]:
    """What counts of the mailing now: since its beginning, or since a person resumed what had stopped it.

    Providers against which nothing was counted, of which there may be thousands, stand together under "", and
    with them what is counted of readers whose provider nobody knows any more.
    """
    rows = ProviderHour.objects.filter(mailing=mailing)
    if mailing.counted_from is not None:
        rows = rows.filter(since__gte=mailing.counted_from)
    cases = Q(bounced__gt=0) | Q(blocked__gt=0) | Q(complained__gt=0)
    against = rows.filter(cases).exclude(provider="").values("provider")
    own = rows.filter(provider__in=against).values_list("provider", "since", *Counted._fields)
    others = rows.exclude(provider__in=against).order_by().values_list("since")
    sums = others.annotate(*map(Sum, Counted._fields))
    return {
        **{("", since): Counted(*counts) for since, *counts in sums},
        **{(provider, since): Counted(*counts) for provider, since, *counts in own},
    }


def findings(mailing: Mailing) -> list[Finding]:
    """The limits of the stop rules that the mailing has reached, the gravest first."""
    return evaluate.findings(of(mailing), settings.CONFIG.stops)


def would_pause(mailing: Mailing) -> bool:
    """Whether it has reached a limit at which a mailing is paused."""
    return any(finding.level is Level.PAUSE for finding in findings(mailing))


def forget(now: datetime) -> None:
    """Delete counts that no rule asks for any more."""
    ProviderHour.objects.filter(since__lt=now - _KEPT).delete()


def hour_of(at: datetime) -> datetime:
    """The beginning of the hour in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _since(at: datetime, counted_from: datetime | None) -> datetime:
    """The beginning of the hour, or within it the moment from which counting began afresh."""
    hour = hour_of(at)
    if counted_from is not None and hour < counted_from <= at:
        return counted_from
    return hour
