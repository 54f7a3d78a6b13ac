"""Loads the histories of many subscribers at once: bounces, complaints, engagement and earlier decisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import TruncDate

from mailer.delivery.models import Delivery
from mailer.feedback.decisions.policy import FORGET_AFTER, History, HistoryEvent
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from mailer.feedback.parsing.records import AUTHENTICATED
from subscribers.models import Subscriber, Subscription

# A delivery that has not bounced for this long has arrived: servers give up after five days (RFC 5321
# §4.5.4.1).
BOUNCE_WINDOW = timedelta(days=6)

_COUNTED_KINDS = (FeedbackEvent.Kind.BOUNCE, FeedbackEvent.Kind.COMPLAINT)


def load(people: Collection[Subscriber], now: datetime) -> dict[int, History]:
    """The history of each subscriber, by id; also of those about whom nothing is known."""
    ids = [person.pk for person in people]
    events = _events(people, now)
    delivered = {row["subscriber"]: row for row in _delivered(ids, now)}
    by_subscriber = Subscription.objects.filter(subscriber__in=ids, source__in=Subscription.BY_READER)
    confirmed = dict(_latest_by(by_subscriber, "subscriber", Max("confirmed_at")))
    reset, probed = _past_decisions(people)
    found = {}
    for person in people:
        row = delivered.get(person.pk, {})
        found[person.pk] = History(
            events=tuple(events[person.pk]),
            last_engaged_at=_latest(confirmed.get(person.pk), row.get("last")),
            reset_at=reset.get(bytes(person.address_hash)),
            probed_at=probed.get(bytes(person.address_hash)),
            subscriber_since=person.created_at,
            deliveries=row.get("deliveries", 0),
        )
    return found


def _events(people: Collection[Subscriber], now: datetime) -> defaultdict[int, list[HistoryEvent]]:
    hashes = {person.pk: bytes(person.address_hash) for person in people}
    events = FeedbackEvent.objects.filter(
        subscriber__in=hashes, kind__in=_COUNTED_KINDS, at__gte=now - FORGET_AFTER
    )
    found: defaultdict[int, list[HistoryEvent]] = defaultdict(list)
    columns = ("subscriber", "address_hash", "pk", "kind", "bounce_class", "at", "delivery")
    for subscriber, known, pk, kind, bounce_class, at, delivery, accepted_at in events.filter(
        identity__in=AUTHENTICATED
    ).values_list(*columns, "delivery__accepted_at"):
        if bytes(known or b"") == hashes[subscriber]:
            found[subscriber].append(HistoryEvent(pk, kind, bounce_class, True, accepted_at or at, delivery))
    # A thousand of these a day can be forged: only whether there was one makes a difference.
    daily: Any = (
        events.exclude(identity__in=AUTHENTICATED).annotate(day=TruncDate("at", tzinfo=UTC)).order_by()
    )
    daily = daily.values("subscriber", "address_hash", "kind", "bounce_class", "day")
    for row in daily.annotate(event=Min("pk"), first=Min("at")):
        subscriber = row["subscriber"]
        if bytes(row["address_hash"] or b"") == hashes[subscriber]:
            found[subscriber].append(
                HistoryEvent(row["event"], row["kind"], row["bounce_class"], False, row["first"])
            )
    return found


def _delivered(ids: Collection[int], now: datetime) -> Any:
    """How many deliveries of each subscriber did not bounce, and when the last of them was accepted."""
    deliveries = Delivery.objects.filter(
        subscriber__in=ids,
        mailing__dry_run_to="",
        state=Delivery.State.ACCEPTED,
        bounced_at__isnull=True,
        accepted_at__lt=now - BOUNCE_WINDOW,
    )
    grouped = deliveries.order_by().values("subscriber")
    return grouped.annotate(last=Max("accepted_at"), deliveries=Count("pk"))


def _past_decisions(
    people: Collection[Subscriber],
) -> tuple[dict[bytes, datetime], dict[bytes, datetime]]:
    """By address: when a decision was last reverted or dismissed, and when a probe was last sent."""
    hashes = [bytes(person.address_hash) for person in people]
    decisions = SuppressionDecision.objects.filter(address_hash__in=hashes)
    closed = decisions.filter(
        state__in=[SuppressionDecision.State.DISMISSED, SuppressionDecision.State.REVERTED]
    )
    probed = decisions.filter(probed_at__isnull=False)
    return (
        {bytes(key): at for key, at in _latest_by(closed, "address_hash", Max("closed_at"))},
        {bytes(key): at for key, at in _latest_by(probed, "address_hash", Max("probed_at"))},
    )


def _latest_by(rows: QuerySet[Any], key: str, latest: Max) -> Any:
    return rows.order_by().values_list(key).annotate(latest=latest)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)
