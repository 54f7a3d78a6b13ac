"""Changing a subscriber's address: confirmed by an email to the new one, announced at the old one.

What the page says never depends on whether the new address is known or suppressed. A suppressed address stays
so. When the new address belongs to a subscriber already, the two are merged (see merge): who opens the email
has access to both mailboxes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from django.db import transaction
from django.db.models import Q

from subscribers import consent, merge, rate_limit, suppression, tokens, transactional_emails, unsubscribe
from subscribers.consent import Event, Evidence
from subscribers.models import AddressChange, MailingList, Subscriber, Subscription
from subscribers.rate_limit import Limit
from subscribers.responses import mask
from subscribers.subscribe import subscribe

# How long the link to the new address works, and the link that rejects the change.
CONFIRM_WITHIN = timedelta(days=3)
REJECT_WITHIN = timedelta(days=30)
# Requests of one subscriber in a day, and of all subscribers in a network in an hour, at most.
_PER_DAY, _PER_NETWORK_PER_HOUR = 3, 20

# requested: the emails are sent; busy: too many requests; closed: not allowed by a link at the moment.
Outcome = Literal["requested", "busy", "closed"]


def is_allowed(subscriber: Subscriber, now: datetime) -> bool:
    """Whether the subscriber's address can be changed by a link at the moment."""
    active = suppression.active_suppression(subscriber)
    if active is not None and active.reason in merge.PERSONAL_REASONS:
        return False
    recently = now - REJECT_WITHIN
    return not subscriber.address_changes.filter(rejected_at__gt=recently).exists()


def request(subscriber: Subscriber, new_email: str, evidence: Evidence, now: datetime) -> Outcome:
    """Record that the subscriber wants another (normalised) address, and email both addresses."""
    with transaction.atomic():
        if not is_allowed(subscriber, now):
            return "closed"
        limits = [Limit(f"address change {subscriber.pk}", _PER_DAY, timedelta(days=1))]
        if evidence.network:
            limits.append(
                Limit(f"address changes {evidence.network}", _PER_NETWORK_PER_HOUR, timedelta(hours=1))
            )
        if rate_limit.hit(limits, now) is not None:
            return "busy"
        # Only the latest request counts.
        subscriber.address_changes.filter(confirmed_at__isnull=True, rejected_at__isnull=True).delete()
        change = AddressChange.objects.create(
            subscriber=subscriber, old_email=subscriber.email, new_email=new_email, requested_at=now
        )
        if rate_limit.may_email(new_email, now) and not suppression.is_suppressed(new_email):
            transactional_emails.send_address_confirmation(
                subscriber, new_email, tokens.make_dated("change_address", change.pk, now)
            )
        if not suppression.is_suppressed(subscriber):
            transactional_emails.send_address_change_notice(
                subscriber, mask(new_email), tokens.make_dated("reject_change", change.pk, now)
            )
    return "requested"


def read_confirmation(token: str, now: datetime) -> AddressChange:
    """The change that the link to the new address confirms; raises InvalidToken."""
    change = _read("change_address", token, CONFIRM_WITHIN, now)
    subscriber = change.subscriber
    undone = change.confirmed_at is not None or change.rejected_at is not None
    if undone or subscriber.email != change.old_email or not is_allowed(subscriber, now):
        raise tokens.LinkExpired("used, rejected or replaced")
    if suppression.is_suppressed(change.new_email):
        raise tokens.LinkExpired("the new address is suppressed")
    return change


def lists_after_change(change: AddressChange) -> list[MailingList]:
    """The lists that the new address gets once it is confirmed."""
    subscriber = change.subscriber
    other = Subscriber.objects.filter(email=change.new_email).first()
    confirmed = Q(subscriber=subscriber, state=Subscription.State.CONFIRMED)
    if other is not None:
        unsubscribed = subscriber.subscriptions.exclude(state=Subscription.State.CONFIRMED).exclude(
            ended_at=None
        )
        theirs = other.subscriptions.filter(state=Subscription.State.CONFIRMED)
        kept = theirs.exclude(mailing_list__in=unsubscribed.values("mailing_list"))
        confirmed |= Q(pk__in=kept.values("pk"))
    found = Subscription.objects.filter(confirmed).values("mailing_list")
    return list(MailingList.objects.filter(pk__in=found))


def confirm(token: str, evidence: Evidence, now: datetime) -> Subscriber:
    """Change the address, at the request of who reads the new one; raises InvalidToken."""
    with transaction.atomic():
        change = read_confirmation(token, now)
        subscriber = Subscriber.objects.select_for_update().get(pk=change.subscriber_id)
        # Conditional: of two requests at once the second finds it done.
        unconfirmed = AddressChange.objects.filter(pk=change.pk, confirmed_at=None, rejected_at=None)
        if not unconfirmed.update(confirmed_at=now):
            raise tokens.LinkExpired("used")
        own = list(unsubscribe.confirmed_list_ids(subscriber.pk))
        other = Subscriber.objects.filter(email=change.new_email).first()
        if other is not None:
            merge.merge(subscriber, other, now)
        old = bytes(subscriber.address_hash)
        _set_email(subscriber, change.new_email)
        merge.record_address_change(subscriber, old, now)
        source = f"from {mask(change.old_email)} to {mask(change.new_email)}"
        consent.record(Event.ADDRESS_CHANGED, [subscriber.pk], [None], replace(evidence, source=source), now)
        # The page named these lists: also those that the other had unsubscribed from are requested now.
        subscribe.add(subscriber, own, evidence, now)
    return subscriber


def read_rejection(token: str, now: datetime) -> AddressChange:
    """The change that the link to the old address rejects; raises InvalidToken."""
    return _read("reject_change", token, REJECT_WITHIN, now)


def reject(change: AddressChange, evidence: Evidence, now: datetime) -> None:
    """Reject a change: the old address is restored, and no link changes it for REJECT_WITHIN.

    Repeating it changes nothing. Merged subscribers stay merged.
    """
    with transaction.atomic():
        changes = AddressChange.objects.filter(pk=change.pk, rejected_at__isnull=True)
        if not changes.update(rejected_at=now):
            return
        subscriber = Subscriber.objects.select_for_update().get(pk=change.subscriber_id)
        AddressChange.objects.filter(subscriber=subscriber, requested_at__gt=change.requested_at).update(
            rejected_at=now
        )
        taken = Subscriber.objects.filter(email=change.old_email).exclude(pk=subscriber.pk).exists()
        if change.confirmed_at is None or subscriber.email == change.old_email or taken:
            return
        other = bytes(subscriber.address_hash)
        _set_email(subscriber, change.old_email)
        merge.record_address_change(subscriber, other, now, is_own=False)
        consent.record(
            Event.ADDRESS_CHANGED,
            [subscriber.pk],
            [None],
            replace(evidence, source="rejected: the old address is restored"),
            now,
        )


def _set_email(subscriber: Subscriber, address: str) -> None:
    subscriber.email = address
    subscriber.save(update_fields=["email", "address_hash", "updated_at"])


def _read(purpose: tokens.PagePurpose, token: str, valid: timedelta, now: datetime) -> AddressChange:
    claim = tokens.read(purpose, token)
    if not claim.is_fresh(valid, now):
        raise tokens.LinkExpired("expired")
    change = AddressChange.objects.select_related("subscriber").filter(pk=claim.subscriber).first()
    if change is None:
        raise tokens.LinkExpired("replaced by a later request, or the subscriber is deleted")
    return change
