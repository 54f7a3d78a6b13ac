"""Everything that is kept about one person, as plain data: what they are told when they ask for it.

Access and portability (GDPR, Articles 15 and 20).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from subscribers.models import AddressChange, Asked, ConsentRecord, Subscriber, Subscription, Suppression
from subscribers.segments import attributes
from subscribers.signals import collect_personal_data


def collect(subscriber: Subscriber) -> dict[str, Any]:
    """All that is kept about a person, ready for JSON; moments are ISO 8601 with zone.

    What stands in the person's own row, and lists of records: `subscriptions`, `consents`, `address_changes`,
    `suppressions`, `questions` (whether they still want it), and whatever the rooms above keep. To add a
    section, answer `signals.asked_about` with a dict, as `mailer.feedback.signals.gdpr_export` does, and
    connect it where the application becomes ready.
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
        "fields": attributes.known(subscriber),
        "address_changes": [_address_change(row) for row in subscriber.address_changes.order_by("pk")],
        "suppressions": [
            _suppression(row)
            for row in Suppression.objects.filter(address_hash=subscriber.address_hash).order_by("pk")
        ],
        "questions": [
            {
                "list": row.asking.mailing_list.slug,
                "at": iso_datetime(row.at),
                "stays_at": iso_datetime(row.stays_at),
            }
            for row in Asked.objects.filter(subscriber=subscriber)
            .select_related("asking__mailing_list")
            .order_by("pk")
        ],
    }
    responses: list[tuple[Any, Any]] = collect_personal_data.send(Subscriber, subscriber=subscriber)
    for _, sections in responses:
        data.update(sections)
    return data


def iso_datetime(at: datetime | None) -> str | None:
    """A moment as it is told."""
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
