"""The ledger's reasons in words for staff."""

from __future__ import annotations

_REASONS = {
    "": "",
    # Left out.
    "suppressed": "the address is suppressed",
    "unconfirmed": "never confirmed the subscription",
    "unsubscribed": "unsubscribed before it was sent",
    "no_stories": "no story was for this reader's countries",
    "cancelled": "the mailing was cancelled before their turn",
    "erased": "erased at their request",
    "no reason kept": "no reason was kept",
    # Refused, or returned.
    "refused": "the receiving server turned it down for good",
    "expired": "the server kept putting it off until time ran out",
    "unknown_user": "the address does not exist",
    "mailbox_full": "the mailbox is full",
    "bounced": "accepted first, and came back later",
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
    "provider_limits_us": "waits: their provider takes only so many of ours at a time",
    "slow_provider": "waits: their provider answers slowly",
    "connection_lost": "the connection broke off",
    "in_doubt": "handed over, and no answer came: it may have arrived",
}


def reason_words(reason: str) -> str:
    """A reason as the ledger keeps it, in words; an unknown one with its underscores as spaces."""
    return _REASONS.get(reason, reason.replace("_", " "))
