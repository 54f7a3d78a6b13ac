"""Merging two subscribers into one, and finding the one whom a link, an address or an old id stands for.

Unsubscribing wins: a list that either of them unsubscribed from stays unsubscribed. Of other lists the better
state of the two is kept, and a reconfirmation by either counts. Name (where there is one), language,
countries, pause and tracking consent are those of the kept subscriber. A complaint and a suppression by staff
are carried over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext

from subscribers import suppression, tokens
from subscribers.models import (
    ConsentRecord,
    FormerAddress,
    ReconfirmationRequest,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.segments import tags_and_fields
from subscribers.signals import merged

_State = Subscription.State
# Suppressions that are about the person and not about the mailbox.
PERSONAL_REASONS = (
    Suppression.Reason.COMPLAINT,
    Suppression.Reason.MANUAL,
    Suppression.Reason.UNSUBSCRIBED,
    Suppression.Reason.ERASED,
)


def merge(kept: Subscriber, other: Subscriber, now: datetime) -> None:
    """Merge `other` into `kept`, in one transaction; the consent records of both are kept. There is no undo.

    Raises ValueError for one and the same subscriber.
    """
    if kept.pk == other.pk:
        raise ValueError(gettext("A subscriber cannot be merged with themselves."))
    with transaction.atomic():
        list(Subscriber.objects.select_for_update().filter(pk__in=[kept.pk, other.pk]).order_by("pk"))
        _merge_reconfirmations(kept, other)
        _merge_subscriptions(kept, other)
        ConsentRecord.objects.filter(subscriber=other).update(subscriber=kept)
        FormerAddress.objects.filter(subscriber=other).update(subscriber=kept)
        tags_and_fields.merge_attributes(kept, other)
        active = suppression.active_suppression(other)
        if active is not None and active.reason in PERSONAL_REASONS:
            suppression.suppress(kept, active.reason, "Carried over from another address of theirs.", now)
        if other.name and not kept.name:
            kept.name = other.name
            kept.save(update_fields=["name", "updated_at"])
        if not other.data_by_link:
            kept.data_by_link = False
            kept.save(update_fields=["data_by_link", "updated_at"])
        other_id, old_hash = other.pk, bytes(other.address_hash)
        merged.send(Subscriber, kept_id=kept.pk, merged_id=other_id)
        other.delete()
        add_alias(kept, old_hash, now, other_id)


def add_alias(
    subscriber: Subscriber,
    old_hash: bytes,
    now: datetime,
    merged_subscriber_id: int | None = None,
    *,
    is_own: bool = True,
) -> None:
    """Record an address, by its hash, as a former one of the subscriber, or (not `is_own`) as never theirs.

    `merged_subscriber_id`: the id of the subscriber who had the address and was merged into this one.
    """
    values = {"subscriber": subscriber, "replaced_at": now, "is_own": is_own}
    if merged_subscriber_id is not None:
        values["merged_subscriber_id"] = merged_subscriber_id
    FormerAddress.objects.update_or_create(address_hash=old_hash, defaults=values)


def record_address_change(
    subscriber: Subscriber, old_hash: bytes, now: datetime, *, is_own: bool = True
) -> None:
    """Record that the subscriber's address replaces the one with this hash; `is_own` as in `add_alias`.

    The present address is no former one any more, unless a merged subscriber had it.
    """
    present = bytes(subscriber.address_hash)
    FormerAddress.objects.filter(address_hash=present, merged_subscriber_id=None).delete()
    add_alias(subscriber, old_hash, now, is_own=is_own)


def address_changed_since(subscriber: Subscriber, at: datetime) -> bool:
    """Whether a link changed the subscriber's address since then, or changed it back."""
    made = Q(changed_at__gte=at) | Q(changed_at__isnull=False, rejected_at__gte=at)
    return subscriber.address_changes.filter(made).exists()


def surviving_subscriber(subscriber_id: int) -> Subscriber | None:
    """The subscriber of an id from a link or a delivery, also after a merge; None when deleted."""
    return surviving_subscribers([subscriber_id]).get(subscriber_id)


def surviving_subscribers(subscriber_ids: Iterable[int]) -> dict[int, Subscriber]:
    """Id → subscriber as `resolve` finds them, without those who are deleted."""
    wanted = set(subscriber_ids)
    found = Subscriber.objects.in_bulk(wanted)
    missing = wanted - found.keys()
    if missing:
        rows = FormerAddress.objects.filter(merged_subscriber_id__in=missing).select_related("subscriber")
        found |= {
            row.merged_subscriber_id: row.subscriber for row in rows if row.merged_subscriber_id is not None
        }
    return found


def read_token(purpose: tokens.PagePurpose, token: str) -> tuple[tokens.Claim, Subscriber]:
    """A link's claim and its subscriber; raises InvalidToken, also when the subscriber is deleted."""
    claim = tokens.read(purpose, token)
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


def _merge_reconfirmations(kept: Subscriber, other: Subscriber) -> None:
    """Keep a confirmation by either. No answer from one address says nothing if the other gets the list."""
    own = {
        row.campaign_id: row
        for row in ReconfirmationRequest.objects.select_for_update().filter(subscriber=kept)
    }
    subscribed = set(kept.subscriptions.filter(state=_State.CONFIRMED).values_list("mailing_list", flat=True))
    theirs = ReconfirmationRequest.objects.select_for_update(of=("self",)).filter(subscriber=other)
    for row in theirs.select_related("campaign"):
        if both := own.get(row.campaign_id):
            both.sent_at = max(both.sent_at, row.sent_at)
            both.confirmed_at = max(filter(None, (both.confirmed_at, row.confirmed_at)), default=None)
            both.save(update_fields=["sent_at", "confirmed_at"])
        elif row.confirmed_at or row.campaign.mailing_list_id not in subscribed:
            ReconfirmationRequest.objects.filter(pk=row.pk).update(subscriber=kept)


def _merge_subscriptions(kept: Subscriber, other: Subscriber) -> None:
    own = {row.mailing_list_id: row for row in kept.subscriptions.select_for_update()}
    for row in other.subscriptions.select_for_update():
        mine = own.get(row.mailing_list_id)
        if mine is None:
            Subscription.objects.filter(pk=row.pk).update(subscriber=kept)
        elif _precedence(row) > _precedence(mine):
            # A subscriber has one row for a list: the one that takes precedence replaces the other.
            mine.delete()
            Subscription.objects.filter(pk=row.pk).update(subscriber=kept)


def _precedence(row: Subscription) -> tuple[bool, bool]:
    # A pending row with an end is of a subscriber who unsubscribed and has not confirmed a new sign-up yet.
    ended = row.state == _State.UNSUBSCRIBED or (row.state == _State.PENDING and row.ended_at is not None)
    return ended, row.state == _State.CONFIRMED
