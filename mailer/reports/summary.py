"""A mailing in two sentences: did it arrive, and what did its readers make of it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mailer.reports.labels import counted, listed, number, percent
from mailer.reports.stats import Counts

# How failures are told of: the reasons, and what is said of one and of several readers.
_GONE = ("address does not exist", "addresses do not exist")
_CLOSED = ("mailbox was closed", "mailboxes were closed")
_FULL = ("mailbox is full", "mailboxes are full")
_BLOCKED = ("was blocked", "were blocked")
_OTHER = ("failed for another reason", "failed for other reasons")
_BY_REASON = {
    "unknown_user": _GONE,
    "bad_domain": _GONE,
    "bad_syntax": _GONE,
    "disabled": _CLOSED,
    "moved": _CLOSED,
    "mailbox_full": _FULL,
}


def summary(counts: Counts, read: str = "") -> tuple[str, ...]:
    """At most two sentences; `read` says what was clicked, if anything did.

    Without an audience there is one sentence, and nobody can react to what nobody got.
    """
    account = counts.account
    if not account.audience:
        return ("Nobody was in the audience.",)
    arrived = _arrived(counts)
    return (arrived, _reacted(counts, read)) if account.accepted else (arrived,)


def _arrived(counts: Counts) -> str:
    account = counts.account
    reached, audience = account.accepted - account.bounced, number(account.audience)
    if account.planned + account.claimed + account.deferred:
        head = f"{number(reached)} of {audience} readers have it so far; {number(account.unsettled)} wait"
        return f"{head}."
    if reached == account.audience:
        head = "Reached the only reader" if reached == 1 else f"Reached all {audience} readers"
    else:
        head = f"Reached {number(reached)} of {audience} readers ({percent(reached / account.audience)})"
    missing = list(_missing(counts))
    return f"{head}; {listed(missing)}." if missing else f"{head}."


def _missing(counts: Counts) -> Iterator[str]:
    found: Counter[tuple[str, str]] = Counter()
    for failure in counts.failures:
        other = _BLOCKED if failure.bounce_class == "block" else _OTHER
        found[_BY_REASON.get(failure.reason, other)] += failure.readers
    for words in (_GONE, _CLOSED, _FULL, _BLOCKED, _OTHER):
        if found[words]:
            yield counted(found[words], *words)
    if left_out := sum(counts.account.excluded.values()):
        yield counted(left_out, "was left out", "were left out")
    if counts.account.in_doubt:
        yield counted(counts.account.in_doubt, "is in doubt", "are in doubt")


def _reacted(counts: Counts, read: str) -> str:
    account, left = counts.account, sum(counts.left.values())
    if not account.complained and not left:
        told = "nobody marked it as unwanted or unsubscribed"
    else:
        share = f" ({percent(account.complained / account.accepted)})" if account.complained else ""
        told = f"{_who(account.complained)} marked it as unwanted{share}, and {_who(left)} unsubscribed"
    words = f"{read}; {told}" if read else told
    return f"{words[0].upper()}{words[1:]}."


def _who(count: int) -> str:
    return number(count) if count else "nobody"
