"""What a bounce or a complaint leads to: pure rules over one reader's history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

# This many points, over at least this long, without a sign of life, and the address is given up.
SOFT_LIMIT = 5.0
SOFT_SPAN = timedelta(days=14)
# Older bounces are forgotten.
SOFT_MEMORY = timedelta(days=365)
_POINTS = {"soft": 1.0, "hard": 1.0, "unknown": 0.5}

Effect = Literal["none", "suppress", "end"]


@dataclass(frozen=True)
class Past:
    """One bounce of a reader."""

    at: datetime
    # hard, soft, block or unknown.
    bounce_class: str
    # Whether a signed token named the reader; what anybody could have written only ever counts as soft.
    proved: bool
    # The delivery it is about: several reports about one copy are one bounce. None without proof.
    delivery: int | None = None


@dataclass(frozen=True)
class Verdict:
    # none; suppress: mail this address no more; end: also end every subscription.
    effect: Effect
    # A Suppression.Reason, "" without effect.
    reason: str = ""
    # Why, in words that stand in the evidence.
    because: str = ""


NOTHING = Verdict("none")


def on_bounce(new: Past, before: Iterable[Past], alive: Sequence[datetime]) -> Verdict:
    """The verdict on a new bounce, given the reader's earlier ones and their signs of life (aware UTC)."""
    if new.bounce_class == "hard" and new.proved:
        return Verdict("suppress", "hard_bounce", "a signed bounce says that the address does not exist")
    if new.bounce_class not in _POINTS:
        return NOTHING
    since = max([moment for moment in alive if moment <= new.at], default=None)
    counted = _distinct(
        past
        for past in (*before, new)
        if past.at >= new.at - SOFT_MEMORY
        and (since is None or past.at > since)
        and past.bounce_class in _POINTS
    )
    points = sum(_POINTS[past.bounce_class] for past in counted)
    span = new.at - min(past.at for past in counted)
    if points < SOFT_LIMIT or span < SOFT_SPAN:
        return NOTHING
    return Verdict(
        "suppress",
        "soft_bounces",
        f"{len(counted)} bounces in {span.days} days without a sign of life between them",
    )


def on_complaint(proved: bool) -> Verdict:
    """A complaint is final; one that nothing proves is kept for a person, and silences nobody."""
    if not proved:
        return NOTHING
    return Verdict("end", "complaint", "the reader's provider reports that they marked the mail as unwanted")


def _distinct(bounces: Iterable[Past]) -> list[Past]:
    """One bounce for each copy, and without proof one for each day: repeating a report adds nothing."""
    kept: dict[object, Past] = {}
    for past in bounces:
        kept.setdefault(past.delivery if past.delivery is not None else past.at.date(), past)
    return list(kept.values())
