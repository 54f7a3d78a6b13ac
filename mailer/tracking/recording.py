"""Recording what was opened: from a request to rows, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from mailer.delivery.models import Delivery
from mailer.tracking import bot_detection
from mailer.tracking.buffer import Buffer
from mailer.tracking.models import Hit
from mailer.tracking.records import Kind, Request, Why
from subscribers.models import Subscriber


class _Copy(NamedTuple):
    """The delivery that a request names."""

    # None: the reader does not agree, or is gone.
    subscriber: int | None
    variant: int | None
    accepted_at: datetime | None


def counts(kind: Kind) -> bool:
    """Whether anything of this kind is counted at present."""
    tracking = settings.CONFIG.tracking
    return (tracking.clicks if kind == Kind.CLICK else tracking.opens) != "off"


def record(requests: Sequence[Request]) -> None:
    """Write the requests down, to be judged later, in one transaction."""
    with transaction.atomic():
        copies = _copies({one.delivery for one in requests if one.delivery is not None})
        Hit.objects.bulk_create(_hit(one, copies) for one in requests)


def _hit(one: Request, copies: Mapping[int, _Copy]) -> Hit:
    hit = Hit(
        variant_id=one.variant, kind=one.kind, number=one.number, at=one.at, client=one.client, why=one.why
    )
    snapshot = copies.get(one.delivery) if one.delivery is not None else None
    # The two parts of an address may have been put together from two mails.
    if snapshot is not None and snapshot.variant == one.variant:
        hit.subscriber_id = snapshot.subscriber
        hit.why = one.why or _too_soon(one, snapshot)
    return hit


def _too_soon(one: Request, snapshot: _Copy) -> Why:
    """What the ledger does not yet call accepted was accepted a moment ago."""
    soon = timedelta(seconds=bot_detection.SOON)
    return Why.SOON if snapshot.accepted_at is None or one.at < snapshot.accepted_at + soon else Why.NONE


def _copies(deliveries: Iterable[int]) -> dict[int, _Copy]:
    rows = Delivery.objects.filter(pk__in=deliveries).values_list(
        "pk", "subscriber", "variant_id", "accepted_at"
    )
    found = {pk: _Copy(subscriber, variant, accepted) for pk, subscriber, variant, accepted in rows}
    readers = Subscriber.objects.filter(pk__in={snapshot.subscriber for snapshot in found.values()})
    agreed = set(readers.filter(tracking_consent_at__isnull=False).values_list("pk", flat=True))
    for pk, snapshot in found.items():
        if snapshot.subscriber not in agreed:
            found[pk] = snapshot._replace(subscriber=None)
    return found


# What the pages put into it is written by the process that serves them.
requests = Buffer(record)
