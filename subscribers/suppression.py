"""Suppressing addresses and lifting suppressions. An address has at most one active suppression."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from subscribers.addresses import address_hash, normalise
from subscribers.models import Subscriber, Suppression

_EVIDENCE_LIMIT = 4000
# How the evidence of suppressions begins that an import made.
IMPORTED = "The file of import"
# Reasons that end when the subscribers themselves confirm a new sign-up.
_OPEN_TO_THEM = (Suppression.Reason.ERASED, Suppression.Reason.UNSUBSCRIBED)


def suppress(target: Subscriber | str, reason: str, evidence: str, now: datetime) -> Suppression:
    """Suppress an address unless it is suppressed already; the active suppression.

    The first reason stays, except that a complaint replaces a weaker one, and anything what only an import
    said. `reason`: a Suppression.Reason.
    """
    address = normalise_or_lower(target)
    row, created = Suppression.objects.get_or_create(
        address_hash=address_hash(address),
        lifted_at__isnull=True,
        defaults={
            "email": address,
            "reason": reason,
            "evidence": evidence[:_EVIDENCE_LIMIT],
            "created_at": now,
        },
    )
    complaint = Suppression.Reason.COMPLAINT
    stronger = row.reason != complaint and (reason == complaint or row.evidence.startswith(IMPORTED))
    confirmed = reason == row.reason and row.evidence.startswith(IMPORTED)
    if not created and (stronger or confirmed):
        row.reason, row.evidence = reason, evidence[:_EVIDENCE_LIMIT]
        row.save(update_fields=["reason", "evidence"])
    return row


def suppress_manually(address_or_text: str, reason: str, now: datetime) -> Suppression:
    """`suppress` by staff; the given reason replaces one that staff or an import gave before."""
    row = suppress(address_or_text, Suppression.Reason.MANUAL, reason, now)
    manual = Suppression.Reason.MANUAL
    if (row.reason == manual or row.evidence.startswith(IMPORTED)) and row.evidence != reason:
        row.reason, row.evidence = manual, reason[:_EVIDENCE_LIMIT]
        row.save(update_fields=["reason", "evidence"])
    return row


def lift(suppression: Suppression, by: str, now: datetime) -> bool:
    """Lift a suppression; `by` is a username. False when it was not active any more."""
    ended = Suppression.objects.filter(pk=suppression.pk, lifted_at__isnull=True).update(
        lifted_at=now, lifted_by=by
    )
    suppression.refresh_from_db()
    return bool(ended)


def allow_lift_by_signup(suppression: Suppression, by: str, now: datetime) -> bool:
    """Let a confirmed new sign-up lift the suppression; `by` is a username. Until then no mail is sent."""
    changed = Suppression.objects.filter(pk=suppression.pk, lifted_at__isnull=True).update(
        reopened_at=now, reopened_by=by
    )
    suppression.refresh_from_db()
    return bool(changed)


def disallow_lift_by_signup(suppression: Suppression) -> bool:
    """Undo `allow_lift_by_signup`; False when the suppression is not active any more."""
    changed = Suppression.objects.filter(pk=suppression.pk, lifted_at__isnull=True).update(
        reopened_at=None, reopened_by=""
    )
    suppression.refresh_from_db()
    return bool(changed)


def lift_suppression_open_to_signup(subscriber: Subscriber, now: datetime) -> None:
    """Lift a suppression that is open to a sign-up, see `may_sign_up`: the subscriber confirmed a new one."""
    open_to_them = Q(reopened_at__isnull=False) | Q(reason__in=_OPEN_TO_THEM)
    Suppression.objects.filter(
        open_to_them, address_hash=subscriber.address_hash, lifted_at__isnull=True
    ).update(lifted_at=now, lifted_by="the subscriber's own sign-up")


def active_suppression(target: Subscriber | str) -> Suppression | None:
    """The active suppression of this subscriber or address, if any."""
    return Suppression.objects.filter(
        address_hash=address_hash(normalise_or_lower(target)), lifted_at__isnull=True
    ).first()


def is_suppressed(target: Subscriber | str) -> bool:
    """Whether this subscriber or address gets no mail."""
    return active_suppression(target) is not None


def is_erased(address: str) -> bool:
    """Whether somebody with this address asked to be erased: only they can come back, by a sign-up."""
    found = active_suppression(address)
    return found is not None and found.reason == Suppression.Reason.ERASED


def suppressed_hashes(subscribers: Iterable[Subscriber]) -> set[bytes]:
    """The address hashes of the suppressed ones among these subscribers."""
    rows = Suppression.objects.filter(
        address_hash__in=[bytes(subscriber.address_hash) for subscriber in subscribers],
        lifted_at__isnull=True,
    )
    return {bytes(found) for found in rows.values_list("address_hash", flat=True)}


def may_sign_up(address: str) -> bool:
    """Whether a sign-up of this address is accepted: it is not suppressed, or is open to one.

    It is after staff reopened it, after erasure, and after the address unsubscribed in another system.
    """
    return not is_suppressed(address) or is_open_to_signup(address)


def is_open_to_signup(target: Subscriber | str) -> bool:
    """Whether this subscriber or address is suppressed until a new sign-up is confirmed."""
    found = active_suppression(target)
    return found is not None and (found.reopened_at is not None or found.reason in _OPEN_TO_THEM)


def normalise_or_lower(target: Subscriber | str) -> str:
    """The address in its stored form; an invalid one is only trimmed and lower-cased."""
    if isinstance(target, Subscriber):
        return target.email
    try:
        return normalise(target)
    except ValueError:
        return target.strip().lower()
