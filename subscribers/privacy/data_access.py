"""Access to and portability of a subscriber's data (GDPR, Articles 15 and 20), and the link to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db import transaction
from django.db.models import Manager, QuerySet
from django.db.models.functions import Coalesce

from subscribers import former_addresses_and_merged_ids, rate_limit, tokens, transactional_emails
from subscribers.addresses import address_hash
from subscribers.models import DataLink, ReconfirmationRequest, Subscriber, Suppression
from subscribers.privacy import reversible_erasure
from subscribers.rate_limit import Limit
from subscribers.segments import subscriber_tags_and_fields
from subscribers.signals import collect_personal_data
from subscribers.suppression import is_suppressed

# How long a link works, and how many times a subscriber gets one in that time.
LINK_WORKS_FOR = timedelta(days=1)
_LINKS_PER_DAY = 3

# sent: the link is emailed; busy: requested too often today; closed: no link opens this subscriber's data.
LinkOutcome = Literal["sent", "busy", "closed"]


def request_link(subscriber: Subscriber, now: datetime) -> LinkOutcome:
    """Email the link to the subscriber, and for 30 days after a change of address to the old one too.

    It goes to their own mailbox, because any mail of ours, with its links, may have been forwarded.
    """
    with transaction.atomic():
        if not subscriber.data_by_link:
            return "closed"
        limit = Limit(f"data link {subscriber.pk}", _LINKS_PER_DAY, LINK_WORKS_FOR)
        if rate_limit.count_hit_unless_limited([limit], now) is not None:
            return "busy"
        for address in _recipients(subscriber, now):
            link = DataLink.objects.create(
                subscriber=subscriber, address_hash=address_hash(address), requested_at=now
            )
            transactional_emails.send_data_link(
                subscriber, address, tokens.make_dated("data_access", link.pk, now)
            )
    return "sent"


def read_link(token: str, now: datetime) -> Subscriber:
    """The subscriber whose data a link opens; raises InvalidToken, also when it has expired.

    A link that was requested before the address was changed, or changed back, has expired: who reads that
    mailbox may be another person than the one who has the address now.
    """
    claim = tokens.read_token("data_access", token)
    if not claim.is_fresh(LINK_WORKS_FOR, now):
        raise tokens.LinkExpired("too old")
    link = DataLink.objects.select_related("subscriber").filter(pk=claim.subscriber).first()
    if link is None or not link.subscriber.data_by_link:
        raise tokens.LinkExpired("the subscriber is deleted or merged, or no link opens their data")
    hashes = [address_hash(address) for address in _recipients(link.subscriber, now)]
    if bytes(
        link.address_hash
    ) not in hashes or former_addresses_and_merged_ids.address_changed_by_link_since(
        link.subscriber, link.requested_at
    ):
        raise tokens.LinkExpired("the address was changed since")
    return link.subscriber


def _recipients(subscriber: Subscriber, now: datetime) -> list[str]:
    """The addresses that get the link: the present one, and those that can still reject their change."""
    changes = reversible_erasure.reversible_changes(subscriber, now)
    reachable = [change.old_email for change in changes if not is_suppressed(change.old_email)]
    return list(dict.fromkeys([subscriber.email, *reachable]))


def collect_data(subscriber: Subscriber) -> dict[str, Any]:
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
                "network": "network",
                "user_agent": "user_agent",
            },
        ),
        "tags": list(subscriber.taggings.order_by("tag__name").values_list("tag__name", flat=True)),
        "fields": subscriber_tags_and_fields.custom_field_values(subscriber),
        "address_changes": export_rows(
            subscriber.address_changes,
            {
                "requested_at": "requested_at",
                "from": "old_email",
                "to": "new_email",
                "confirmed_at_old": "old_confirmed_at",
                "confirmed_at_new": "new_confirmed_at",
                "changed_at": "changed_at",
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
