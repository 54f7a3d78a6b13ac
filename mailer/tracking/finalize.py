"""Settling: some minutes after a click it is judged, summed up, and where it came from is forgotten."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from mailer.approval import tracking_policy
from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.tracking_urls import TRAP
from mailer.rendering import links
from mailer.tracking.bot_detection import VISIT, Mail, Seen, judge
from mailer.tracking.models import Hit, Readership
from mailer.tracking.records import Kind, Why
from subscribers.models import Subscriber

log = logging.getLogger(__name__)

# Rows at a time.
_BATCH = 2_000
_ADD = """
INSERT INTO mailer_hitcount (variant_id, kind, number, day, machine, count) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (variant_id, kind, number, day, machine)
DO UPDATE SET count = mailer_hitcount.count + excluded.count
"""


def settle_due(now: datetime, stop: Callable[[], bool] = lambda: False) -> int:
    """Judge and sum up what is old enough; how many rows that were. May run twice, and at any time."""
    cut = now - timedelta(minutes=settings.CONFIG.tracking.finalize_minutes)
    settled = 0
    due = Hit.objects.filter(settled=False, at__lt=cut).order_by("at", "pk")
    while not stop() and (batch := list(due[:_BATCH])):
        settled += _settle(batch)
    _forget_clients(cut)
    _forget_who_does_not_agree()
    if settled:
        log.info("action=hits_settled rows=%d", settled)
    return settled


def delete_old(now: datetime) -> int:
    """Delete single clicks and openings that were kept long enough; their sums stay. How many rows."""
    until = now - timedelta(days=settings.CONFIG.tracking.keep_days)
    deleted = 0
    while pks := list(Hit.objects.filter(settled=True, at__lt=until).values_list("pk", flat=True)[:_BATCH]):
        deleted += Hit.objects.filter(pk__in=pks).delete()[0]
    return deleted


def _settle(batch: Sequence[Hit]) -> int:
    """Settle those of the batch that nobody else has settled meanwhile."""
    around = _around(batch)
    variants = {hit.variant_id for hit in around}
    _note_readerships(variants)
    mails = _mails(variants)
    for hit, why in zip(around, judge([_seen(hit) for hit in around], mails), strict=True):
        hit.why = why
    judged = {hit.pk: hit for hit in around}
    with transaction.atomic():
        left = Hit.objects.select_for_update().filter(pk__in=[hit.pk for hit in batch], settled=False)
        mine = [judged[pk] for pk in left.values_list("pk", flat=True)]
        for why in {hit.why for hit in mine}:
            alike = [hit.pk for hit in mine if hit.why == why]
            Hit.objects.filter(pk__in=alike).update(why=why, settled=True)
        _add_up(mine)
    return len(mine)


def _around(batch: Sequence[Hit]) -> list[Hit]:
    """The batch, in the order of time, with what its clients and readers did shortly before and after it."""
    moment = timedelta(seconds=VISIT)
    clients = Q(client__in={hit.client for hit in batch})
    readers = Q(subscriber__in={hit.subscriber_id for hit in batch})
    beside = Hit.objects.filter(
        clients | readers, at__gte=batch[0].at - moment, at__lte=batch[-1].at + moment
    )
    return list({hit.pk: hit for hit in (*batch, *beside.filter(clients | readers))}.values())


def _seen(hit: Hit) -> Seen:
    # A filter follows the links of one mail from many addresses; where the reader is known, that matters not.
    client = hit.client if hit.subscriber_id is None else f"reader {hit.subscriber_id}"
    return Seen(hit.at.timestamp(), client, hit.variant_id, hit.kind, hit.number, hit.why)


def _mails(variants: Collection[int]) -> dict[int, Mail]:
    found = dict(Readership.objects.filter(variant__in=variants).values_list("variant", "links"))
    mailings = Mailing.objects.real().filter(snapshot__variants__in=variants, started_at__isnull=False)
    since = dict(mailings.values_list("snapshot__variants", "started_at"))
    return {
        variant: Mail(found.get(variant, 0), began.timestamp() if (began := since.get(variant)) else 0.0)
        for variant in variants
    }


def _note_readerships(variants: Collection[int]) -> None:
    """Count the readers of these variants, and of all of their mailings, where that was not done yet."""
    known = Readership.objects.filter(variant__in=variants).values_list("variant", flat=True)
    new = set(variants) - set(known)
    mailings = Mailing.objects.real().filter(snapshot__variants__in=new, planned_at__isnull=False)
    for mailing in mailings.select_related("snapshot").distinct():
        Readership.objects.bulk_create(_readerships(mailing), ignore_conflicts=True)


def _readerships(mailing: Mailing) -> list[Readership]:
    chosen = Delivery.objects.filter(mailing=mailing, variant__isnull=False)
    grouped = chosen.values_list("variant", "countries").annotate(readers=Count("pk")).order_by()
    choices: dict[int, Counter[str]] = defaultdict(Counter)
    for variant, countries, readers in grouped:
        choices[variant][countries] = readers
    sealed = tracking_policy.of_manifest(mailing.snapshot.manifest).links
    pages = SnapshotVariant.objects.filter(pk__in=choices).values_list("pk", "html")
    return [
        Readership(
            variant_id=variant,
            readers=choices[variant].total(),
            countries=choices[variant].most_common(1)[0][0],
            links=len(links.links_in_page(page, sealed)),
        )
        for variant, page in pages.iterator(chunk_size=50)
    ]


def _add_up(settled: Sequence[Hit]) -> None:
    # What was no click of its own, and the link that nobody sees, are in no sum.
    summed = Counter(
        (hit.variant_id, hit.kind, hit.number, timezone.localdate(hit.at), hit.why != Why.NONE)
        for hit in settled
        if hit.why != Why.AGAIN and not (hit.kind == Kind.CLICK and hit.number == TRAP)
    )
    if summed:
        with connection.cursor() as cursor:
            cursor.executemany(_ADD, [(*key, times) for key, times in summed.items()])


def _forget_clients(cut: datetime) -> None:
    """Where something came from is needed for as long as something beside it may be judged."""
    old = Hit.objects.filter(client__isnull=False, settled=True, at__lt=cut - timedelta(seconds=VISIT))
    old.update(client=None)


def _forget_who_does_not_agree() -> None:
    """Whoever took back their word, or is gone, is in no row; nobody is once readers are not asked."""
    named = Hit.objects.filter(subscriber__isnull=False)
    if settings.CONFIG.tracking.by_consent:
        agreed = Subscriber.objects.filter(pk=OuterRef("subscriber_id"), tracking_consent_at__isnull=False)
        named = named.exclude(Exists(agreed))
    named.update(subscriber=None)
