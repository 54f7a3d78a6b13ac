"""What all services' events have in common: anymail's words for what happened become a reading of ours.

Anymail tells a bounce from a complaint, but not a dead address from a full mailbox. So the class is found as
for mail that came back: by the words of the server that refused, and where they say nothing, by the service's
own word.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType

from mailer.delivery.esp import message
from mailer.feedback.parsing import evidence
from mailer.feedback.parsing.classify import classification_for, classify
from mailer.feedback.parsing.records import Kind, ParsedReturn, Recipient

Event = dict[str, Any]

_MAX_DIAGNOSTIC = 1_000
# Characters of an event's own name that are kept; longer ones are hashed.
_MAX_NAME = 80
_KINDS: dict[str, Kind] = {
    EventType.BOUNCED: "bounce",
    EventType.REJECTED: "bounce",
    EventType.FAILED: "bounce",
    EventType.COMPLAINED: "complaint",
    EventType.UNSUBSCRIBED: "unsubscribe",
}


@dataclass(frozen=True)
class Heard:
    """What an event says."""

    # Names it among all of the service, and is the same when it is told again.
    key: str
    # When it happened, aware; None: the service does not say.
    at: datetime | None = None
    # The delivery that our token in it names. The service had its message, whatever became of that.
    delivery: int | None = None
    # What it means beyond that; None: nothing.
    reading: ParsedReturn | None = None


@dataclass(frozen=True)
class Fault:
    """Why a message did not arrive, in the service's words."""

    # What the refusing server said; it is what decides.
    said: str = ""
    # What the service says about it, for people: often the same for everything under a name.
    words: str = ""
    # Enhanced code (RFC 3463), "5.1.1".
    status: str = ""
    # Who said it: a server's name.
    host: str = ""
    # The service's own name for the fault, and the reason (in rules.toml) that it means.
    name: str = ""
    reason: str = "unknown"
    # Whether that is certain, since it was the service that refused; else it counts where words say nothing.
    certain: bool = False


class Hook(ABC):
    """Reads a service's events. Subclasses say what is its own."""

    name: str
    # Anymail's view, which reads the events; what proves them is not its concern here.
    view: Any
    options: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def fault(self, told: AnymailTrackingEvent) -> Fault:
        """Why a message did not arrive."""

    def kind(self, told: AnymailTrackingEvent) -> Kind | None:
        """What happened; None: nothing that counts against the address."""
        return _KINDS.get(told.event_type)

    def event_name(self, event: Event) -> str:
        """The event's own name; empty: it has none."""
        return ""

    def token(self, told: AnymailTrackingEvent) -> str:
        """Our token, which the service keeps with the message; empty: it does not say."""
        return str(told.metadata.get("delivery", "")) if isinstance(told.metadata, Mapping) else ""

    def normalised(self, event: Event) -> list[AnymailTrackingEvent]:
        """The event in anymail's words, once for each recipient. Raises whatever anymail does."""
        return list(self._made.parse_events(_Request(event)))

    def reply(self, event: Event) -> None:  # noqa: B027  (most wait for nothing)
        """Tell the service what it waits to be told, where it does; twice is once. Raises FetchError."""

    def hear(self, event: Event) -> Heard:
        """What an event says. Raises whatever happens when it is not as the service documents it."""
        name = self.event_name(event)
        key = name if 0 < len(name) <= _MAX_NAME else _hash(event)
        told = self.normalised(event)
        if not told:
            return Heard(key)
        first = told[0]
        delivery = self._delivery(first, event)
        return Heard(key, _aware(first.timestamp), delivery, self._reading(told, delivery))

    @cached_property
    def _made(self) -> Any:
        return self.view(webhook_secret="unused", **self.options)  # noqa: S106

    def _reading(self, told: list[AnymailTrackingEvent], delivery: int | None) -> ParsedReturn | None:
        kind = self.kind(told[0])
        if kind is None:
            return None
        if kind == "unsubscribe" and delivery is None:
            # From which newsletter?
            return ParsedReturn("other")
        make = self._bounced if kind == "bounce" else _named
        recipients = tuple(make(one, kind) for one in told)
        feedback_type = "abuse" if kind == "complaint" else ""
        return ParsedReturn(kind, recipients, delivery, identity="service", feedback_type=feedback_type)

    def _delivery(self, told: AnymailTrackingEvent, event: Event) -> int | None:
        """By our token where the service keeps it; else by any that stands in the message's own names."""
        found = message.delivery_of(self.token(told))
        if found is not None:
            return found
        known = evidence.match_token((), json.dumps(event))
        return known.delivery if known else None

    def _bounced(self, told: AnymailTrackingEvent, kind: Kind) -> Recipient:
        fault = self.fault(told)
        said, words = clean(fault.said), clean(fault.words)
        verdict = classify(said, status=clean(fault.status), host=fault.host)
        if fault.certain or verdict.reason == "unknown":
            verdict = classification_for(fault.reason, verdict.status, f"{self.name}: {clean(fault.name)}")
        return Recipient(
            address=clean(told.recipient).lower(),
            status=verdict.status,
            diagnostic=(said or words)[:_MAX_DIAGNOSTIC],
            bounce_class=verdict.bounce_class,
            reason=verdict.reason,
            rule=verdict.rule,
            found_by="report",
        )


class _Request:
    """As much of a request as anymail's views read events from."""

    content_type, encoding = "application/json", "utf-8"

    def __init__(self, event: Event) -> None:
        self.body = json.dumps(event).encode()
        self.headers: dict[str, str] = {}


def clean(value: object) -> str:
    """A text that a database takes: without NUL and halves of characters, which JSON may hold."""
    return str(value or "").replace("\0", " ").encode("utf-8", "replace").decode()


def _named(told: AnymailTrackingEvent, kind: Kind) -> Recipient:
    action = "complained" if kind == "complaint" else "failed"
    return Recipient(clean(told.recipient).lower(), action=action, found_by="report")


def _hash(event: Event) -> str:
    return hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
