"""The summary of a mailing in two sentences: what was delivered, and how the recipients responded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mailer.reports.labels import count_phrase, format_number, format_percent, join_list
from mailer.reports.stats import Stats

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
    "disabled": _CLOSED,
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
