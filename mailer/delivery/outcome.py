"""What an attempt to send a message came to, as the class of the SMTP reply (RFC 5321, RFC 3463).

The class says whom the reply is about: the recipient, the recipient's mailbox provider, or us. This is the
only vocabulary of the SMTP and ESP clients; the ledger translates it into a delivery's state. The feedback
stage reads whole bounce messages with many more rules. A reply in a session is one line, and sending needs to
know only whom to leave alone, and for how long.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple


class ReplyClass(StrEnum):
    """The ledger keeps the value as the reason of a delivery that is refused or deferred."""

    # The server took the message. It may still bounce.
    ACCEPTED = "accepted"
    # The final dot was sent and no reply was read.
    IN_DOUBT = "in_doubt"
    # Nothing was tried that counts: the connection had ended before, or the caller held the message back.
    NOT_TRIED = "not_tried"
    # Nothing was tried: the recipient's provider is slow, and others go first.
    PROVIDER_SLOW = "provider_slow"
    # The relay rejected our sender address, or the message for every recipient: nothing was tried.
    SENDER_REJECTED = "sender_rejected"
    # Permanent, and about our commands or their parameters: a recipient is not to blame.
    COMMAND_REJECTED = "command_rejected"
    # Permanent, about this recipient or this message.
    REFUSED = "refused"
    # Temporary, about this recipient: greylisting, a mailbox in trouble.
    TRY_LATER = "later"
    # This recipient's mailbox is full; permanent with a 5yz code.
    MAILBOX_FULL = "mailbox_full"
    # Too many recipients in this session; not counted as an attempt.
    TOO_MANY_RECIPIENTS = "too_many"
    # The server has no room or no time; others at this provider would get the same reply.
    BUSY = "busy"
    # We send too fast, or are not trusted yet.
    THROTTLED = "throttled"
    # Permanent, because of our reputation or the content.
    BLOCKED = "blocked"
    # The connection ended before the final dot.
    CONNECTION_LOST = "connection_lost"


# After these replies the whole provider is left alone for a while.
PROVIDER_WIDE = frozenset({ReplyClass.BUSY, ReplyClass.THROTTLED, ReplyClass.BLOCKED})
# Nothing was sent to the recipient's server, or its reply is still unknown.
_NO_REPLY = frozenset(
    {ReplyClass.IN_DOUBT, ReplyClass.NOT_TRIED, ReplyClass.PROVIDER_SLOW, ReplyClass.SENDER_REJECTED}
)


class Outcome(NamedTuple):
    reply_class: ReplyClass
    # The server's reply, or our own text where there was none.
    reply: str
    # The reply code; 0 where there was no reply.
    code: int = 0

    @property
    def permanent(self) -> bool:
        """Whether the message was rejected for good."""
        if self.reply_class is ReplyClass.MAILBOX_FULL:
            return self.code >= 500
        return self.reply_class in (ReplyClass.REFUSED, ReplyClass.BLOCKED)

    @property
    def temporary(self) -> bool:
        """Whether the message was not taken for now, which a later attempt may change."""
        return not (
            self.reply_class is ReplyClass.ACCEPTED or self.reply_class in _NO_REPLY or self.permanent
        )


# A server uses the same few replies again and again.
@lru_cache(maxsize=256)
def outcome_of(code: int, reply: str) -> Outcome:
    """The outcome that the reply to a final dot stands for."""
    accepted = 200 <= code < 300
    return Outcome(ReplyClass.ACCEPTED if accepted else classify_rejection(code, reply), reply, code)


def classify_rejection(code: int, reply: str) -> ReplyClass:
    """The class of a reply that does not take the message: by its code, its enhanced status code (RFC 3463),
    and only then its text."""
    found = _STATUS.match(reply)
    # Without the first digit, which repeats that of the code.
    status = found[1][2:] if found else ""
    return _permanent(code, status, reply) if code >= 500 else _temporary(code, status, reply)


_STATUS = re.compile(r"\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_GREYLISTED = re.compile(r"gr[ea]y-?\s?list", re.IGNORECASE)
_THROTTLING = re.compile(
    r"too (many|fast)|rate.?limit|throttl|reputation|defer(red|ring) due to|unusual|try slower", re.IGNORECASE
)
# Under 5.7.x, and yet about the recipient alone.
_ABOUT_RECIPIENT = re.compile(
    r"user unknown|unknown (user|recipient)|no such (user|recipient)|does not exist"
    r"|recipient address rejected"
    r"|not authori[sz]ed to send to|restricted (group|sender|recipient)|mailbox (is )?(disabled|unavailable)",
    re.IGNORECASE,
)
_BLOCKING = re.compile(
    r"block(ed|ing|list)|black-?list|deny-?list|reputation|spam|unsolicited|relay(ing)? (access )?denied"
    r"|not permitted to relay|dmarc|\bspf\b|dkim|policy|banned",
    re.IGNORECASE,
)


# Without an enhanced status code: syntax errors, commands and parameters that the server does not know, and
# commands in the wrong order (RFC 5321 §4.2.2).
_COMMAND_CODES = frozenset({500, 501, 502, 503, 504, 555})
# Some servers answer an address that they cannot parse with such a code.
_ABOUT_ADDRESS = re.compile(
    r"(malformed|invalid|illegal|bad|unqualified|missing)\W.{0,40}"
    r"(address|recipient|mailbox|domain|local part)"
    r"|(address|recipient|mailbox|domain|local part)\W.{0,40}(malformed|invalid|illegal|missing|rejected)"
    r"|must (be|have|contain) an? (fully.qualified )?(address|domain)",
    re.IGNORECASE,
)


def _permanent(code: int, status: str, reply: str) -> ReplyClass:
    if _is_about_command(code, status, reply):
        return ReplyClass.COMMAND_REJECTED
    if status.startswith("7."):
        return ReplyClass.REFUSED if _ABOUT_RECIPIENT.search(reply) else ReplyClass.BLOCKED
    if status == "2.2":
        return ReplyClass.MAILBOX_FULL
    if not status and _BLOCKING.search(reply) and not _ABOUT_RECIPIENT.search(reply):
        return ReplyClass.BLOCKED
    return ReplyClass.REFUSED


def _is_about_command(code: int, status: str, reply: str) -> bool:
    """Whether it rejects what we sent as a command, and not the address in it."""
    # 5.x: the protocol.
    found = status.startswith("5.") if status else code in _COMMAND_CODES
    return found and not (_ABOUT_RECIPIENT.search(reply) or _ABOUT_ADDRESS.search(reply))


def _temporary(code: int, status: str, reply: str) -> ReplyClass:
    if _GREYLISTED.search(reply):
        return ReplyClass.TRY_LATER
    if status == "2.2":
        return ReplyClass.MAILBOX_FULL
    if status == "5.3":
        return ReplyClass.TOO_MANY_RECIPIENTS
    if code == 421 or status.startswith("7.") or (not status and _THROTTLING.search(reply)):
        return ReplyClass.THROTTLED
    # 3.x: the mail system; 4.5: congestion.
    if status.startswith("3.") or status == "4.5" or (code == 452 and not status):
        return ReplyClass.BUSY
    return ReplyClass.TRY_LATER
