"""Access to and portability of a subscriber's data (GDPR, Articles 15 and 20), and the link to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from subscribers import emails, merge, rate_limit, tokens
from subscribers.models import (
    AddressChange,
    ConsentRecord,
    ReconfirmationRequest,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.privacy.erasure import erase
from subscribers.rate_limit import Limit
from subscribers.segments import tags_and_fields
from subscribers.signals import collect_personal_data

# How long a link works, and how many a subscriber gets in that time.
LINK_WORKS_FOR = timedelta(days=1)
_LINKS_PER_DAY = 3


def request_link(subscriber: Subscriber, now: datetime) -> bool:
    """Email the link to the subscriber; False when it was requested too often today.

    It goes to their own mailbox, because any mail of ours, with its links, may have been forwarded.
    """
    with transaction.atomic():
        if (
            rate_limit.hit([Limit(f"data link {subscriber.pk}", _LINKS_PER_DAY, LINK_WORKS_FOR)], now)
            is not None
        ):
            return False
        emails.send_data_link(subscriber, tokens.make_dated("data_access", subscriber.pk, now))
    return True


def read_link(token: str, now: datetime) -> Subscriber:
    """The subscriber whose data a link opens; raises InvalidToken, also when it has expired."""
    claim, subscriber = merge.read_token("data_access", token)
    if not claim.is_fresh(LINK_WORKS_FOR, now):
        raise tokens.InvalidToken("too old")
    return subscriber


def erase_and_notify(subscriber: Subscriber, now: datetime) -> None:
    """Erase the subscriber, and confirm it in a last email."""
    with transaction.atomic():
        erase(subscriber.email, now)
        emails.send_erased_notice(subscriber)


def collect(subscriber: Subscriber) -> dict[str, Any]:
    """All stored data about a subscriber, ready for JSON; times are ISO 8601 with zone.

    The subscriber's own fields, and lists of records: `subscriptions`, `consents`, `address_changes`,
    `suppressions`, `questions` (reconfirmation requests), and the sections of other applications. To add a
    section, connect a receiver to `signals.collect_personal_data` that returns a dict of it.
    """
    data: dict[str, Any] = {
        "email": subscriber.email,
        "name": subscriber.name,
        "language": subscriber.language,
        "countries": list(subscriber.countries),
        "since": iso_datetime(subscriber.created_at),
        "paused_until": iso_datetime(subscriber.paused_until),
        "tracking_consent_at": iso_datetime(subscriber.tracking_consent_at),
        "subscriptions": [
            _subscription(row)
            for row in subscriber.subscriptions.select_related("mailing_list").order_by("pk")
        ],
        "consents": [
            _consent(row) for row in subscriber.consents.select_related("mailing_list", "text").order_by("pk")
        ],
        "tags": list(subscriber.taggings.order_by("tag__name").values_list("tag__name", flat=True)),
        "fields": tags_and_fields.values_of(subscriber),
        "address_changes": [_address_change(row) for row in subscriber.address_changes.order_by("pk")],
        "suppressions": [
            _suppression(row)
            for row in Suppression.objects.filter(address_hash=subscriber.address_hash).order_by("pk")
        ],
        "questions": [
            {
                "list": row.campaign.mailing_list.slug,
                "at": iso_datetime(row.sent_at),
                "confirmed_at": iso_datetime(row.confirmed_at),
            }
            for row in ReconfirmationRequest.objects.filter(subscriber=subscriber)
            .select_related("campaign__mailing_list")
            .order_by("pk")
        ],
    }
    responses: list[tuple[Any, Any]] = collect_personal_data.send(Subscriber, subscriber=subscriber)
    for _, sections in responses:
        data.update(sections)
    return data


def iso_datetime(at: datetime | None) -> str | None:
    """A time in ISO 8601, to the second."""
    return at.isoformat(timespec="seconds") if at else None


def _address_change(row: AddressChange) -> dict[str, Any]:
    return {
        "requested_at": iso_datetime(row.requested_at),
        "from": row.old_email,
        "to": row.new_email,
        "confirmed_at": iso_datetime(row.confirmed_at),
        "rejected_at": iso_datetime(row.rejected_at),
    }


def _suppression(row: Suppression) -> dict[str, Any]:
    return {
        "at": iso_datetime(row.created_at),
        "reason": row.reason,
        "evidence": row.evidence,
        "lifted_at": iso_datetime(row.lifted_at),
    }


def _subscription(row: Subscription) -> dict[str, Any]:
    return {
        "list": row.mailing_list.slug,
        "state": row.state,
        "source": row.source,
        "since": iso_datetime(row.ended_at or row.confirmed_at or row.created_at),
    }


def _consent(row: ConsentRecord) -> dict[str, Any]:
    return {
        "at": iso_datetime(row.at),
        "event": row.event,
        "list": row.mailing_list.slug if row.mailing_list else None,
        "channel": row.channel,
        "text": row.text.text if row.text else None,
        "source": row.source,
        "attested_by": row.attested_by,
    }
