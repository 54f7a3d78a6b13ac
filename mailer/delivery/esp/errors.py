"""What became of a call to a service, in the words of the delivery: pure, and the same for all services."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mailer.delivery.outcome import Outcome, ReplyClass

_ADDRESS = re.compile(r"[^\s<>\"'`,;:()\[\]{}]+@[^\s<>\"'`,;:()\[\]{}]+")
_WORDS = 300


class CallError(Exception):
    """The call as a whole did not do what it should. The message holds no address and no secret."""


class NotSent(CallError):  # noqa: N818  (what happened, not what went wrong)
    """No connection came about: nothing was sent."""


class Busy(CallError):  # noqa: N818
    """The service took nothing for now."""

    def __init__(self, words: str, wait: float | None = None) -> None:
        super().__init__(words)
        # Seconds that it asks us to wait; None: it does not say.
        self.wait = wait


class Lost(CallError):  # noqa: N818
    """The call left and no answer was understood: nobody knows whether it was carried out."""


class Fault(CallError):  # noqa: N818
    """The service turned *us* down; no reader is to blame and trying again cannot help."""

    def __init__(self, words: str, sender: bool = False) -> None:
        super().__init__(words)
        # Whether it is about the sender's address, and so about one mailing only.
        self.sender = sender


class Unclear(CallError):  # noqa: N818
    """The service took nothing of this call, and does not say that the reader's address is the reason."""


def accepted(words: str) -> Outcome:
    return Outcome(ReplyClass.ACCEPTED, _short(words), 250)


def refused(words: str) -> Outcome:
    """The service said no for good to this reader, which is told as a relay would tell it (RFC 3463 §3.2)."""
    return Outcome(ReplyClass.REFUSED, _short(f"550 5.1.1 {words}"), 550)


def deferred(words: str) -> Outcome:
    """The service said not now to this reader; the reader's provider has no part in it."""
    return Outcome(ReplyClass.TRY_LATER, _short(f"451 4.0.0 {words}"), 451)


def in_doubt(words: str) -> Outcome:
    return Outcome(ReplyClass.IN_DOUBT, _short(words))


def discreet(words: str, secrets: Collection[str] = ()) -> str:
    """`words` in one line, without the addresses and secrets that a service likes to repeat."""
    for secret in filter(None, secrets):
        words = words.replace(secret, "…")
    return _short(_ADDRESS.sub("(address)", " ".join(words.split())))


def refuse(title: str, status: int, words: str, retry_after: str | None, now: datetime) -> None:
    """Raise what an HTTP status says about the call as a whole (RFC 9110 §15); nothing below 300.

    A gateway that lost the answer (502, 504) cannot know whether the call was carried out.
    """
    if status < 300:
        return
    said = f"{title} answered {status}: {words}" if words else f"{title} answered {status}."
    if status == 429 or status in (500, 501, 503) or status > 504:
        raise Busy(said, seconds(retry_after, now))
    if status in (408, 502, 504):
        raise Lost(said)
    if status in (400, 409, 413, 422):
        raise Unclear(said)
    raise Fault(said)


def seconds(retry_after: str | None, now: datetime) -> float | None:
    """Retry-After in seconds: a number or a date (RFC 9110 §10.2.3); None when it is wrong or not there."""
    try:
        return max(0.0, float(retry_after or ""))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(retry_after or "")
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _short(words: str) -> str:
    return words if len(words) <= _WORDS else f"{words[: _WORDS - 1]}…"
