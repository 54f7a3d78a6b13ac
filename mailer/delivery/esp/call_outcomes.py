"""Outcomes and errors of an ESP's API call, and who is to blame for them: pure, and the same for all ESPs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

from mailer.delivery.outcome import Outcome, ReplyClass

_ADDRESS = re.compile(r"[^\s<>\"'`,;:()\[\]{}]+@[^\s<>\"'`,;:()\[\]{}]+")
_MAX_TEXT = 300
# Ambiguous rejections in a mailing without an accepted message, after which we take the blame.
ENOUGH_REJECTIONS = 3

T = TypeVar("T")


class CallError(Exception):
    """The call as a whole failed. The message contains no address and no secret."""


class NotConnected(CallError):  # noqa: N818  (an event, not an error)
    """No connection was made: nothing was sent."""


class Throttled(CallError):  # noqa: N818
    """The ESP accepts nothing for now."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        # Seconds that the ESP asks us to wait; None: it does not say.
        self.retry_after = retry_after


class NoResponse(CallError):  # noqa: N818
    """The call was sent and no valid response came: it is unknown whether it was carried out."""


class AccountError(CallError):
    """The ESP rejects *us*; no recipient is to blame, and a retry cannot help."""

    def __init__(self, message: str, sender: bool = False) -> None:
        super().__init__(message)
        # Whether it is about the sender's address, and so about one mailing only.
        self.sender = sender


class Ambiguous(CallError):  # noqa: N818
    """The ESP accepted nothing of this call, and does not say whether the recipient's address is the
    reason."""


def accepted_outcome(text: str) -> Outcome:
    return Outcome(ReplyClass.ACCEPTED, _shorten(text), 250)


def refused_outcome(text: str) -> Outcome:
    """The ESP rejects this recipient permanently, written as a relay would write it (RFC 3463 §3.2)."""
    return Outcome(ReplyClass.REFUSED, _shorten(f"550 5.1.1 {text}"), 550)


def suppressed_by_esp_outcome(text: str) -> Outcome:
    """The ESP sends nothing to this address, which is on its suppression list. Written as words of ours, not
    as a server's reply: such a list proves nothing about the address.
    """
    return Outcome(ReplyClass.REFUSED, _shorten(f"on the suppression list of the ESP: {text}"), 550)


def deferred_outcome(text: str) -> Outcome:
    """The ESP rejects this recipient for now; the recipient's mailbox provider is not involved."""
    return Outcome(ReplyClass.TRY_LATER, _shorten(f"451 4.0.0 {text}"), 451)


def in_doubt_outcome(text: str) -> Outcome:
    return Outcome(ReplyClass.IN_DOUBT, _shorten(text))


def redact_addresses_and_secrets(text: str, secrets: Collection[str] = ()) -> str:
    """`text` in one line, without addresses and without `secrets`, which ESPs tend to repeat."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "…")
    return _shorten(_ADDRESS.sub("(address)", " ".join(text.split())))


def raise_for_status(title: str, status: int, text: str, retry_after: str | None, now: datetime) -> None:
    """Raise the error that an HTTP status of 300 or more stands for (RFC 9110 §15).

    A gateway that lost the response (502, 504) cannot know whether the call was carried out.
    """
    if status < 300:
        return
    message = f"{title} answered {status}: {text}" if text else f"{title} answered {status}."
    if status == 429 or status in (500, 501, 503) or status > 504:
        raise Throttled(message, retry_after_seconds(retry_after, now))
    if status in (408, 502, 504):
        raise NoResponse(message)
    if status in (400, 409, 413, 422):
        raise Ambiguous(message)
    raise AccountError(message)


def retry_after_seconds(retry_after: str | None, now: datetime) -> float | None:
    """Retry-After in seconds: a number or a date (RFC 9110 §10.2.3); None if it is invalid or missing."""
    try:
        return max(0.0, float(retry_after or ""))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(retry_after or "")
    except (ValueError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())


class Attribution(Generic[T]):
    """Attributes ambiguous rejections: to the recipient if other messages of the mailing are accepted, else
    to us.

    Keeps the rejections of each mailing until that is clear. Not thread-safe.
    """

    def __init__(self) -> None:
        self._undecided: dict[int, list[T]] = defaultdict(list)
        # Mailings of which a message was accepted, in this run or before.
        self._accepted: set[int] = set()

    def accepted(self, mailing: int) -> list[T]:
        """A message of the mailing was accepted; return the rejections that are the recipients' own."""
        self._accepted.add(mailing)
        return self._undecided.pop(mailing, [])

    def rejected(self, mailing: int, rejection: T) -> list[T]:
        """Add a rejection; return those that are known to be the recipients' own."""
        if mailing in self._accepted:
            return [rejection]
        self._undecided[mailing].append(rejection)
        return []

    def unattributable(self, idle: bool) -> list[tuple[int, list[T]]]:
        """Mailings whose rejections are our fault: there are enough, or no message is left to prove otherwise
        (`idle`)."""
        found = [
            mailing
            for mailing, rejections in self._undecided.items()
            if rejections and (idle or len(rejections) >= ENOUGH_REJECTIONS)
        ]
        return [(mailing, self._undecided.pop(mailing)) for mailing in found]


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…"
