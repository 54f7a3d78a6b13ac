"""What is said of sending by SMTP (RFC 5321): relays, envelopes, and what became of a message."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from mailer.delivery.outcome import Outcome, outcome_of
from mailer.delivery.smtp.transport import Timeouts

# Characters of a server's no that are kept, so that the step fits behind it in the ledger.
_LONGEST_NO = 450
_LINE_END = re.compile(rb"\r\n|\r|\n")


class SmtpError(Exception):
    """The relay cannot be used."""


class OurFault(SmtpError):  # noqa: N818  (whose doing it is, not what went wrong)
    """The relay turned *us* down for good; no recipient is to blame and trying again cannot help."""


class Unavailable(SmtpError):  # noqa: N818
    """The relay cannot be reached or is busy; trying again later can help."""


class NotNow(Exception):  # noqa: N818
    """Raised by a caller's `before_dot`: this message must not leave after all."""


@dataclass(slots=True, eq=False)
class Envelope:
    sender: str
    recipient: str
    # The whole message; line ends are put right where they are not CRLF.
    message: bytes = b""
    # In its place, pieces of a message that needs no look: ASCII in CRLF lines, none begins with a dot.
    pieces: tuple[bytes, ...] | list[bytes] = ()
    # The caller's own.
    tag: Any = None


@dataclass(frozen=True)
class Relay:
    """Where mail is handed over."""

    host: str
    port: int
    security: str = "none"
    auth: str = "auto"
    username: str = ""
    password: str = field(default="", repr=False)
    # File with the access token of XOAUTH2.
    token_path: str = ""
    # What we call ourselves in EHLO.
    ehlo: str = "localhost"
    # Open connections at most, and messages after which one is renewed.
    connections: int = 5
    messages_per_connection: int = 1000
    # Its part among several relays; 0: only while the others are away.
    weight: int = 1
    timeouts: Timeouts = field(default_factory=Timeouts)
    # Trust for TLS; None: the system's certificates.
    trust: ssl.SSLContext | None = None


class Source(Protocol):
    """Who has messages for a session, and is told what became of each."""

    def following(self, behind: Envelope | None) -> Envelope | None:
        """The next message, or None while there is none; one that would ride `behind` another's dot may be
        withheld."""

    def before_dot(self, envelope: Envelope) -> None:
        """It is about to leave: make the attempt durable, or raise NotNow."""

    def settle(self, envelope: Envelope, outcome: Outcome) -> None:
        """What became of a message that was given; each is settled once."""


def in_reply(words: str, command: str) -> str:
    """A server's no, with the step at which it said so, as Postfix writes it: the rules by which refusals are
    judged know how to read that.
    """
    return f"{words[:_LONGEST_NO]} (in reply to {command} command)"


# A server says the same few words again and again.
@lru_cache(maxsize=256)
def outcome_of_dot(code: int, words: str) -> Outcome:
    """What became of a message whose dot got this reply."""
    accepted = 200 <= code < 300
    return outcome_of(code, words if accepted else in_reply(words, "end of DATA"))


def wire_form(message: bytes) -> bytes:
    """The message as DATA carries it: CRLF only, dots stuffed, and the final dot (RFC 5321 §4.5.2).

    A lone CR or LF never passes: between servers that read it differently it could smuggle a second message.
    """
    ends = message.count(b"\r\n")
    if ends != message.count(b"\n") or ends != message.count(b"\r"):
        message = _LINE_END.sub(b"\r\n", message)
    if b"\r\n." in message or message.startswith(b"."):
        message = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    return message + (b".\r\n" if message.endswith(b"\r\n") or not message else b"\r\n.\r\n")
