"""Processes stored webhook payloads: each event is applied once, in whatever order the events arrive.

A payload may hold many events. Each stands for itself, so that an event that cannot be parsed or applied
delays no other: it is retried later, and in the end kept as an unclassified reply for staff.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from mailer.backoff import BackoffPolicy
from mailer.delivery.ledger import recover_and_finish
from mailer.feedback.decisions.apply_returned_mail import apply_all
from mailer.feedback.models import ReturnedMessage, WebhookHeartbeat, WebhookPayload
from mailer.feedback.parsing.parsed_message import EventSource, ParsedReturnedMessage
from mailer.feedback.webhooks.parse_request_body import split_events
from mailer.feedback.webhooks.unsubscribe_scope import resolve_lists
from mailer.feedback.webhooks.verification import claim_token

if TYPE_CHECKING:
    from mailer.feedback.webhooks.event_parser import WebhookEvent

log = logging.getLogger(__name__)

# Payloads that are applied together.
BATCH_SIZE = 50
# Waits after each failure of an event; after the last one it is for staff.
RETRY = BackoffPolicy(schedule=(60, 15 * 60, 2 * 3_600, 12 * 3_600))
# No ESP reports an event later than this.
_MAX_REPORT_DELAY = timedelta(days=30)
# The database's fault and not the event's: nothing happened, and all of it is done again.
_DATABASE_ERRORS = (OperationalError, InterfaceError)

Apply = Callable[[list[tuple[ParsedReturnedMessage, EventSource]], datetime], object]


@dataclass(frozen=True)
class ParsedEvent:
    """One event of a payload."""

    payload: WebhookPayload
    # The JSON as it came.
    raw: bytes
    # None: it could not be parsed.
    event: WebhookEvent | None
    # Name of the exception that parsing raised; empty: none.
    error: str = ""

    @property
    def at(self) -> datetime:
        """When it happened, as far as the ESP's time can be true; else when the payload arrived."""
        stated, received = self.event.occurred_at if self.event else None, self.payload.received_at
        if stated is not None and received - _MAX_REPORT_DELAY < stated < received:
            return stated
        return received


def process_due(now: datetime, stop: Callable[[], bool], apply: Apply = apply_all) -> int:
    """Apply the payloads that are due; returns how many. Raises django.db.OperationalError.

    `apply` makes decisions of parsed events, all or none of them.
    """
    done = 0
    while not stop():
        payloads = list(WebhookPayload.objects.filter(due_at__lte=now).order_by("pk")[:BATCH_SIZE])
        if not payloads:
            break
        # Before the transaction: what needs time or the network must not keep other writers waiting.
        parsed = {payload.pk: list(acknowledge_and_parse_payload(payload)) for payload in payloads}
        count = apply_and_delete_payloads(parsed, now, apply)
        if not count:
            # Another worker has these.
            break
        done += count
    return done


def acknowledge_and_parse_payload(payload: WebhookPayload) -> Iterator[ParsedEvent]:
    """The events of a payload, those that cannot be parsed with their error."""
    # The parsers load anymail and boto3, which takes 60 ms and 10 MB: only where webhooks arrive.
    from mailer.feedback.webhooks.esp_parsers import PARSERS

    parser = PARSERS[payload.service]
    for event, raw in split_events(payload.service, bytes(payload.body)):
        try:
            if not isinstance(event, dict):
                raise TypeError("no event")
            parser.acknowledge(event)
            yield ParsedEvent(payload, raw, parser.parse(event))
        except Exception as error:  # noqa: BLE001  (anymail raises anything on malformed events)
            yield ParsedEvent(payload, raw, None, type(error).__name__)


def apply_and_delete_payloads(
    parsed: Mapping[int, Sequence[ParsedEvent]], now: datetime, apply: Apply = apply_all
) -> int:
    """Apply the events of some payloads, by the payload's id, and delete these; returns how many payloads.

    Payloads that another worker has locked or done are left out.
    """
    left_at: dict[int, datetime] = {}
    meaningful: list[ParsedEvent] = []
    with transaction.atomic():
        unlocked = WebhookPayload.objects.select_for_update(skip_locked=True)
        mine = list(unlocked.filter(pk__in=list(parsed)).order_by("pk"))
        for one in (one for payload in mine if _is_first(payload, now) for one in parsed[payload.pk]):
            if one.event is None:
                _retry_later(one, one.error, now)
                continue
            if (delivery_id := one.event.delivery_id) is not None:
                left_at[delivery_id] = min(one.at, left_at.get(delivery_id, one.at))
            if one.event.parsed is not None:
                meaningful.append(one)
        _apply_together(meaningful, now, apply)
        recover_and_finish.settle_as_accepted(left_at)
        _record_heartbeats(mine)
        WebhookPayload.objects.filter(pk__in=[payload.pk for payload in mine]).delete()
    return len(mine)


def _is_first(payload: WebhookPayload, now: datetime) -> bool:
    """Whether no other request had its token. An event that is retried has none of its own."""
    return payload.attempts > 0 or claim_token(payload.service, bytes(payload.body), now)


def _apply_together(events: Sequence[ParsedEvent], now: datetime, apply: Apply) -> None:
    """Apply all events at once, which costs far less; where that fails, one after another."""
    if len(events) != 1 and _try_to_apply(events, now, apply) is None:
        return
    for one in events:
        error = _try_to_apply([one], now, apply)
        if error is not None:
            _retry_later(one, error, now)


def _try_to_apply(events: Sequence[ParsedEvent], now: datetime, apply: Apply) -> str | None:
    """None when the events are applied; else none of them is, and this is the exception's name."""
    try:
        with transaction.atomic():
            apply([new for one in events if (new := _if_new(one)) is not None], now)
    except _DATABASE_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001  (an event that cannot be applied must not delay the others)
        return type(error).__name__
    return None


def _if_new(one: ParsedEvent) -> tuple[ParsedReturnedMessage, EventSource] | None:
    """What an event says, with the event stored as evidence; None for an event that was reported before."""
    event = one.event
    if event is None or event.parsed is None:
        return None
    parsed = event.parsed if event.scope is None else resolve_lists(event.parsed, event.scope, one.at)
    key = f"{one.payload.service} {event.key}"
    message, new = _store_evidence(key, parsed.kind, one)
    return (parsed, EventSource(key, one.at, message.pk)) if new else None


def _store_evidence(key: str, kind: str, one: ParsedEvent) -> tuple[ReturnedMessage, bool]:
    """The event as a returned message, and whether it is new."""
    payload = one.payload
    return ReturnedMessage.objects.get_or_create(
        sha256=hashlib.sha256(key.encode()).hexdigest(),
        defaults={
            "kind": kind,
            "raw": one.raw,
            "service": payload.service,
            "received_at": payload.received_at,
        },
    )


def _retry_later(one: ParsedEvent, error: str, now: datetime) -> None:
    """Retry this event on its own; after the last retry it is for staff."""
    payload = one.payload
    failures = payload.attempts + 1
    log.warning(
        "action=webhook_event_failed service=%s attempts=%d error=%s", payload.service, failures, error
    )
    if failures <= len(RETRY.schedule):
        WebhookPayload.objects.create(
            service=payload.service,
            body=one.raw,
            received_at=payload.received_at,
            attempts=failures,
            due_at=now + timedelta(seconds=RETRY.delay(failures)),
        )
    else:
        _store_evidence(f"{payload.service} unread {hashlib.sha256(one.raw).hexdigest()}", "other", one)


def _record_heartbeats(payloads: Sequence[WebhookPayload]) -> None:
    """Record that the ESPs were heard. A retried payload was counted before."""
    for service in {payload.service for payload in payloads}:
        new = [one.received_at for one in payloads if one.service == service and not one.attempts]
        if new:
            heartbeat, _ = WebhookHeartbeat.objects.get_or_create(
                service=service, defaults={"last_received_at": max(new)}
            )
            heartbeat.payload_count = F("payload_count") + len(new)
            heartbeat.last_received_at = max(heartbeat.last_received_at, *new)
            heartbeat.save(update_fields=["payload_count", "last_received_at"])
