"""Merging two subscribers into one.

Unsubscribing wins: a list that either of them unsubscribed from stays unsubscribed. Of other lists the better
state of the two is kept, and a reconfirmation by either counts. Name (where there is one), language,
countries, pause and tracking consent are those of the kept subscriber. A complaint and a suppression by staff
are carried over.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from subscribers import suppression
from subscribers.former_addresses_and_merged_ids import record_former_address
from subscribers.models import (
    ConsentRecord,
    FormerAddress,
    ReconfirmationRequest,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.segments import subscriber_tags_and_fields
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
        subscriber_tags_and_fields.merge_attributes(kept, other)
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
        record_former_address(kept, old_hash, now, other_id)


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
