"""Everything that is kept about one person, as plain data: what they are told when they ask for it.

Access and portability (GDPR, Articles 15 and 20).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from subscribers.models import AddressChange, Asked, ConsentRecord, Subscriber, Subscription, Suppression
from subscribers.segments import attributes
from subscribers.signals import asked_about


def everything(person: Subscriber) -> dict[str, Any]:
    """All that is kept about a person, ready for JSON; moments are ISO 8601 with zone.

    What stands in the person's own row, and lists of records: `subscriptions`, `consents`, `address_changes`,
    `suppressions`, `questions` (whether they still want it), and whatever the rooms above keep. To add a
    section, answer `signals.asked_about` with a dict, as `mailer.feedback.signals.gdpr_export` does, and
    connect it where the application becomes ready.
    """
    known: dict[str, Any] = {
        "email": person.email,
        "name": person.name,
        "language": person.language,
        "countries": list(person.countries),
        "since": moment(person.created_at),
        "paused_until": moment(person.paused_until),
        "tracking_agreed_at": moment(person.tracking_agreed_at),
        "subscriptions": [
            _subscription(row) for row in person.subscriptions.select_related("mailing_list").order_by("pk")
        ],
        "consents": [
            _consent(row) for row in person.consents.select_related("mailing_list", "text").order_by("pk")
        ],
        "tags": list(person.taggings.order_by("tag__name").values_list("tag__name", flat=True)),
        "fields": attributes.known(person),
        "address_changes": [_change(row) for row in person.address_changes.order_by("pk")],
        "suppressions": [
            _suppression(row)
            for row in Suppression.objects.filter(address_hash=person.address_hash).order_by("pk")
        ],
        "questions": [
            {"list": row.asking.mailing_list.slug, "at": moment(row.at), "stays_at": moment(row.stays_at)}
            for row in Asked.objects.filter(subscriber=person)
            .select_related("asking__mailing_list")
            .order_by("pk")
        ],
    }
    answers: list[tuple[Any, Any]] = asked_about.send(Subscriber, person=person)
    for _, sections in answers:
        known.update(sections)
    return known


def moment(at: datetime | None) -> str | None:
    """A moment as it is told."""
    return at.isoformat(timespec="seconds") if at else None


def _change(row: AddressChange) -> dict[str, Any]:
    return {
        "asked_at": moment(row.asked_at),
        "from": row.old_email,
        "to": row.new_email,
        "confirmed_at": moment(row.confirmed_at),
        "disowned_at": moment(row.disowned_at),
    }


def _suppression(row: Suppression) -> dict[str, Any]:
    return {
        "at": moment(row.created_at),
        "reason": row.reason,
        "evidence": row.evidence,
        "lifted_at": moment(row.lifted_at),
    }


def _subscription(row: Subscription) -> dict[str, Any]:
    return {
        "list": row.mailing_list.slug,
        "state": row.state,
        "source": row.source,
        "since": moment(row.ended_at or row.confirmed_at or row.created_at),
    }


def _consent(row: ConsentRecord) -> dict[str, Any]:
    return {
        "at": moment(row.at),
        "act": row.act,
        "list": row.mailing_list.slug if row.mailing_list else None,
        "how": row.how,
        "text": row.text.text if row.text else None,
        "source": row.source,
        "vouched_by": row.vouched_by,
    }
