"""Counts the outcomes of a mailing's deliveries by provider and by the hour in which they were sent.

A bounce or complaint counts for the hour in which its message was sent, so that a rate compares the same
messages, however late it arrives.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Q, Sum

from mailer.config.sections import StopMetric
from mailer.delivery.ledger.attempts import Attempt
from mailer.delivery.ledger.sql_helpers import to_db_datetime
from mailer.delivery.models import Mailing, ProviderHour
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.throttle.mailbox_providers import provider_of_domain


class ProviderCounts(NamedTuple):
    """Deliveries sent to one provider in one hour, and their outcomes, whenever they became known."""

    # Accepted, refused or blocked.
    attempted: int = 0
    accepted: int = 0
    bounced: int = 0
    blocked: int = 0
    complained: int = 0

    def cases(self, metric: StopMetric) -> int:
        count: int = getattr(self, metric)
        return count

    def base(self, metric: StopMetric) -> int:
        """The deliveries that the cases of a metric are a share of."""
        total = self.accepted if metric is StopMetric.COMPLAINED else self.attempted
        # Counts of the last seconds before a crash may be missing.
        return max(total, self.cases(metric))


# By provider ("" stands for all without a case) and start of the hour.
HourlyCounts = Mapping[tuple[str, datetime], ProviderCounts]


# What an outcome counts for. A deferred delivery is attempted again, and does not count yet.
_ACCEPTED = ProviderCounts(attempted=1, accepted=1)
_FINAL = {
    ReplyClass.REFUSED: ProviderCounts(attempted=1),
    ReplyClass.BLOCKED: ProviderCounts(attempted=1, blocked=1),
}
# A worker writes its counts this often.
_FLUSH = timedelta(seconds=5)
_KEPT = timedelta(days=60)
_ADD = """
INSERT INTO mailer_providerhour
    (mailing_id, provider, since, attempted, accepted, bounced, blocked, complained)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (mailing_id, provider, since) DO UPDATE SET
    attempted = mailer_providerhour.attempted + excluded.attempted,
    accepted = mailer_providerhour.accepted + excluded.accepted,
    bounced = mailer_providerhour.bounced + excluded.bounced,
    blocked = mailer_providerhour.blocked + excluded.blocked,
    complained = mailer_providerhour.complained + excluded.complained
"""


class StatsBucket(NamedTuple):
    """The row that a count belongs to."""

    mailing: int
    provider: str
    # When the messages were sent.
    at: datetime


class Recorder:
    """Counts one worker's attempts in memory and writes them every few seconds, so that no message waits."""

    def __init__(self, now: datetime) -> None:
        # By mailing and what one outcome counts for: how often, by the domain of the address.
        self._domains: defaultdict[tuple[int, ProviderCounts], Counter[str]] = defaultdict(Counter)
        self._flushed_at = now

    def record(self, attempts: Collection[Attempt], failed: Iterable[Attempt], now: datetime) -> None:
        """Count these attempts; `failed` are those that were not accepted."""
        accepted: defaultdict[int, list[str]] = defaultdict(list)
        for one, outcome in attempts:
            # A dry run has no subscriber.
            if outcome.reply_class is ReplyClass.ACCEPTED and one.subscriber:
                accepted[one.mailing].append(one.email.rpartition("@")[2])
        for mailing, domains in accepted.items():
            self._domains[mailing, _ACCEPTED].update(domains)
        for one, (reply_class, _, _) in failed:
            if one.subscriber and reply_class in _FINAL:
                self._domains[one.mailing, _FINAL[reply_class]][one.email.rpartition("@")[2]] += 1
        if now >= self._flushed_at + _FLUSH or hour_start(now) != hour_start(self._flushed_at):
            self.flush(now)

    def flush(self, now: datetime) -> None:
        """Write the counts to the database."""
        self._flushed_at = now
        counts = [
            (
                StatsBucket(mailing, provider_of_domain(domain), now),
                ProviderCounts(*(part * times for part in each)),
            )
            for (mailing, each), domains in self._domains.items()
            for domain, times in domains.items()
        ]
        if counts:
            add(counts)
            self._domains.clear()


def add(counts: Collection[tuple[StatsBucket, ProviderCounts]]) -> None:
    """Add the counts, in one transaction."""
    counted_from = dict(
        Mailing.objects.filter(pk__in={slot.mailing for slot, _ in counts}).values_list("pk", "counted_from")
    )
    rows: dict[tuple[int, str, datetime], ProviderCounts] = {}
    for (mailing, provider, at), counted in counts:
        if mailing in counted_from:
            key = mailing, provider[:255], _bucket_start(at, counted_from[mailing])
            rows[key] = sum_counts([rows.get(key, ProviderCounts()), counted])
    # In a fixed order, so that two workers never deadlock.
    written = [
        (mailing, provider, to_db_datetime(since), *counted)
        for (mailing, provider, since), counted in sorted(rows.items())
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_ADD, written)


def hourly_counts(mailing: Mailing) -> dict[tuple[str, datetime], ProviderCounts]:
    """The counts of a mailing since it began, or since staff resumed it after the stop rules paused it.

    Providers without any case, of which there may be thousands, are added up under "", together with the
    cases of erased subscribers, whose provider is unknown.
    """
    rows = ProviderHour.objects.filter(mailing=mailing)
    if mailing.counted_from is not None:
        rows = rows.filter(since__gte=mailing.counted_from)
    cases = Q(bounced__gt=0) | Q(blocked__gt=0) | Q(complained__gt=0)
    with_cases = rows.filter(cases).exclude(provider="").values("provider")
    own = rows.filter(provider__in=with_cases).values_list("provider", "since", *ProviderCounts._fields)
    others = rows.exclude(provider__in=with_cases).order_by().values_list("since")
    sums = others.annotate(*map(Sum, ProviderCounts._fields))
    return {
        **{("", since): ProviderCounts(*counts) for since, *counts in sums},
        **{(provider, since): ProviderCounts(*counts) for provider, since, *counts in own},
    }


def delete_old(now: datetime) -> None:
    """Delete counts that no rule needs any more."""
    ProviderHour.objects.filter(since__lt=now - _KEPT).delete()


def hour_start(at: datetime) -> datetime:
    """The start of the hour in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _bucket_start(at: datetime, counted_from: datetime | None) -> datetime:
    """The start of the hour, or the time within it since which the mailing is counted anew."""
    hour = hour_start(at)
    if counted_from is not None and hour < counted_from <= at:
        return counted_from
    return hour


def sum_counts(counts: Iterable[ProviderCounts]) -> ProviderCounts:
    """The sum of all counts."""
    return ProviderCounts(*map(sum, zip(*counts, strict=True)))
