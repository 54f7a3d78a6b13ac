"""What an answer means for the sending: whether it is about one reader, about their provider, or about us.

The feedback stage reads whole bounce mails with many more rules. A reply in a session is one line, and all
that has to be known here is whom to leave alone, and for how long.
"""

from __future__ import annotations

import re
from enum import StrEnum

from mailer.delivery.smtp.base import Outcome, Verdict


class Meaning(StrEnum):
    """Each value is the reason that the ledger keeps, where it keeps one."""

    TAKEN = "taken"
    # Nothing was tried that counts.
    NOTHING = "nothing"
    # The dot was sent and no reply was read.
    DOUBT = "in_doubt"
    # No for good, to this reader.
    REFUSED = "refused"
    # Not now, to this reader: greylisting, a mailbox in trouble.
    LATER = "later"
    # This reader's mailbox is full.
    FULL = "mailbox_full"
    # Too many recipients in this session; not even a try.
    TOO_MANY = "too_many"
    # The server has no room or no time; others at this provider would hear the same.
    BUSY = "busy"
    # We send too fast, or are not trusted yet.
    THROTTLED = "throttled"
    # No for good, for what we are or what we send.
    BLOCKED = "blocked"
    # The connection ended before the dot.
    LOST = "connection_lost"


# Answers after which the whole provider is left alone for a while.
OF_PROVIDER = frozenset({Meaning.BUSY, Meaning.THROTTLED, Meaning.BLOCKED})
# Answers that are not a single reader's matter.
NOT_OF_READER = OF_PROVIDER | {Meaning.LOST}

_STATUS = re.compile(r"\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_GREYLISTED = re.compile(r"gr[ea]y-?\s?list", re.IGNORECASE)
_HURRIED = re.compile(
    r"too (many|fast)|rate.?limit|throttl|reputation|defer(red|ring) due to|unusual|try slower", re.IGNORECASE
)
# Under 5.7.x, and yet about the reader alone.
_OF_READER = re.compile(
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
_ALREADY: dict[Verdict, Meaning] = {
    Verdict.ACCEPTED: Meaning.TAKEN,
    Verdict.IN_DOUBT: Meaning.DOUBT,
    Verdict.UNTOUCHED: Meaning.NOTHING,
    Verdict.LATER: Meaning.NOTHING,
}


def meaning_of(outcome: Outcome) -> Meaning:
    """What an outcome means, by its code, its enhanced code (RFC 3463), and only then its words."""
    known = _ALREADY.get(outcome.verdict)
    if known is not None:
        return known
    found = _STATUS.match(outcome.words)
    status = found[1][2:] if found else ""
    if outcome.verdict is Verdict.REFUSED:
        return _permanent(status, outcome.words)
    return _passing(outcome.code, status, outcome.words)


def _permanent(status: str, words: str) -> Meaning:
    if status.startswith("7."):
        return Meaning.REFUSED if _OF_READER.search(words) else Meaning.BLOCKED
    if status == "2.2":
        return Meaning.FULL
    if not status and _BLOCKING.search(words) and not _OF_READER.search(words):
        return Meaning.BLOCKED
    return Meaning.REFUSED


def _passing(code: int, status: str, words: str) -> Meaning:
    if not code:
        return Meaning.LOST
    if _GREYLISTED.search(words):
        return Meaning.LATER
    if status == "2.2":
        return Meaning.FULL
    if status == "5.3":
        return Meaning.TOO_MANY
    if code == 421 or status.startswith("7.") or (not status and _HURRIED.search(words)):
        return Meaning.THROTTLED
    # 3.x: the mail system; 4.5: congestion.
    if status.startswith("3.") or status == "4.5" or (code == 452 and not status):
        return Meaning.BUSY
    return Meaning.LATER
