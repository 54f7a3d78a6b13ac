"""Finalising events: some minutes after a click it is judged and counted, and its client is forgotten."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Delivery, Mailing
from mailer.link_tracking import HONEYPOT, policy_from_manifest
from mailer.rendering import links
from mailer.tracking.bot_detection import (
    VISIT_GAP,
    EventKind,
    FilterReason,
    Observation,
    SentVariant,
    filter_reasons,
)
from mailer.tracking.models import TrackingEvent, VariantAudience
from subscribers.models import Subscriber

log = logging.getLogger(__name__)

_BATCH_SIZE = 2_000
_ADD_COUNT = """
INSERT INTO mailer_dailyeventcount (variant_id, kind, link_number, day, is_bot, count)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (variant_id, kind, link_number, day, is_bot)
DO UPDATE SET count = mailer_dailyeventcount.count + excluded.count
"""


def finalize_due(now: datetime, stop: Callable[[], bool] = lambda: False) -> int:
    """Judge and count the events that are old enough; returns how many. Safe to run twice, at any time."""
    due_before = now - timedelta(minutes=settings.CONFIG.tracking.finalize_minutes)
    finalized = 0
    due = TrackingEvent.objects.filter(finalized=False, at__lt=due_before).order_by("at", "pk")
    while not stop() and (batch := list(due[:_BATCH_SIZE])):
        finalized += _finalize(batch)
    _forget_clients(due_before)
    _forget_subscribers_without_consent()
    if finalized:
        log.info("action=tracking_events_finalized rows=%d", finalized)
    return finalized


def delete_expired(now: datetime) -> int:
    """Delete single events after `[tracking] keep_days`; their counts stay. Returns how many."""
    until = now - timedelta(days=settings.CONFIG.tracking.keep_days)
    expired = TrackingEvent.objects.filter(finalized=True, at__lt=until).values_list("pk", flat=True)
    deleted = 0
    while pks := list(expired[:_BATCH_SIZE]):
        deleted += TrackingEvent.objects.filter(pk__in=pks).delete()[0]
    return deleted


def _finalize(batch: Sequence[TrackingEvent]) -> int:
    """Finalise those of the batch that no other worker has finalised meanwhile."""
    events = _with_neighbours(batch)
    variant_ids = {event.variant_id for event in events}
    _store_audiences(variant_ids)
    reasons = filter_reasons([_observation(event) for event in events], _sent_variants(variant_ids))
    for event, reason in zip(events, reasons, strict=True):
        event.filter_reason = reason
    judged = {event.pk: event for event in events}
    with transaction.atomic():
        pending = TrackingEvent.objects.select_for_update().filter(
            pk__in=[event.pk for event in batch], finalized=False
        )
        mine = [judged[pk] for pk in pending.values_list("pk", flat=True)]
        for reason in {event.filter_reason for event in mine}:
            pks = [event.pk for event in mine if event.filter_reason == reason]
            TrackingEvent.objects.filter(pk__in=pks).update(filter_reason=reason, finalized=True)
        _add_counts(mine)
    return len(mine)


def _with_neighbours(batch: Sequence[TrackingEvent]) -> list[TrackingEvent]:
    """The batch in order of time, then events of its clients and subscribers shortly before and after."""
    gap = timedelta(seconds=VISIT_GAP)
    clients = Q(client_hash__in={event.client_hash for event in batch})
    subscribers = Q(subscriber__in={event.subscriber_id for event in batch})
    nearby = TrackingEvent.objects.filter(
        clients | subscribers, at__gte=batch[0].at - gap, at__lte=batch[-1].at + gap
    )
    return list({event.pk: event for event in (*batch, *nearby)}.values())


def _observation(event: TrackingEvent) -> Observation:
    # A scanner follows the links of one message from many addresses; a known subscriber joins them.
    client = event.client_hash if event.subscriber_id is None else f"subscriber {event.subscriber_id}"
    return Observation(
        event.at.timestamp(), client, event.variant_id, event.kind, event.link_number, event.filter_reason
    )


def _sent_variants(variant_ids: Collection[int]) -> dict[int, SentVariant]:
    link_counts = dict(
        VariantAudience.objects.filter(variant__in=variant_ids).values_list("variant", "link_count")
    )
    mailings = Mailing.objects.real().filter(snapshot__variants__in=variant_ids, started_at__isnull=False)
    started = dict(mailings.values_list("snapshot__variants", "started_at"))
    return {
        variant_id: SentVariant(
            link_counts.get(variant_id, 0), at.timestamp() if (at := started.get(variant_id)) else 0.0
        )
        for variant_id in variant_ids
    }


def _store_audiences(variant_ids: Collection[int]) -> None:
    """Store the audiences of these variants, and of all variants of their mailings, where still missing."""
    known = VariantAudience.objects.filter(variant__in=variant_ids).values_list("variant", flat=True)
    new = set(variant_ids) - set(known)
    mailings = Mailing.objects.real().filter(snapshot__variants__in=new, planned_at__isnull=False)
    for mailing in mailings.select_related("snapshot").distinct():
        VariantAudience.objects.bulk_create(_audiences(mailing), ignore_conflicts=True)


def _audiences(mailing: Mailing) -> list[VariantAudience]:
    deliveries = Delivery.objects.filter(mailing=mailing, variant__isnull=False)
    grouped = deliveries.values_list("variant", "countries").annotate(recipients=Count("pk")).order_by()
    choices: dict[int, Counter[str]] = defaultdict(Counter)
    for variant_id, countries, recipients in grouped:
        choices[variant_id][countries] = recipients
    tracked = policy_from_manifest(mailing.snapshot.manifest).links
    pages = SnapshotVariant.objects.filter(pk__in=choices).values_list("pk", "html")
    return [
        VariantAudience(
            variant_id=variant_id,
            recipients=choices[variant_id].total(),
            countries=choices[variant_id].most_common(1)[0][0],
            link_count=len(links.links_in_page(page, tracked)),
        )
        for variant_id, page in pages.iterator(chunk_size=50)
    ]


def _add_counts(events: Sequence[TrackingEvent]) -> None:
    # A restored database lacks variants that were sent after the backup, and mail names them all the same.
    named = SnapshotVariant.objects.filter(pk__in={event.variant_id for event in events})
    known = set(named.values_list("pk", flat=True))
    # Repeats and the honeypot are in no count.
    counts = Counter(
        (
            event.variant_id,
            event.kind,
            event.link_number,
            timezone.localdate(event.at),
            event.filter_reason != FilterReason.NONE,
        )
        for event in events
        if event.variant_id in known
        and event.filter_reason != FilterReason.REPEAT
        and not (event.kind == EventKind.CLICK and event.link_number == HONEYPOT)
    )
    if counts:
        with connection.cursor() as cursor:
            cursor.executemany(_ADD_COUNT, [(*key, count) for key, count in counts.items()])


def _forget_clients(due_before: datetime) -> None:
    """Forget the clients of events beside which no event is left to judge."""
    until = due_before - timedelta(seconds=VISIT_GAP)
    old = TrackingEvent.objects.filter(client_hash__isnull=False, finalized=True, at__lt=until)
    old.update(client_hash=None)


def _forget_subscribers_without_consent() -> None:
    """Remove subscribers who withdrew consent or are erased; all of them once tracking is not by consent."""
    named = TrackingEvent.objects.filter(subscriber__isnull=False)
    if settings.CONFIG.tracking.by_consent:
        consenting = Subscriber.objects.filter(
            pk=OuterRef("subscriber_id"), tracking_consent_at__isnull=False
        )
        named = named.exclude(Exists(consenting))
    named.update(subscriber=None)
