"""Consent records: what subscribers did about their mail, when, through which channel, under which text."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from subscribers.models import ConsentRecord, ConsentText, Subscriber

Event = ConsentRecord.Event
Channel = ConsentRecord.Channel

# Rows written at a time.
_BATCH = 1_000


@dataclass(frozen=True)
class Evidence:
    """How a request reached us, as a consent record keeps it."""

    # A ConsentRecord.Channel.
    channel: str
    # The exact text beside the button, and its language; empty without one.
    text: str = ""
    language: str = ""
    # Where it came from: an import's source, the page of a form, a rule.
    source: str = ""
    # The user who attests it, where it is not the subscriber's own act.
    attested_by: str = ""
    # As `network_of` returns it, and the client's User-Agent.
    network: str = ""
    user_agent: str = ""


def record(
    event: str,
    subscriber_ids: Iterable[int],
    list_ids: Collection[int | None],
    evidence: Evidence,
    now: datetime,
) -> None:
    """Add a record for each subscriber and list (None: not about one list), in the caller's transaction."""
    text = None if not evidence.text else _get_or_create_text(evidence.language, evidence.text)
    rows = (
        ConsentRecord(
            subscriber_id=subscriber_id,
            mailing_list_id=list_id,
            event=event,
            channel=evidence.channel,
            at=now,
            text=text,
            source=evidence.source[:200],
            attested_by=evidence.attested_by[:150],
            network=evidence.network,
            user_agent=evidence.user_agent[:200],
        )
        for subscriber_id in subscriber_ids
        for list_id in list_ids
    )
    ConsentRecord.objects.bulk_create(rows, batch_size=_BATCH)


def is_tracking_offered() -> bool:
    """Whether the configuration asks subscribers for consent to tracking."""
    return bool(settings.CONFIG.tracking.by_consent)


@transaction.atomic
def set_tracking_consent(subscriber: Subscriber, consents: bool, evidence: Evidence, now: datetime) -> None:
    """Save whether the subscriber consents to tracking; the same answer again changes nothing."""
    rows = Subscriber.objects.filter(pk=subscriber.pk, tracking_consent_at__isnull=consents)
    if rows.update(tracking_consent_at=now if consents else None):
        event = Event.TRACKING_ON if consents else Event.TRACKING_OFF
        record(event, [subscriber.pk], [None], evidence, now)
        subscriber.refresh_from_db(fields=["tracking_consent_at"])


def network_of(address: str) -> str:
    """The network of an IP address, "203.0.113.0/24" or a /48; "" for what is no address.

    Enough to tell one flood of sign-ups from another, too little to identify a subscriber.
    """
    try:
        ip = ipaddress.ip_address(address.strip())
    except ValueError:
        return ""
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    length = 24 if ip.version == 4 else 48
    return str(ipaddress.ip_network(f"{ip}/{length}", strict=False))


def clear_old_details(now: datetime, months: int) -> int:
    """Empty network and user agent in records older than so many months; how many records."""
    old = ConsentRecord.objects.filter(at__lt=now - timedelta(days=months * 30.44))
    return old.filter(~Q(network="") | ~Q(user_agent="")).update(network="", user_agent="")


def _get_or_create_text(language: str, text: str) -> ConsentText:
    digest = hashlib.sha256(f"{language}\0{text}".encode()).hexdigest()
    kept, _ = ConsentText.objects.get_or_create(sha256=digest, defaults={"language": language, "text": text})
    return kept
