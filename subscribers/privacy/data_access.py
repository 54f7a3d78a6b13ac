"""Access to and portability of a subscriber's data (GDPR, Articles 15 and 20), and the link to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Manager, QuerySet
from django.db.models.functions import Coalesce

from subscribers import merge, rate_limit, tokens, transactional_emails
from subscribers.models import ReconfirmationRequest, Subscriber, Suppression
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
        transactional_emails.send_data_link(subscriber, tokens.make_dated("data_access", subscriber.pk, now))
    return True


def read_link(token: str, now: datetime) -> Subscriber:
    """The subscriber whose data a link opens; raises InvalidToken, also when it has expired."""
    claim, subscriber = merge.read_token("data_access", token)
    if not claim.is_fresh(LINK_WORKS_FOR, now):
        raise tokens.LinkExpired("too old")
    return subscriber


def erase_and_notify(subscriber: Subscriber, now: datetime) -> None:
    """Erase the subscriber, and confirm it in a last email."""
    with transaction.atomic():
        erase(subscriber.email, now)
        transactional_emails.send_erased_notice(subscriber)


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
        "subscriptions": export_rows(
            subscriber.subscriptions,
            {
                "list": "mailing_list__slug",
                "state": "state",
                "source": "source",
                "since": Coalesce("ended_at", "confirmed_at", "created_at"),
            },
        ),
        "consents": export_rows(
            subscriber.consents,
            {
                "at": "at",
                "event": "event",
                "list": "mailing_list__slug",
                "channel": "channel",
                "text": "text__text",
                "source": "source",
                "attested_by": "attested_by",
            },
        ),
        "tags": list(subscriber.taggings.order_by("tag__name").values_list("tag__name", flat=True)),
        "fields": tags_and_fields.values_of(subscriber),
        "address_changes": export_rows(
            subscriber.address_changes,
            {
                "requested_at": "requested_at",
                "from": "old_email",
                "to": "new_email",
                "confirmed_at": "confirmed_at",
                "rejected_at": "rejected_at",
            },
        ),
        "suppressions": export_rows(
            Suppression.objects.filter(address_hash=subscriber.address_hash),
            {"at": "created_at", "reason": "reason", "evidence": "evidence", "lifted_at": "lifted_at"},
        ),
        "questions": export_rows(
            ReconfirmationRequest.objects.filter(subscriber=subscriber),
            {"list": "campaign__mailing_list__slug", "at": "sent_at", "confirmed_at": "confirmed_at"},
        ),
    }
    responses: list[tuple[Any, Any]] = collect_personal_data.send(Subscriber, subscriber=subscriber)
    for _, sections in responses:
        data.update(sections)
    return data


def iso_datetime(at: datetime | None) -> str | None:
    """A time in ISO 8601, to the second."""
    return at.isoformat(timespec="seconds") if at else None


def export_rows(rows: Manager[Any] | QuerySet[Any], columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A dict for each row, oldest first. `columns`: its keys, and the field or expression of each; a time is
    a text as `iso_datetime` gives it.
    """
    found = rows.order_by("pk").values_list(*columns.values())
    return [dict(zip(columns, map(_json_value, values), strict=True)) for values in found]


def _json_value(value: Any) -> Any:
    return iso_datetime(value) if isinstance(value, datetime) else value
