"""What follows from all that came back about one reader: pure rules over their history.

A history is looked at as a whole, in the order in which things happened. So it makes no difference in which
order they became known, and telling the same thing twice adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

# So many points, over at least this long, without a sign of life between them, and the address is given up.
SOFT_LIMIT = 5.0
SOFT_SPAN = timedelta(days=14)
# A bounce counts in full for a year; then it fades, and is forgotten.
FULL = timedelta(days=365)
FORGOTTEN = timedelta(days=540)
_POINTS = {"soft": 1.0, "hard": 1.0, "unknown": 0.5}
# Whoever has read us for so long, and took so many copies, is asked before soft bounces end the address.
LONG_STANDING, MANY_COPIES = timedelta(days=365), 10
# Nobody is asked again within this time.
PROBE_PAUSE = timedelta(days=90)

# hold: a person decides; probe: write once and see what comes back; suppress: mail this address no more;
# end: that, and end every subscription.
Effect = Literal["none", "hold", "probe", "suppress", "end"]
Rule = Literal["", "complaint", "hard_bounce", "two_hard_bounces", "soft_bounces"]


@dataclass(frozen=True)
class Sign:
    """One bounce or complaint of a reader."""

    # Number of its event.
    event: int
    # "bounce" or "complaint".
    kind: str
    # hard, soft, block or unknown; "" for a complaint.
    bounce_class: str
    # Whether nobody else could have written it (records.PROOFS).
    proved: bool
    # When the copy left that it is about; where that is not known, when it came. Aware UTC.
    at: datetime
    # The delivery it is about: several reports about one copy are one bounce.
    delivery: int | None = None


@dataclass(frozen=True)
class History:
    """All that is known about one reader."""

    signs: tuple[Sign, ...] = ()
    # The latest sign of life: a copy left then and never came back, or the reader themselves acted.
    alive_at: datetime | None = None
    # When a verdict about them was last taken back or dropped: what left before then is no evidence any more.
    pardoned_at: datetime | None = None
    # When they were last asked whether their address still works.
    asked_at: datetime | None = None
    # Since when they have been with us, and how many copies they took.
    since: datetime | None = None
    copies: int = 0


@dataclass(frozen=True)
class Judgement:
    effect: Effect
    rule: Rule = ""
    # Why, in words for staff.
    because: str = ""
    # Numbers of the events that counted.
    counted: tuple[int, ...] = ()


NOTHING = Judgement("none")


def judge(history: History) -> Judgement:
    """What the history leads to. The strongest rule that applies decides.

    A bounce counts only when it is about a copy that left after the latest sign of life. What anybody could
    have written never ends an address: it makes us ask the reader, or a person.
    """
    signs = [sign for sign in history.signs if _after(sign, history.pardoned_at)]
    complaints = [sign for sign in signs if sign.kind == "complaint"]
    bounces = _distinct(
        sign for sign in signs if sign.bounce_class in _POINTS and _after(sign, history.alive_at)
    )
    proved = [sign for sign in bounces if sign.proved]
    for rule in (
        _complaint(complaints),
        _hard(proved),
        _soft(proved, history),
        _unproved_hard(bounces, history),
        _unproved_soft(bounces, history),
        _unproved_complaint(complaints),
    ):
        if rule.effect != "none":
            return rule
    return NOTHING


def _complaint(complaints: list[Sign]) -> Judgement:
    proved = [sign.event for sign in complaints if sign.proved]
    if not proved:
        return NOTHING
    because = "The reader's provider reports that they marked the mail as unwanted."
    return Judgement("end", "complaint", because, (min(proved),))


def _unproved_complaint(complaints: list[Sign]) -> Judgement:
    if not complaints:
        return NOTHING
    because = "A complaint names this reader, but nothing in it proves that it is genuine."
    return Judgement("hold", "complaint", because, (min(sign.event for sign in complaints),))


def _hard(proved: list[Sign]) -> Judgement:
    hard = [sign for sign in proved if sign.bounce_class == "hard"]
    if not hard:
        return NOTHING
    because = "The receiving server says that the address does not exist."
    return Judgement("suppress", "hard_bounce", because, (hard[0].event,))


def _soft(proved: list[Sign], history: History) -> Judgement:
    run = _crossing(proved)
    if not run:
        return NOTHING
    effect: Effect = "suppress"
    if _is_long_standing(history, run[-1].at) and not _asked_lately(history, run[-1].at):
        effect = "probe"
    return Judgement(effect, "soft_bounces", _run_in_words(run), tuple(sign.event for sign in run))


def _unproved_hard(bounces: list[Sign], history: History) -> Judgement:
    hard = [sign for sign in bounces if sign.bounce_class == "hard"]
    if len({sign.at.date() for sign in hard}) < 2 or _asked_lately(history, hard[-1].at):
        return NOTHING
    because = (
        "Bounces on different days say that the address does not exist, but nothing proves them genuine."
    )
    return Judgement("probe", "two_hard_bounces", because, tuple(sign.event for sign in hard))


def _unproved_soft(bounces: list[Sign], history: History) -> Judgement:
    run = _crossing(bounces, history.asked_at + PROBE_PAUSE if history.asked_at else None)
    if not run:
        return NOTHING
    because = f"{_run_in_words(run)} Not all of them are proved genuine."
    return Judgement("probe", "soft_bounces", because, tuple(sign.event for sign in run))


def _crossing(bounces: list[Sign], earliest: datetime | None = None) -> list[Sign]:
    """The bounces up to the first moment at which they are too many for too long; none without one."""
    for place, last in enumerate(bounces):
        if earliest is not None and last.at < earliest:
            continue
        run = [sign for sign in bounces[: place + 1] if last.at - sign.at < FORGOTTEN]
        points = sum(_points(sign, last.at) for sign in run)
        if points >= SOFT_LIMIT and last.at - run[0].at >= SOFT_SPAN:
            return run
    return []


def _points(sign: Sign, when: datetime) -> float:
    fading = max(when - sign.at - FULL, timedelta(0)) / (FORGOTTEN - FULL)
    return _POINTS[sign.bounce_class] * max(1 - fading, 0.0)


def _distinct(bounces: Iterable[Sign]) -> list[Sign]:
    """One bounce for each copy, and where the copy is not known one for each day; in order of time."""
    kept: dict[object, Sign] = {}
    for sign in sorted(bounces, key=_weight, reverse=True):
        # What is proved and what is not stand apart: a forged report must not hide a genuine one.
        kept.setdefault(sign.delivery if sign.delivery is not None else (sign.at.date(), sign.proved), sign)
    return sorted(kept.values(), key=lambda sign: (sign.at, sign.event))


def _weight(sign: Sign) -> tuple[bool, float, float, int]:
    """Which of several reports about one copy speaks for it: the heaviest, then the earliest."""
    return sign.bounce_class == "hard", _POINTS[sign.bounce_class], -sign.at.timestamp(), -sign.event


def _after(sign: Sign, moment: datetime | None) -> bool:
    return moment is None or sign.at > moment


def _is_long_standing(history: History, when: datetime) -> bool:
    known_for = when - history.since if history.since else timedelta(0)
    return known_for >= LONG_STANDING and history.copies >= MANY_COPIES


def _asked_lately(history: History, when: datetime) -> bool:
    """Whether they had been asked before `when`; what led to asking them is no reason to ask no more."""
    return history.asked_at is not None and history.asked_at < when < history.asked_at + PROBE_PAUSE


def _run_in_words(run: list[Sign]) -> str:
    days = (run[-1].at - run[0].at).days
    return f"{len(run)} copies came back over {days} days, and none arrived in between."
