"""How many subscribers match a rule: counted by the worker, counted now, or estimated from a sample.

Counting the matches among a million subscribers takes seconds, and no page waits for that unless asked to.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from subscribers.models import Subscriber, Subscription
from subscribers.segments import mailing_audience_query
from subscribers.segments.models import RuleCount
from subscribers.segments.rule_format import Group, InvalidRule, to_json
from subscribers.segments.segments import expand, matching_subscribers

# With no more subscribers in all than these, every rule is counted for each page.
COUNTED_LIVE = 10_000
# So many subscribers are looked at for an estimate.
SAMPLE_SIZE = 5_000
# With fewer matches in the sample, no more than an upper bound is known.
_MIN_MATCHES = 20
# With fewer matches in the sample, one figure of the estimate is significant, otherwise two.
_PRECISE = 100
_SHOWN = 8
# Primary keys that one statement of a count looks at.
_RANGE = 100_000
# An older count of the worker is not shown, and deleted.
KEPT_FOR = timedelta(days=1)
# When the worker counts again: counting takes at most a hundredth of its time.
_REFRESHED_AFTER = timedelta(minutes=5)
_REST = 100


@dataclass(frozen=True)
class Estimate:
    """How many subscribers match a rule."""

    matching: int
    # How many of them are confirmed on a list and not suppressed.
    reachable: int
    # Whether they were counted; False: extrapolated from a sample.
    exact: bool
    # Some who match.
    sample: Sequence[Subscriber]
    # When the worker counted them (aware); None: now.
    counted_at: datetime | None = None
    # Whether the sample shows no more than that there are fewer than `matching`.
    upper_bound: bool = False


class _Counted(NamedTuple):
    matching: int
    reachable: int
    # Primary keys of the newest who match.
    newest: list[int]


def estimate(rule: Group, now: datetime, *, exact: bool = False) -> Estimate:
    """How many match as of `now`; with `exact` counted now, however long that takes. Raises InvalidRule."""
    found = matching_subscribers(rule, now)
    if exact or _are_few():
        counted = _count(found, lambda: False)
        assert counted is not None
        return Estimate(counted.matching, counted.reachable, True, _subscribers(counted.newest))
    kept = kept_count(rule, now)
    if kept is None:
        return _extrapolated(found)
    return Estimate(kept.matching, kept.reachable, True, _subscribers(kept.newest), kept.counted_at)


def kept_count(rule: Group, now: datetime) -> RuleCount | None:
    """The worker's count, if it is not too old to be shown. Raises InvalidRule."""
    return RuleCount.objects.filter(key=_key(rule), counted_at__gt=now - KEPT_FOR).first()


def refresh_stale_counts(
    rules: Sequence[Group], clock: Callable[[], datetime], stop: Callable[[], bool]
) -> int:
    """Count those rules again whose count is old, unless pages count them; how many. For the worker."""
    counted = 0
    if not _are_few():
        kept = RuleCount.objects.in_bulk([_key(rule) for rule in rules], field_name="key")
        seconds = sum(one.seconds for one in kept.values())
        for key, rule in {_key(rule): rule for rule in rules}.items():
            if stop():
                break
            if key not in kept or is_due(kept[key].counted_at, seconds, clock()):
                counted += _refresh_one(key, rule, clock(), stop)
    RuleCount.objects.filter(counted_at__lt=clock() - KEPT_FOR).delete()
    return counted


def is_due(counted_at: datetime, count_seconds: float, now: datetime) -> bool:
    """Whether the worker should count again what it counted then, in so many seconds."""
    return now - counted_at >= max(_REFRESHED_AFTER, timedelta(seconds=count_seconds * _REST))


def _refresh_one(key: str, rule: Group, now: datetime, stop: Callable[[], bool]) -> bool:
    started = time.monotonic()
    try:
        found = _count(matching_subscribers(rule, now), stop)
    except InvalidRule:
        # The segment's page says so.
        return False
    if found is None:
        return False
    counts = {**found._asdict(), "counted_at": now, "seconds": time.monotonic() - started}
    RuleCount.objects.update_or_create(key=key, defaults=counts)
    return True


def _are_few() -> bool:
    return Subscriber.objects.all()[: COUNTED_LIVE + 1].count() <= COUNTED_LIVE


def _key(rule: Group) -> str:
    """Raises InvalidRule."""
    return hashlib.sha256(json.dumps(to_json(expand(rule)), sort_keys=True).encode()).hexdigest()


def _count(found: QuerySet[Subscriber], stop: Callable[[], bool]) -> _Counted | None:
    """The count in one pass by primary key, newest first; None if `stop` ended it."""
    matching = reachable = 0
    newest: list[int] = []
    for end in range(_last_key(), 0, -_RANGE):
        if stop():
            return None
        part = found.filter(pk__gt=end - _RANGE, pk__lte=end)
        counts = part.aggregate(matching=Count("pk"), reachable=Count("pk", filter=_reachable()))
        matching, reachable = matching + counts["matching"], reachable + counts["reachable"]
        if counts["matching"] and len(newest) < _SHOWN:
            newest += part.order_by("-pk").values_list("pk", flat=True)[: _SHOWN - len(newest)]
    return _Counted(matching, reachable, newest)


def _extrapolated(found: QuerySet[Subscriber]) -> Estimate:
    """From one of every so many primary keys; deleted subscribers count neither here nor there."""
    last = _last_key()
    step = max(1, last // SAMPLE_SIZE)
    part = found.filter(pk__in=_drawn(last, step)).annotate(is_reachable=_reachable()).order_by("-pk")
    drawn = list(part.values_list("pk", "is_reachable"))
    sample = _subscribers([pk for pk, _ in drawn[:_SHOWN]])
    count = len(drawn)
    if count < _MIN_MATCHES:
        # A count of `count` in a sample is improbable where more are expected; with none, as for 3 (95 %).
        most = _rounded(math.ceil((count + 2 * math.sqrt(count) + 3) * step), 2)
        return Estimate(most, most, False, sample, upper_bound=True)
    figures = 1 if count < _PRECISE else 2
    reachable = sum(is_reachable for _, is_reachable in drawn)
    return Estimate(_rounded(count * step, figures), _rounded(reachable * step, figures), False, sample)


def _drawn(last: int, step: int) -> list[int]:
    """One primary key of each `step` up to `last`: always the same ones, and without a period."""
    draw = random.Random(0).random  # noqa: S311  (not a secret)
    return [first + int(draw() * step) for first in range(1, last + 1, step)]


def _last_key() -> int:
    return Subscriber.objects.aggregate(last=Max("pk"))["last"] or 0


def _subscribers(keys: Sequence[int]) -> Sequence[Subscriber]:
    """Those of the keys that still exist, newest first, as pages show them."""
    found = Subscriber.objects.filter(pk__in=keys).annotate(
        suppressed=mailing_audience_query.suppressed_condition()
    )
    return list(found.order_by("-pk").prefetch_related("subscriptions"))


def _reachable() -> Q:
    confirmed = Subscription.objects.filter(subscriber=OuterRef("pk"), state=Subscription.State.CONFIRMED)
    return Q(Exists(confirmed)) & ~Q(mailing_audience_query.suppressed_condition())


def _rounded(number: int, figures: int) -> int:
    """To so many significant figures: an estimate must not look like a count."""
    return round(number, figures - len(str(number)))
