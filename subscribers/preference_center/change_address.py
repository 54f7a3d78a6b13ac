"""Changing a subscriber's address: confirmed by a link at the new address and by one at the old.

A person with one of our mails, perhaps a forwarded one, can ask for a change; only a reader of both mailboxes
can make it. The order of the two clicks does not matter. An address that bounces confirms nothing: the new
one is enough then, and no link opens the subscriber's data any more (`Subscriber.data_by_link`).

What the page says never depends on whether the new address is known or suppressed. A suppressed address stays
so. When the new address belongs to another subscriber who confirmed a subscription, they get the lists, and
the one who asked is unsubscribed: the two are not merged, so that neither gets the other's data, and a
rejection undoes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from django.db import transaction
from django.db.models import Q

from subscribers import (
    consent,
    former_addresses_and_merged_ids,
    merge,
    rate_limit,
    suppression,
    tokens,
    transactional_emails,
    unsubscribe,
)
from subscribers.addresses import mask_address
from subscribers.consent import Event, Evidence
from subscribers.models import AddressChange, MailingList, Subscriber, Subscription, Suppression
from subscribers.privacy.reversible_erasure import StoredErasure, find_reversible, restore_erased
from subscribers.rate_limit import Limit
from subscribers.subscribe import signup_limits, subscribe

# Requests of one subscriber in a day, and of all subscribers in a network in an hour, at most.
_PER_DAY, _PER_NETWORK_PER_HOUR = 3, 20
_BOUNCED = (Suppression.Reason.HARD_BOUNCE, Suppression.Reason.SOFT_BOUNCES)

# requested: the emails are sent; busy: too many requests; closed: not allowed by a link at the moment;
# same: it is the present address.
Outcome = Literal["requested", "busy", "closed", "same"]
# Whose button a change waits for.
Waiting = Literal["both", "old", "new", ""]


@dataclass(frozen=True)
class Rejection:
    """A change that may be rejected; of an erased subscriber, as they were before."""

    change: AddressChange
    subscriber: Subscriber
    # The erasure that is reversed with it, if any.
    erasure: StoredErasure | None = None


def may_change_address_by_link(subscriber: Subscriber, now: datetime) -> bool:
    """Whether the subscriber's address can be changed by a link at the moment."""
    active = suppression.active_suppression(subscriber)
    if active is not None and active.reason in merge.PERSONAL_REASONS:
        return False
    recently = now - AddressChange.REJECT_WITHIN
    return not subscriber.address_changes.filter(rejected_at__gt=recently).exists()


def is_bouncing(subscriber: Subscriber) -> bool:
    """Whether the present address cannot be reached, so that the new one alone confirms a change."""
    active = suppression.active_suppression(subscriber)
    return active is not None and active.reason in _BOUNCED


def request(subscriber: Subscriber, new_email: str, evidence: Evidence, now: datetime) -> Outcome:
    """Record that the subscriber wants another (normalised) address, and email both addresses."""
    with transaction.atomic():
        if not may_change_address_by_link(subscriber, now):
            return "closed"
        limits = [Limit(f"address change {subscriber.pk}", _PER_DAY, timedelta(days=1))]
        if evidence.network:
            limits.append(
                Limit(f"address changes {evidence.network}", _PER_NETWORK_PER_HOUR, timedelta(hours=1))
            )
        if rate_limit.count_hit_unless_limited(limits, now) is not None:
            return "busy"
        # After the limit: who has a forwarded newsletter cannot guess the address.
        if new_email == subscriber.email:
            return "same"
        # Only the latest request counts.
        subscriber.address_changes.filter(changed_at__isnull=True, rejected_at__isnull=True).delete()
        change = AddressChange.objects.create(
            subscriber=subscriber,
            old_email=subscriber.email,
            new_email=new_email,
            requested_at=now,
            needs_old=not is_bouncing(subscriber),
        )
        if signup_limits.claim_monthly_email_quota(new_email, now) and not suppression.is_suppressed(
            new_email
        ):
            token = tokens.make_dated("change_address", change.pk, now)
            transactional_emails.send_address_confirmation(subscriber, new_email, token, change.needs_old)
        if change.needs_old:
            transactional_emails.send_address_change_confirmation_to_old_address(
                subscriber,
                mask_address(new_email),
                tokens.make_dated("agree_change", change.pk, now),
                tokens.make_dated("reject_change", change.pk, now),
            )
    return "requested"


def pending_change(subscriber: Subscriber, now: datetime) -> AddressChange | None:
    """The request that still waits for a button, if any."""
    rows = subscriber.address_changes.filter(
        changed_at__isnull=True,
        rejected_at__isnull=True,
        old_email=subscriber.email,
        requested_at__gt=now - AddressChange.CONFIRM_WITHIN,
    )
    return rows.last()


def waits_for(change: AddressChange) -> Waiting:
    """Whose button the change waits for; "" when it is made."""
    old = change.needs_old and change.old_confirmed_at is None
    if change.new_confirmed_at is None:
        return "both" if old else "new"
    return "old" if old else ""


def read_confirmation(token: str, now: datetime) -> AddressChange:
    """The change that the link to the new address confirms; raises InvalidToken."""
    return _require_pending(_read("change_address", token, AddressChange.CONFIRM_WITHIN, now), now)


def read_agreement(token: str, now: datetime) -> AddressChange:
    """The change that the link to the old address confirms; raises InvalidToken."""
    return _require_pending(_read("agree_change", token, AddressChange.CONFIRM_WITHIN, now), now)


def lists_after_change(change: AddressChange) -> list[MailingList]:
    """The lists that the new address gets once the change is made. Only for who reads the new address."""
    of_either = Q(subscriber=change.subscriber) | Q(subscriber__email=change.new_email)
    rows = Subscription.objects.filter(of_either, state=Subscription.State.CONFIRMED)
    return list(MailingList.objects.filter(pk__in=rows.values("mailing_list")))


def confirm_from_new_address(token: str, evidence: Evidence, now: datetime) -> AddressChange:
    """Confirm from the new address, and change the address unless the old one is waited for.

    Repeating it changes nothing. Raises InvalidToken.
    """
    with transaction.atomic():
        change = _lock(read_confirmation(token, now))
        if change.new_confirmed_at is None:
            change.new_confirmed_at = now
            change.lists = [one.pk for one in lists_after_change(change)]
            change.save(update_fields=["new_confirmed_at", "lists"])
            _change_unless_waiting(change, evidence, now)
    return change


def confirm_from_old_address(token: str, evidence: Evidence, now: datetime) -> AddressChange:
    """Confirm from the old address, and change the address unless the new one is waited for.

    Repeating it changes nothing. Raises InvalidToken.
    """
    with transaction.atomic():
        change = _lock(read_agreement(token, now))
        if change.old_confirmed_at is None:
            change.old_confirmed_at = now
            change.save(update_fields=["old_confirmed_at"])
            _change_unless_waiting(change, evidence, now)
    return change


def read_rejection(token: str, now: datetime) -> Rejection:
    """What the link to the old address rejects, also after the subscriber was erased; raises InvalidToken."""
    valid = AddressChange.CONFIRM_WITHIN + AddressChange.REJECT_WITHIN
    claim = _fresh_claim("reject_change", token, valid, now)
    change = AddressChange.objects.select_related("subscriber").filter(pk=claim.subscriber).first()
    if change is None:
        erasure = find_reversible(claim.subscriber, now)
        if erasure is None:
            raise tokens.LinkExpired("replaced by a later request, or the subscriber is deleted")
        rejection = Rejection(erasure.change(claim.subscriber), erasure.subscriber, erasure)
    else:
        rejection = Rejection(change, change.subscriber)
    if now > rejection.change.reject_until:
        raise tokens.LinkExpired("expired")
    return rejection


def reject_and_restore_old_address(rejection: Rejection, evidence: Evidence, now: datetime) -> None:
    """Reject a change: the old address is restored, and no link changes it for REJECT_WITHIN.

    An erasure since then is reversed. Repeating it changes nothing.
    """
    change = rejection.change
    with transaction.atomic():
        if rejection.erasure is not None and not restore_erased(rejection.erasure, change.old_email, now):
            return
        changes = AddressChange.objects.filter(pk=change.pk, rejected_at__isnull=True)
        if not changes.update(rejected_at=now):
            return
        subscriber = Subscriber.objects.select_for_update().get(pk=change.subscriber_id)
        since = subscriber.address_changes.filter(requested_at__gte=change.requested_at)
        since.update(rejected_at=now)
        if change.changed_at is not None and subscriber.email != change.old_email:
            _restore_address(subscriber, change, evidence, now)
        handed_over = since.filter(new_is_known=True, changed_at__isnull=False)
        for ended_at in handed_over.values_list("changed_at", flat=True):
            if ended_at is not None and unsubscribe.restore(subscriber.pk, ended_at, evidence, now):
                subscribe.send_resubscribed_signal(subscriber, None)


def _restore_address(
    subscriber: Subscriber, change: AddressChange, evidence: Evidence, now: datetime
) -> None:
    # Who reads the old address may have signed up there again meanwhile.
    other = Subscriber.objects.filter(email=change.old_email).first()
    if other is not None:
        merge.merge(subscriber, other, now)
    rejected = bytes(subscriber.address_hash)
    _set_email(subscriber, change.old_email)
    former_addresses_and_merged_ids.record_address_change(subscriber, rejected, now, is_own=False)
    evidence = replace(evidence, source="rejected: the old address is restored")
    consent.record(Event.ADDRESS_CHANGED, [subscriber.pk], [None], evidence, now)


def _change_unless_waiting(change: AddressChange, evidence: Evidence, now: datetime) -> None:
    if waits_for(change):
        return
    subscriber = Subscriber.objects.select_for_update().get(pk=change.subscriber_id)
    other = Subscriber.objects.filter(email=change.new_email).first()
    if other is not None and _is_unconfirmed(other):
        # The address was typed into the sign-up form, and its owner has not confirmed it until now.
        merge.merge(subscriber, other, now)
        other = None
    change.changed_at, change.new_is_known = now, other is not None
    change.save(update_fields=["changed_at", "new_is_known"])
    if other is None:
        _move(subscriber, change, evidence, now)
    else:
        _hand_over(subscriber, other, change, evidence, now)
    change.subscriber = subscriber


def _is_unconfirmed(subscriber: Subscriber) -> bool:
    """Whether nothing is known of the subscriber but a sign-up that was never confirmed."""
    pending = Q(state=Subscription.State.PENDING, confirmed_at=None, ended_at=None)
    return (
        not subscriber.name
        and subscriber.subscriptions.filter(pending).exists()
        and not subscriber.subscriptions.exclude(pending).exists()
    )


def _move(subscriber: Subscriber, change: AddressChange, evidence: Evidence, now: datetime) -> None:
    """Give the subscriber the new address, which no other has."""
    old = bytes(subscriber.address_hash)
    _set_email(subscriber, change.new_email)
    former_addresses_and_merged_ids.record_address_change(subscriber, old, now)
    source = f"from {mask_address(change.old_email)} to {mask_address(change.new_email)}"
    if not change.needs_old:
        source += "; the old address bounces"
        Subscriber.objects.filter(pk=subscriber.pk).update(data_by_link=False)
    consent.record(Event.ADDRESS_CHANGED, [subscriber.pk], [None], replace(evidence, source=source), now)


def _hand_over(
    subscriber: Subscriber, other: Subscriber, change: AddressChange, evidence: Evidence, now: datetime
) -> None:
    """Subscribe the other, who has the new address, to the subscriber's lists, and unsubscribe the latter."""
    # The page at the new address named these lists: also those that the other had unsubscribed from are
    # requested now, unless they unsubscribed after that.
    since = other.subscriptions.filter(ended_at__gt=change.new_confirmed_at)
    agreed = set(unsubscribe.confirmed_list_ids(subscriber.pk)) & set(change.lists)
    agreed -= set(since.values_list("mailing_list", flat=True))
    source = f"from {mask_address(change.old_email)} to {mask_address(change.new_email)}"
    evidence = replace(evidence, source=source)
    subscribe.add_to_lists(other, sorted(agreed), evidence, now)
    unsubscribe.unsubscribe_all(subscriber.pk, None, evidence, now)


def _set_email(subscriber: Subscriber, address: str) -> None:
    subscriber.email = address
    subscriber.save(update_fields=["email", "address_hash", "updated_at"])


def _lock(change: AddressChange) -> AddressChange:
    """The change, locked: of two clicks at once the second sees the first."""
    locked = AddressChange.objects.select_for_update(of=("self",)).select_related("subscriber")
    found = locked.filter(pk=change.pk, changed_at__isnull=True, rejected_at__isnull=True).first()
    if found is None:
        raise tokens.LinkExpired("used, rejected or replaced")
    return found


def _require_pending(change: AddressChange, now: datetime) -> AddressChange:
    """The change; raises LinkExpired when it cannot be confirmed any more."""
    subscriber = change.subscriber
    undone = change.changed_at is not None or change.rejected_at is not None
    if undone or subscriber.email != change.old_email or not may_change_address_by_link(subscriber, now):
        raise tokens.LinkExpired("used, rejected or replaced")
    if not change.needs_old and not is_bouncing(subscriber):
        raise tokens.LinkExpired("the old address does not bounce any more, and was not asked")
    if suppression.is_suppressed(change.new_email):
        raise tokens.LinkExpired("the new address is suppressed")
    return change


def _read(purpose: tokens.PagePurpose, token: str, valid: timedelta, now: datetime) -> AddressChange:
    claim = _fresh_claim(purpose, token, valid, now)
    change = AddressChange.objects.select_related("subscriber").filter(pk=claim.subscriber).first()
    if change is None:
        raise tokens.LinkExpired("replaced by a later request, or the subscriber is deleted")
    return change


def _fresh_claim(purpose: tokens.PagePurpose, token: str, valid: timedelta, now: datetime) -> tokens.Claim:
    claim = tokens.read_token(purpose, token)
    if not claim.is_fresh(valid, now):
        raise tokens.LinkExpired("expired")
    return claim
