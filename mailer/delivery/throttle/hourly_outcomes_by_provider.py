"""Counts the outcomes of a mailing's deliveries by provider and by the hour in which they were sent.

A bounce or complaint counts for the hour in which its message was sent, so that a rate compares the same
messages, however late it arrives. The counts never lag behind the ledger: they are read together with the
outcome batches that are not yet added.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Q, Sum

from mailer.config.sections import StopMetric
from mailer.delivery.ledger.sql_helpers import to_db_datetime
from mailer.delivery.models import Mailing, OutcomeBatch, ProviderHour
from mailer.delivery.throttle import mailing_circuit_breaker, shared_state
from mailer.delivery.throttle.mailbox_providers import family_or_other, provider_of_domain
from mailer.delivery.throttle.shared_state import Data


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
        # A complaint or bounce of a message may be known before its acceptance is.
        return max(total, self.cases(metric))


# By provider ("" stands for all without a case) and start of the hour.
HourlyCounts = Mapping[tuple[str, datetime], ProviderCounts]

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


_ADD_TOTAL = """
INSERT INTO mailer_outcometotal (provider, outcome, count) VALUES (%s, %s, %s)
ON CONFLICT (provider, outcome) DO UPDATE SET count = mailer_outcometotal.count + excluded.count
"""
# What the totals take from the counts; refusals and blocks they have by the class of the reply.
_TOTALS = ("accepted", "bounced", "complained")
# Counts by provider's family and outcome.
_Totals = Counter[tuple[str, str]]


class StatsBucket(NamedTuple):
    """The row that a count belongs to."""

    mailing: int
    provider: str
    # When the messages were sent.
    at: datetime


def consume_outcome_batches(mailing: int) -> None:
    """Add the outcome batches of a mailing, by its id, to its counts and to its circuit breaker.

    One transaction removes the batches and adds what they count, so each counts once.
    """
    last = OutcomeBatch.objects.filter(mailing=mailing).order_by("pk").last()
    if last is None:
        return

    def consume(data: Data) -> tuple[Data, None]:
        # The breaker's row is locked, so no other worker has the same batches.
        batches = list(OutcomeBatch.objects.filter(mailing=mailing).order_by("pk"))
        add([one for batch in batches for one in _counts(batch)], sum(map(_errors, batches), _Totals()))
        OutcomeBatch.objects.filter(pk__in=[batch.pk for batch in batches]).delete()
        return reduce(mailing_circuit_breaker.add_batch, batches, data), None

    shared_state.update(f"{mailing_circuit_breaker.KEY}{mailing}", last.at, consume)


def update_all_stats_and_breakers() -> None:
    """Add the outcome batches of all mailings."""
    for mailing in OutcomeBatch.objects.order_by().values_list("mailing_id", flat=True).distinct():
        consume_outcome_batches(mailing)


def _counts(batch: OutcomeBatch) -> Iterator[tuple[StatsBucket, ProviderCounts]]:
    for domain, (attempted, accepted, blocked) in json.loads(batch.domains).items():
        bucket = StatsBucket(batch.mailing_id, provider_of_domain(domain), batch.at)
        yield bucket, ProviderCounts(attempted=attempted, accepted=accepted, blocked=blocked)


def _errors(batch: OutcomeBatch) -> _Totals:
    found = _Totals()
    for domain, classes in json.loads(batch.errors).items():
        for reply_class, count in classes.items():
            found[family_or_other(provider_of_domain(domain)), reply_class] += count
    return found


def add(
    counts: Collection[tuple[StatsBucket, ProviderCounts]], errors: Mapping[tuple[str, str], int] = {}
) -> None:
    """Add the counts in one transaction; to the totals also the errors, by provider's family and class."""
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
    totals = _Totals(errors)
    for slot, counted in counts:
        for outcome in _TOTALS:
            totals[family_or_other(slot.provider), outcome] += getattr(counted, outcome)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_ADD, written)
        cursor.executemany(_ADD_TOTAL, [(*key, count) for key, count in sorted(totals.items()) if count])


def update_and_read_hourly_counts(mailing: Mailing) -> dict[tuple[str, datetime], ProviderCounts]:
    """The counts of a mailing since it began, or since staff resumed it after the stop rules paused it.

    Providers without any case, of which there may be thousands, are added up under "", together with the
    cases of erased subscribers, whose provider is unknown.
    """
    consume_outcome_batches(mailing.pk)
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


def has_accepted(mailing: int) -> bool:
    """Whether a message of a mailing, by its id, was accepted; False for a dry run, which is not counted.

    The ledger has no index of what was accepted.
    """
    consume_outcome_batches(mailing)
    return ProviderHour.objects.filter(mailing=mailing, accepted__gt=0).exists()


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
