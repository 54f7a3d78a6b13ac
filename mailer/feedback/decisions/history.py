"""Reads readers' histories, for many of them at once: what came back, signs of life, and earlier verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import TruncDate

from mailer.delivery.models import Delivery
from mailer.feedback.decisions.policy import FORGOTTEN, History, Sign
from mailer.feedback.models import FeedbackEvent, Verdict
from mailer.feedback.parsing.records import PROOFS
from subscribers.models import Subscriber, Subscription

# A copy that has not come back for so long has arrived: servers give up after five days (RFC 5321 §4.5.4.1).
SILENCE = timedelta(days=6)

_TELLING = (FeedbackEvent.Kind.BOUNCE, FeedbackEvent.Kind.COMPLAINT)


def of(people: Collection[Subscriber], now: datetime) -> dict[int, History]:
    """Each person's history, by their number; also of those about whom nothing is known."""
    numbers = [person.pk for person in people]
    signs = _signs(people, now)
    arrived = {row["subscriber"]: row for row in _arrived(numbers, now)}
    own = Subscription.objects.filter(subscriber__in=numbers, source__in=Subscription.BY_READER)
    acted = dict(_rows(own, "subscriber", Max("confirmed_at")))
    pardoned, asked = _verdicts(people)
    found = {}
    for person in people:
        row = arrived.get(person.pk, {})
        found[person.pk] = History(
            signs=tuple(signs[person.pk]),
            alive_at=_latest(acted.get(person.pk), row.get("last")),
            pardoned_at=pardoned.get(bytes(person.address_hash)),
            asked_at=asked.get(bytes(person.address_hash)),
            since=person.created_at,
            copies=row.get("copies", 0),
        )
    return found


def _signs(people: Collection[Subscriber], now: datetime) -> defaultdict[int, list[Sign]]:
    hashes = {person.pk: bytes(person.address_hash) for person in people}
    events = FeedbackEvent.objects.filter(subscriber__in=hashes, kind__in=_TELLING, at__gte=now - FORGOTTEN)
    found: defaultdict[int, list[Sign]] = defaultdict(list)
    columns = ("subscriber", "address_hash", "pk", "kind", "bounce_class", "at", "delivery")
    for number, known, pk, kind, bounce_class, at, delivery, left in events.filter(
        identity__in=PROOFS
    ).values_list(*columns, "delivery__accepted_at"):
        if bytes(known or b"") == hashes[number]:
            found[number].append(Sign(pk, kind, bounce_class, True, left or at, delivery))
    # Anybody can write a thousand of these a day; only that there was one makes a difference.
    daily: Any = events.exclude(identity__in=PROOFS).annotate(day=TruncDate("at", tzinfo=UTC)).order_by()
    daily = daily.values("subscriber", "address_hash", "kind", "bounce_class", "day")
    for row in daily.annotate(event=Min("pk"), first=Min("at")):
        number = row["subscriber"]
        if bytes(row["address_hash"] or b"") == hashes[number]:
            found[number].append(Sign(row["event"], row["kind"], row["bounce_class"], False, row["first"]))
    return found


def _arrived(numbers: Collection[int], now: datetime) -> Any:
    """How many copies stayed with each reader, and when the last of them left."""
    copies = Delivery.objects.filter(
        subscriber__in=numbers,
        mailing__dry_run_to="",
        state=Delivery.State.ACCEPTED,
        bounced_at__isnull=True,
        accepted_at__lt=now - SILENCE,
    )
    return copies.order_by().values("subscriber").annotate(last=Max("accepted_at"), copies=Count("pk"))


def _verdicts(people: Collection[Subscriber]) -> tuple[dict[bytes, datetime], dict[bytes, datetime]]:
    """By address: when the last verdict was taken back or dropped, and when it was last asked."""
    verdicts = Verdict.objects.filter(address_hash__in=[bytes(person.address_hash) for person in people])
    over = verdicts.filter(state__in=[Verdict.State.DISMISSED, Verdict.State.REVERSED])
    asked = verdicts.filter(asked_at__isnull=False)
    return (
        {bytes(key): at for key, at in _rows(over, "address_hash", Max("decided_at"))},
        {bytes(key): at for key, at in _rows(asked, "address_hash", Max("asked_at"))},
    )


def _rows(rows: QuerySet[Any], key: str, latest: Max) -> Any:
    return rows.order_by().values_list(key).annotate(latest=latest)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)
