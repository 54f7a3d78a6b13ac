"""The base of all event parsers: anymail's normalised event becomes a parsed return.

Anymail tells a bounce from a complaint, but not an unknown address from a full mailbox. So a bounce is
classified as one that arrives by mail, by the reply of the server that refused. The ESP's own verdict bounds
that: what it calls temporary or blocked is never hard. Where no server replied, its verdict decides: its own
words for people are no server's reply.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib import resources
from types import MappingProxyType
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType

from mailer.delivery.esp.message_parts_encoder import delivery_of
from mailer.feedback.parsing import collect_message_evidence
from mailer.feedback.parsing.classify_bounce_reasons import Classification, classification_for, classify
from mailer.feedback.parsing.collect_message_evidence import Kind
from mailer.feedback.parsing.parsed_message import ParsedReturnedMessage, Recipient
from mailer.feedback.webhooks.parse_request_body import JsonEvent
from mailer.feedback.webhooks.unsubscribe_scope import UnsubscribeScope

# Of each ESP: its categories of failures, and the reason (in rules.toml) that each means.
REASONS: dict[str, dict[str, str]] = tomllib.loads(
    resources.files(__package__).joinpath("reasons.toml").read_text(encoding="utf-8")
)
_MAX_DIAGNOSTIC = 1_000
# Characters of an event's id that are kept; longer ids are hashed.
_MAX_ID = 80
# What a server's reply has and a text for people does not: a reply code (RFC 5321 §4.2) or an enhanced status
# code (RFC 3463).
_REPLY_CODE = re.compile(r"(?<![\w.-])[245](?:\d\d(?=[- ,:;#)]|$)|\.\d{1,3}\.\d{1,3}\b)")
_KINDS: dict[str, Kind] = {
    EventType.BOUNCED: "bounce",
    EventType.REJECTED: "bounce",
    EventType.FAILED: "bounce",
    EventType.COMPLAINED: "complaint",
    EventType.UNSUBSCRIBED: "unsubscribe",
}


@dataclass(frozen=True)
class WebhookEvent:
    """What an event says."""

    # Identifies it among the ESP's events; the same when it is reported again.
    key: str
    # Aware; None: the ESP does not say.
    occurred_at: datetime | None = None
    # The delivery that our token in it names. The ESP had its message, whatever happened to that.
    delivery_id: int | None = None
    # What it means beyond that; None: nothing.
    parsed: ParsedReturnedMessage | None = None
    # Of an unsubscribe that names no delivery.
    scope: UnsubscribeScope | None = None


@dataclass(frozen=True)
class Failure:
    """Why a message was not delivered, as the ESP says."""

    # The reply of the refusing server, which decides the classification within the ESP's verdict. A text
    # without a reply code counts as the ESP's own words.
    server_reply: str = ""
    # The ESP's explanation for people: often the same for a whole category.
    description: str = ""
    # Enhanced status code (RFC 3463), "5.1.1".
    status: str = ""
    # Name of the refusing server.
    host: str = ""
    # The ESP's category of the failure, and the reason (in rules.toml) that it means: its class is the ESP's
    # verdict. "unknown": it has none.
    category: str = ""
    reason: str = "unknown"
    # True where the ESP itself refused, so that no server's reply counts.
    is_certain: bool = False


class EventParser(ABC):
    """Parses the events of one ESP. Subclasses say what is particular to it."""

    name: str
    # Anymail's view, which parses the events; verification is not its concern here.
    anymail_view: Any
    options: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def failure(self, event: AnymailTrackingEvent) -> Failure:
        """Why a message was not delivered."""

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        """What happened; None: nothing that counts against the address."""
        return _KINDS.get(event.event_type)

    def scope(self, event: AnymailTrackingEvent) -> UnsubscribeScope:
        """What the recipient unsubscribed from."""
        return UnsubscribeScope(tags_of(event))

    def event_id(self, event: JsonEvent) -> str:
        """The ESP's id of the event; empty: it has none."""
        return ""

    def hashed(self, event: JsonEvent) -> str:
        """A digest of what is the same whenever the ESP reports the event."""
        return hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()

    def token(self, event: AnymailTrackingEvent) -> str:
        """Our delivery token, which the ESP keeps with the message; empty: the event has none."""
        return str(event.metadata.get("delivery", "")) if isinstance(event.metadata, Mapping) else ""

    def normalise(self, event: JsonEvent) -> list[AnymailTrackingEvent]:
        """The event in anymail's terms, one for each recipient. Raises whatever anymail does."""
        return list(self._view.parse_events(_Request(event)))

    def acknowledge(self, event: JsonEvent) -> None:  # noqa: B027  (most ESPs expect nothing)
        """Answer an event that expects an answer, such as a confirmation. Safe to repeat.

        Raises FetchError.
        """

    def parse(self, event: JsonEvent) -> WebhookEvent:
        """What an event says. Raises any exception when it is not as the ESP documents it."""
        event_id = self.event_id(event)
        key = event_id if 0 < len(event_id) <= _MAX_ID else self.hashed(event)
        normalised = self.normalise(event)
        if not normalised:
            return WebhookEvent(key)
        first = normalised[0]
        delivery_id = self._delivery_id(first, event)
        parsed = self._parsed_return(normalised, delivery_id)
        unclear = parsed is not None and parsed.kind == "unsubscribe" and delivery_id is None
        return WebhookEvent(
            key, _aware(first.timestamp), delivery_id, parsed, self.scope(first) if unclear else None
        )

    @cached_property
    def _view(self) -> Any:
        return self.anymail_view(webhook_secret="unused", **self.options)  # noqa: S106

    def _parsed_return(
        self, events: list[AnymailTrackingEvent], delivery_id: int | None
    ) -> ParsedReturnedMessage | None:
        kind = self.kind(events[0])
        if kind is None:
            return None
        recipient_of = self._bounced if kind == "bounce" else _recipient
        recipients = tuple(recipient_of(event, kind) for event in events)
        feedback_type = "abuse" if kind == "complaint" else ""
        return ParsedReturnedMessage(
            kind, recipients, delivery_id, identity="service", feedback_type=feedback_type
        )

    def _delivery_id(self, event: AnymailTrackingEvent, raw: JsonEvent) -> int | None:
        """By our token where the ESP keeps it; else by any other identifier of the message."""
        found = delivery_of(self.token(event))
        if found is not None:
            return found
        known = collect_message_evidence.match_token((), json.dumps(raw))
        return known.delivery if known else None

    def _bounced(self, event: AnymailTrackingEvent, kind: Kind) -> Recipient:
        failure = self.failure(event)
        text = storable_text(failure.server_reply) or storable_text(failure.description)
        return Recipient(
            address=storable_text(event.recipient).lower(),
            diagnostic=text[:_MAX_DIAGNOSTIC],
            classification=self._classification(failure),
            found_by="report",
        )

    def _classification(self, failure: Failure) -> Classification:
        reply, status = storable_text(failure.server_reply), storable_text(failure.status)
        rule = f"{self.name}: {storable_text(failure.category)}"
        verdict = classification_for(failure.reason, status, rule)
        if failure.is_certain:
            return verdict
        found = classify(reply, status=status, host=failure.host)
        verdict = classification_for(failure.reason, found.status, rule)
        by_server = bool(status) or has_reply_code(reply)
        return found if _is_within(found, verdict, by_server) else verdict


def _is_within(found: Classification, verdict: Classification, by_server: bool) -> bool:
    """Whether the classification of a text counts beside the ESP's verdict.

    A server's reply counts unless it makes a temporary failure or a block hard. Words without a reply code
    count where they keep the class, or say that the reason is our sender or message.
    """
    if found.reason == "unknown":
        return False
    if found.bounce_class == "block" or found.bounce_class == verdict.bounce_class:
        return True
    if by_server:
        return found.bounce_class != "hard" or verdict.bounce_class == "unknown"
    return verdict.bounce_class == "unknown" and found.bounce_class != "hard"


class _Request:
    """As much of a request as anymail's views need to parse events."""

    content_type, encoding = "application/json", "utf-8"

    def __init__(self, event: JsonEvent) -> None:
        self.body = json.dumps(event).encode()
        self.headers: dict[str, str] = {}


def storable_text(value: object) -> str:
    """A text that databases take: without NUL and lone surrogates, which JSON may hold."""
    return str(value or "").replace("\0", " ").encode("utf-8", "replace").decode()


def has_reply_code(text: str) -> bool:
    """Whether a text is a server's reply, and not the ESP's own words."""
    return _REPLY_CODE.search(text) is not None


def tags_of(event: AnymailTrackingEvent) -> tuple[str, ...]:
    """The message's tags; some ESPs name a single one."""
    tags = [event.tags] if isinstance(event.tags, str) else event.tags
    return tuple(storable_text(tag) for tag in tags if tag)[:20] if isinstance(tags, list) else ()


def _recipient(event: AnymailTrackingEvent, kind: Kind) -> Recipient:
    action = "complained" if kind == "complaint" else "failed"
    return Recipient(storable_text(event.recipient).lower(), action=action, found_by="report")


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
