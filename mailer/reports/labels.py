"""How staff read figures: labels of reasons and bounce classes, numbers, and a mailing's summary in two
sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mailer.reports.stats import Stats

_REASONS = {
    "": "",
    # Excluded.
    "suppressed": "the address is suppressed",
    "unconfirmed": "the subscription is not confirmed",
    "unsubscribed": "unsubscribed before the message was sent",
    "paused": "the subscription is paused until a later day",
    "no_stories": "no story for the subscriber's countries",
    "cancelled": "the mailing was cancelled first",
    "sent_before": "sent by the installation that this one is a copy of",
    "erased": "erased at the subscriber's request",
    "unspecified": "no reason was stored",
    # Refused or bounced.
    "refused": "the receiving server refused the message for good",
    "expired": "the receiving server deferred the message until it expired",
    "unknown_user": "the address does not exist",
    "bad_domain": "the domain does not exist",
    "bad_syntax": "the address is not valid",
    "mailbox_closed": "the mailbox is closed",
    "moved": "the subscriber has moved to another address",
    "mailbox_full": "the mailbox is full",
    "temporary": "the receiving server had a temporary problem",
    "network": "the receiving server could not be reached",
    "too_large": "the message is too large for the receiving server",
    "over_rate": "too much mail for this mailbox at a time",
    "unconfirmed_user": "reported as unknown, but not reliably",
    "suspended": "the mailbox is suspended",
    "spam_content": "the message was classified as spam",
    "reputation": "our server or domain has a bad reputation there",
    "authentication": "the message failed authentication (SPF, DKIM or DMARC)",
    "policy": "a policy of the receiving server forbids the message",
    "sender_rejected": "the receiving server does not accept our sender",
    "sender_account": "our account at the relay or service is blocked or over its limit",
    "relay_denied": "the receiving server does not handle mail for this address",
    "on_service_list": "the ESP did not send the message: its own list has the address",
    "unknown": "the reply of the server was not understood",
    "bounced": "accepted first, and bounced later",
    # Unsubscribed, with the reason that the subscriber gave.
    "too_often": "it comes too often",
    "not_for_me": "it is not about what they need",
    "wrong_language": "it is not in their language",
    "never_asked": "they never asked for it",
    "read_elsewhere": "they read it elsewhere",
    # Pending.
    "planned": "not sent yet",
    "claimed": "being sent",
    "deferred": "the receiving server asked to try again later",
    "later": "the receiving server asked to try again later",
    "waiting": "waits for its time",
    "busy": "the receiving server was busy",
    "throttled": "the receiving server asked us to slow down",
    "blocked": "the receiving server blocks our mail",
    "too_many": "the receiving server accepts only some messages at a time",
    "provider_rate_limit": "waits: the mailbox provider limits our rate",
    "slow_provider": "waits: the mailbox provider answers slowly",
    "connection_lost": "the connection was lost",
    "in_doubt": "handed over without a reply: the message may have arrived",
}

# Name of each bounce class, and what it means for the address.
BOUNCE_CLASS_LABELS: dict[str, tuple[str, str]] = {
    "hard": ("Hard bounce", "no mail will ever arrive there"),
    "soft": ("Soft bounce", "the next edition may arrive"),
    "block": ("Block", "the address is good; our mail was blocked for reputation or content"),
    "unknown": ("Unknown", "the server's reply says too little"),
}


def reason_label(reason: str) -> str:
    """The label of a reason as the ledger stores it; an unknown one with its underscores as spaces."""
    return _REASONS.get(reason, reason.replace("_", " "))


def format_number(count: int) -> str:
    """A count with narrow spaces between thousands: 12 345."""
    return f"{count:,}".replace(",", "\u202f")


def format_percent(share: float) -> str:
    """A share (0 to 1) in per cent, never rounded to nothing or to all."""
    if 0 < share < 0.0001:
        return "under 0.01 %"
    if 0.999 < share < 1:
        return "over 99.9 %"
    # Among complaints, a tenth of a per cent is much.
    digits = f"{share * 100:.2f}" if share < 0.01 else f"{share * 100:.1f}"
    return f"{digits.rstrip('0').rstrip('.')} %"


def count_phrase(count: int, one: str, many: str) -> str:
    """ "1 recipient", "12 recipients"."""
    return f"{format_number(count)} {one if count == 1 else many}"


def join_list(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


# How groups of failures are named, for one recipient and for several.
_UNKNOWN_ADDRESS = ("address does not exist", "addresses do not exist")
_CLOSED = ("mailbox is closed", "mailboxes are closed")
_FULL = ("mailbox is full", "mailboxes are full")
_BLOCKED = ("message was blocked", "messages were blocked")
_OTHER = ("message failed for another reason", "messages failed for other reasons")
_BY_REASON = {
    "unknown_user": _UNKNOWN_ADDRESS,
    "bad_domain": _UNKNOWN_ADDRESS,
    "bad_syntax": _UNKNOWN_ADDRESS,
    "mailbox_closed": _CLOSED,
    "moved": _CLOSED,
    "mailbox_full": _FULL,
}


def summary(stats: Stats, engagement: str = "") -> tuple[str, ...]:
    """At most two sentences: what was delivered, and how the recipients responded.

    `engagement`: a phrase about clicks; empty where nothing is known. Without an audience, or without
    accepted deliveries, there is only one sentence.
    """
    totals = stats.totals
    if not totals.audience:
        return ("The audience was empty.",)
    delivered = _delivered(stats)
    return (delivered, _responses(stats, engagement)) if totals.accepted else (delivered,)


def _delivered(stats: Stats) -> str:
    totals = stats.totals
    delivered, audience = totals.accepted - totals.bounced, format_number(totals.audience)
    if totals.planned + totals.claimed + totals.deferred:
        pending = format_number(totals.pending)
        return (
            f"Delivered to {format_number(delivered)} of {audience} recipients so far; {pending} are pending."
        )
    if delivered == totals.audience:
        head = (
            "Delivered to the only recipient" if delivered == 1 else f"Delivered to all {audience} recipients"
        )
    else:
        share = format_percent(delivered / totals.audience)
        head = f"Delivered to {format_number(delivered)} of {audience} recipients ({share})"
    missing = list(_not_delivered(stats))
    return f"{head}; {join_list(missing)}." if missing else f"{head}."


def _not_delivered(stats: Stats) -> Iterator[str]:
    found: Counter[tuple[str, str]] = Counter()
    for failure in stats.failures:
        other = _BLOCKED if failure.bounce_class == "block" else _OTHER
        found[_BY_REASON.get(failure.reason, other)] += failure.recipients
    for group in (_UNKNOWN_ADDRESS, _CLOSED, _FULL, _BLOCKED, _OTHER):
        if found[group]:
            yield count_phrase(found[group], *group)
    if excluded := sum(stats.totals.excluded.values()):
        yield count_phrase(excluded, "was excluded", "were excluded")
    if stats.totals.in_doubt:
        yield count_phrase(stats.totals.in_doubt, "is in doubt", "are in doubt")


def _responses(stats: Stats, engagement: str) -> str:
    totals, unsubscribes = stats.totals, sum(stats.unsubscribes.values())
    if not totals.complained and not unsubscribes:
        text = "no complaints and no unsubscribes"
    else:
        share = f" ({format_percent(totals.complained / totals.accepted)})" if totals.complained else ""
        complaints = _count_or_no(totals.complained, "complaint", "complaints")
        text = f"{complaints}{share} and {_count_or_no(unsubscribes, 'unsubscribe', 'unsubscribes')}"
    sentence = f"{engagement}; {text}" if engagement else text
    return f"{sentence[0].upper()}{sentence[1:]}."


def _count_or_no(count: int, one: str, many: str) -> str:
    return count_phrase(count, one, many) if count else f"no {many}"
