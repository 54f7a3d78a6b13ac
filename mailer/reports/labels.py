"""Reasons, classes and numbers in words for staff."""

from __future__ import annotations

from collections.abc import Sequence

_REASONS = {
    "": "",
    # Left out.
    "suppressed": "the address is suppressed",
    "unconfirmed": "never confirmed the subscription",
    "unsubscribed": "unsubscribed before it was sent",
    "paused": "asked to get nothing until a later day",
    "no_stories": "no story was for this reader's countries",
    "cancelled": "the mailing was cancelled before their turn",
    "erased": "erased at their request",
    "no reason kept": "no reason was kept",
    # Refused, or returned.
    "refused": "the receiving server turned it down for good",
    "expired": "the server kept putting it off until time ran out",
    "unknown_user": "the address does not exist",
    "bad_domain": "the part after the @ does not exist",
    "bad_syntax": "the address is not written as one",
    "disabled": "the mailbox was closed",
    "moved": "the reader has moved to another address",
    "mailbox_full": "the mailbox is full",
    "temporary": "the receiving server was in trouble",
    "network": "the receiving server could not be reached",
    "too_large": "the mail was too large for it",
    "over_rate": "too much mail for this reader at a time",
    "unconfirmed_user": "called unknown, but not in a way that can be relied on",
    "suspended": "the mailbox is suspended",
    "spam_content": "the mail was taken for spam",
    "reputation": "our server or domain is not trusted",
    "authentication": "the mail could not be proved to be ours",
    "policy": "the receiving server's own rules forbid it",
    "sender_rejected": "the receiving server does not accept our sender",
    "relay_denied": "the receiving server says that the address is not its own",
    "on_service_list": "the service that sends for us keeps the address on a list and did not write to it",
    "unknown": "the server's words were not understood",
    "bounced": "accepted first, and came back later",
    # Left, and said why.
    "too_often": "it comes too often",
    "not_for_me": "it is not about what they need",
    "wrong_language": "it is not in their language",
    "never_asked": "they never asked for it",
    "read_elsewhere": "they read it elsewhere",
    # Not yet.
    "planned": "not sent yet",
    "claimed": "being sent at this moment",
    "deferred": "the receiving server asked to try again later",
    "later": "the receiving server asked to try again later",
    "waiting": "waits for its time",
    "busy": "the receiving server was busy",
    "throttled": "the receiving server asked us to go slower",
    "blocked": "the receiving server blocks our mail",
    "too_many": "the receiving server takes only some at a time",
    "provider_rate_limit": "waits: their provider takes only so many of ours at a time",
    "slow_provider": "waits: their provider answers slowly",
    "connection_lost": "the connection broke off",
    "in_doubt": "handed over, and no answer came: it may have arrived",
}


def reason_words(reason: str) -> str:
    """A reason as the ledger keeps it, in words; an unknown one with its underscores as spaces."""
    return _REASONS.get(reason, reason.replace("_", " "))


# What a class of failures is called, and what it means for the address.
CLASSES: dict[str, tuple[str, str]] = {
    "hard": ("Dead address", "no mail will ever arrive there"),
    "soft": ("Passing trouble", "the next edition may arrive"),
    "block": ("Blocked", "the address is good; our mail was not wanted"),
    "unknown": ("Not understood", "the server's words say too little"),
}


def number(count: int) -> str:
    """A count as people read it: 12 345."""
    return f"{count:,}".replace(",", "\u202f")


def percent(share: float) -> str:
    """A share in words: what exists is never rounded to nothing, what is missing never to all."""
    if 0 < share < 0.0001:
        return "under 0.01 %"
    if 0.999 < share < 1:
        return "over 99.9 %"
    # Of complaints, a tenth of a per cent is much.
    written = f"{share * 100:.2f}" if share < 0.01 else f"{share * 100:.1f}"
    return f"{written.rstrip('0').rstrip('.')} %"


def counted(count: int, one: str, many: str) -> str:
    """ "1 reader", "12 readers"."""
    return f"{number(count)} {one if count == 1 else many}"


def listed(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
