"""Former addresses of subscribers, and which subscriber an old address, old id or link stands for now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from subscribers import tokens
from subscribers.models import (
    FormerAddress,
    Subscriber,
)


def record_former_address(
    subscriber: Subscriber,
    old_hash: bytes,
    now: datetime,
    merged_subscriber_id: int | None = None,
    *,
    belonged_to_subscriber: bool = True,
) -> None:
    """Record an address, by its hash, as a former one of the subscriber.

    Not `belonged_to_subscriber`: it was never theirs. `merged_subscriber_id`: the id of the subscriber who
    had the address and was merged into this one.
    """
    values = {"subscriber": subscriber, "replaced_at": now, "is_own": belonged_to_subscriber}
    if merged_subscriber_id is not None:
        values["merged_subscriber_id"] = merged_subscriber_id
    FormerAddress.objects.update_or_create(address_hash=old_hash, defaults=values)


def record_address_change(
    subscriber: Subscriber, old_hash: bytes, now: datetime, *, is_own: bool = True
) -> None:
    """Record that the subscriber's address replaces the one with this hash; `is_own` as in
    `record_former_address`.

    The present address is no former one any more, unless a merged subscriber had it.
    """
    present = bytes(subscriber.address_hash)
    FormerAddress.objects.filter(address_hash=present, merged_subscriber_id=None).delete()
    record_former_address(subscriber, old_hash, now, belonged_to_subscriber=is_own)


def address_changed_by_link_since(subscriber: Subscriber, at: datetime) -> bool:
    """Whether a link changed the subscriber's address since then, or changed it back."""
    made = Q(changed_at__gte=at) | Q(changed_at__isnull=False, rejected_at__gte=at)
    return subscriber.address_changes.filter(made).exists()


def address_changed_since(subscriber: Subscriber, at: datetime) -> bool:
    """Whether a link or staff changed the subscriber's address since then, or changed it back."""
    former = FormerAddress.objects.filter(subscriber=subscriber, merged_subscriber_id=None)
    return former.filter(replaced_at__gte=at).exists() or address_changed_by_link_since(subscriber, at)


def surviving_subscriber(subscriber_id: int) -> Subscriber | None:
    """The subscriber of an id from a link or a delivery, also after a merge; None when deleted."""
    return surviving_subscribers([subscriber_id]).get(subscriber_id)


def surviving_subscribers(subscriber_ids: Iterable[int]) -> dict[int, Subscriber]:
    """Id → subscriber as `surviving_subscriber` finds them, without those who are deleted."""
    wanted = set(subscriber_ids)
    found = Subscriber.objects.in_bulk(wanted)
    missing = wanted - found.keys()
    if missing:
        rows = FormerAddress.objects.filter(merged_subscriber_id__in=missing).select_related("subscriber")
        found |= {
            row.merged_subscriber_id: row.subscriber for row in rows if row.merged_subscriber_id is not None
        }
    return found


def read_subscriber_token(purpose: tokens.PagePurpose, token: str) -> tuple[tokens.Claim, Subscriber]:
    """A link's claim and its subscriber; raises InvalidToken, also when the subscriber is deleted."""
    claim = tokens.read_token(purpose, token)
    subscriber = surviving_subscriber(claim.subscriber)
    if subscriber is None:
        raise tokens.InvalidToken("the subscriber is deleted")
    return claim, subscriber


class AddressHistory:
    """Which of these subscribers had which address when: a bounce from a former address is not theirs now."""

    def __init__(self, subscribers: Iterable[Subscriber]) -> None:
        self._changes: defaultdict[int, list[tuple[datetime, bytes]]] = defaultdict(list)
        rows = FormerAddress.objects.filter(subscriber__in=list(subscribers), merged_subscriber_id=None)
        for row in rows.order_by("replaced_at"):
            self._changes[row.subscriber_id].append((row.replaced_at, bytes(row.address_hash)))

    def address_at(self, subscriber: Subscriber, at: datetime) -> bytes:
        """Hash of the address that the subscriber had at this time."""
        changes = self._changes[subscriber.pk]
        return next((old for replaced_at, old in changes if replaced_at > at), bytes(subscriber.address_hash))
