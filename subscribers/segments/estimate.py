"""How many people fit a rule, and some of them: counted, or with many people told from a part of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, Max, OuterRef, QuerySet

from subscribers.models import Subscriber, Subscription
from subscribers.segments import audience, compile
from subscribers.segments.rules import Group

# So many people are looked at; with fewer in all, every one of them.
LOOKED_AT = 5_000
# With fewer found among them, all are counted.
_TOO_FEW = 100
_SHOWN = 8


@dataclass(frozen=True)
class Estimate:
    """Who fits a rule."""

    # How many, and how many of them are confirmed on a list and not suppressed.
    people: int
    readers: int
    # False: told from a part of them.
    exact: bool
    # Some who fit.
    some: Sequence[Subscriber]


def estimate(rule: Group, now: datetime, *, exactly: bool = False) -> Estimate:
    """Who fits as of `now`; raises BadRule."""
    fitting = compile.people(rule, now)
    last = Subscriber.objects.aggregate(last=Max("pk"))["last"] or 0
    step = 1 if exactly else max(1, last // LOOKED_AT)
    if step > 1:
        # One of every so many numbers; where nobody has such a number any more, nobody had to be counted.
        part = fitting.filter(pk__in=_drawn(last, step))
        found = part.count()
        if found >= _TOO_FEW:
            return Estimate(
                _rounded(found * step), _rounded(_reachable(part).count() * step), False, _some(part)
            )
    return Estimate(fitting.count(), _reachable(fitting).count(), True, _some(fitting))


def _drawn(last: int, step: int) -> list[int]:
    """One number of each `step` up to `last`: always the same, and in no rhythm that people may have."""
    draw = random.Random(0).random  # noqa: S311  (nobody gains by foreseeing it)
    return [first + int(draw() * step) for first in range(1, last + 1, step)]


def _some(people: QuerySet[Subscriber]) -> Sequence[Subscriber]:
    found = people.order_by("-pk").annotate(suppressed=audience.suppressed())
    return list(found.prefetch_related("subscriptions")[:_SHOWN])


def _reachable(people: QuerySet[Subscriber]) -> QuerySet[Subscriber]:
    confirmed = Subscription.objects.filter(subscriber=OuterRef("pk"), state=Subscription.State.CONFIRMED)
    return people.filter(Exists(confirmed)).exclude(audience.suppressed())


def _rounded(number: int) -> int:
    """To two figures that mean something: what is estimated must not look counted."""
    return round(number, 2 - len(str(number)))
