"""How many messages may be sent, and when: sending window, rate limits, warm-up and backoff. Pure arithmetic.

A limit per second spaces messages evenly: the state is the time from which the next may be sent (virtual
scheduling, as in GCRA). A limit per minute, hour or day grants messages at once and counts them in sixtieths
of its period, each until the whole sixtieth is past. So no interval as long as the period ever contains more
messages than the limit, wherever it begins. All times are seconds since 1970.

The warm-up raises the messages a day of a new address or domain until mailbox providers know it.

Backoff slows down for a server that asks for it, and speeds up again (AIMD): each request doubles the wait
and halves the rate after it. Each accepted message raises the rate a little, until no limit is left.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from mailer.backoff import BackoffPolicy
from mailer.config import section_reader

# Messages are granted so many seconds ahead; they wait in memory for their time.
LOOKAHEAD = 1.0
# A grant is void so many seconds after its time. So a worker that was stopped does not send at once what was
# granted to it long ago, and no interval has more messages than its limit and those of this time.
VALIDITY = 1.0
# Seconds by which the clocks of several machines may differ.
_SKEW = 60.0
_PARTS = 60
# Messages a day on the first, second… day of sending. After the last there is no limit.
_ALLOWED = (
    *(50, 100, 250, 500, 1_000, 2_500, 5_000, 7_500, 10_000, 15_000),
    *(20_000, 30_000, 40_000, 55_000, 70_000, 100_000),
)
# A day on which a larger share was deferred is repeated.
_MAX_DEFERRED_SHARE = 0.05
# For a mailbox provider, and for our relay.
PROVIDER = BackoffPolicy(first=60, cap=1_800, jitter=0.1)
RELAY = BackoffPolicy(first=60, cap=600, jitter=0.1)
# Messages a second after the first request, at the least, and from where on there is no limit any more.
_FIRST_RATE, _MIN_RATE, _UNLIMITED_RATE = 10.0, 0.1, 20.0
# A minute of steady sending adds so much to the rate.
_RISE = 1.0
# Seconds after the end of a wait for which the state is remembered, and how far ahead that end can be.
_MEMORY = 3_600.0
_LONGEST_WAIT = max(one.cap * (1 + one.jitter) for one in (PROVIDER, RELAY))


@dataclass(frozen=True)
class SendingWindow:
    """From `start` to `end` on some days; an earlier `end` is past midnight and belongs to the same day."""

    start: time
    end: time
    # Monday is 0.
    days: frozenset[int]
    zone: ZoneInfo

    def is_open(self, now: datetime) -> bool:
        """Whether mail may be sent at `now`, an aware datetime."""
        local = now.astimezone(self.zone)
        clock = local.time()
        today, yesterday = local.weekday(), (local.weekday() - 1) % 7
        if self.start < self.end:
            return self.start <= clock < self.end and today in self.days
        return (clock >= self.start and today in self.days) or (clock < self.end and yesterday in self.days)

    def next_opening(self, now: datetime) -> datetime:
        """When it opens next, an aware UTC datetime: `now` itself if it is open."""
        if self.is_open(now):
            return now
        today = now.astimezone(self.zone).date()
        starts = (datetime.combine(today + timedelta(days=n), self.start, self.zone) for n in range(15))
        # A start that daylight saving time skips comes out later, when the window may be over already.
        return next(
            (at for start in starts if (at := start.astimezone(UTC)) > now and self.is_open(at)),
            now + timedelta(days=1),
        )


def sending_window(hours: str, weekdays: Iterable[str], zone: str) -> SendingWindow | None:
    """The window of [sending] hours and weekdays; None when mail may be sent at any time."""
    days = section_reader.parse_weekdays(weekdays)
    start, end = section_reader.parse_optional_time_range(hours) or (time(), time())
    return None if start == end and len(days) == 7 else SendingWindow(start, end, days, ZoneInfo(zone))


class RateLimit(NamedTuple):
    """At most `most` messages in any `seconds`."""

    most: float
    seconds: float


class Grant(NamedTuple):
    """Permission to send."""

    allowance: int
    # When the first may be sent, and the seconds from each to the next.
    first: float
    gap: float
    # If the allowance is 0: when to ask again, and the limit that was reached.
    retry_at: float = 0.0
    limit: RateLimit | None = None

    def send_times(self) -> Iterator[float]:
        """When each may be sent."""
        return (self.first + number * self.gap for number in range(self.allowance))

    @property
    def last(self) -> float:
        """When the last may be sent."""
        return self.first + (self.allowance - 1) * self.gap


# By a period in seconds: (end of a sixtieth, messages granted in it), oldest first.
WindowCounts = dict[float, list[tuple[float, int]]]


class LimiterState(NamedTuple):
    """The grants that still matter."""

    # When the next message may be sent.
    next: float = 0.0
    counted: WindowCounts = {}

    @classmethod
    def of(cls, data: dict[str, Any]) -> LimiterState:
        """From the result of `data`."""
        counted = data.get("counted", {}).items()
        return cls(data.get("next", 0.0), {float(k): [(end, n) for end, n in v] for k, v in counted})

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {"next": self.next, "counted": {str(k): v for k, v in self.counted.items()}}


def reserve(
    state: LimiterState, limits: Sequence[RateLimit], wanted: int, now: float, min_grant_seconds: float = 0.0
) -> tuple[LimiterState, Grant]:
    """Grant up to `wanted` messages for the next LOOKAHEAD seconds; the new state and the grant.

    Less than `min_grant_seconds` seconds of a limit per second are not granted: several workers that ask
    often would get a few messages each, and claim and record them one by one. If `now` goes back because a
    clock was corrected, counts in its future are dropped.
    """
    gap = max((limit.seconds / limit.most for limit in limits if limit.seconds <= 1), default=0.0)
    # A time further ahead was written by a wrong clock.
    first = max(now, state.next) if state.next < now + LOOKAHEAD + gap + _SKEW else now
    windows = _windows(limits)
    counted = {seconds: _within(state.counted.get(seconds, []), seconds, first) for _, seconds in windows}
    spaced = wanted
    if gap:
        spaced = (
            min(wanted, math.floor((now + LOOKAHEAD - first) / gap) + 1) if first <= now + LOOKAHEAD else 0
        )
    left = [int(limit.most) - sum(n for _, n in counted[limit.seconds]) for limit in windows]
    fewest = min(wanted, max(1, math.floor(min_grant_seconds / gap))) if gap else 1
    count = max(0, min([spaced, *left])) if spaced >= fewest else 0
    if not count:
        spaced_at = first + (fewest - 1) * gap - LOOKAHEAD if gap else now
        return state, _refusal(windows, counted, spaced_at, first, gap)
    last = first + (count - 1) * gap
    for limit in windows:
        _count(counted[limit.seconds], limit.seconds, last, count)
    return LimiterState(last + gap, counted), Grant(count, first, gap)


def give_back(state: LimiterState, grant: Grant, count: int, *, free_times: bool = False) -> LimiterState:
    """The state after so many messages of a grant were not sent.

    `free_times`: they are its last ones, so that their times are free again unless later ones are granted.
    """
    end = grant.last + grant.gap
    if free_times and abs(state.next - end) < 1e-6:
        state = state._replace(next=end - count * grant.gap)
    return state._replace(
        counted={
            seconds: _subtract(parts, seconds / _PARTS, grant.last, count)
            for seconds, parts in state.counted.items()
        }
    )


def used_share(state: LimiterState, limit: RateLimit, now: float) -> float:
    """How much of a limit is used up, from 0 to 1; of one per second, of the time that is granted ahead."""
    if limit.seconds <= 1:
        return min(max(state.next - now, 0.0) / LOOKAHEAD, 1.0)
    (window,) = _windows([limit])
    counted = state.counted.get(window.seconds, [])
    return min(sum(n for end, n in counted if end > now - window.seconds) / window.most, 1.0)


class OutstandingGrants:
    """Which grant each message was sent under, until its outcome is known."""

    def __init__(self) -> None:
        self._grants: dict[int, Grant] = {}

    def add(self, deliveries: Iterable[int], grant: Grant) -> None:
        self._grants.update(dict.fromkeys(deliveries, grant))

    def remove(self, deliveries: Iterable[int]) -> Counter[Grant]:
        """Forget these; how many of each grant they were."""
        if not self._grants:
            return Counter()
        return Counter(grant for one in deliveries if (grant := self._grants.pop(one, None)) is not None)


def slowest_gap(limits: Iterable[RateLimit]) -> float:
    """Seconds between two messages when they are spread evenly over every limit."""
    return max((limit.seconds / limit.most for limit in limits), default=0.0)


def _windows(limits: Iterable[RateLimit]) -> list[RateLimit]:
    """The limits longer than a second in whole messages, the strictest of each period.

    Half a message a minute is one in two minutes.
    """
    whole = [
        limit if limit.most >= 1 else RateLimit(1, limit.seconds / limit.most)
        for limit in limits
        if limit.seconds > 1
    ]
    return list({limit.seconds: limit for limit in sorted(whole, reverse=True)}.values())


def _within(parts: list[tuple[float, int]], seconds: float, start: float) -> list[tuple[float, int]]:
    """The counts that matter at `start`; counts in the future of a corrected clock do not."""
    return [(end, n) for end, n in parts if start - seconds < end < start + seconds + _SKEW]


def _count(parts: list[tuple[float, int]], seconds: float, last: float, count: int) -> None:
    """Count messages in the sixtieth in which the last of them is sent."""
    end = _part_end(seconds, last)
    if parts and parts[-1][0] >= end:
        parts[-1] = (parts[-1][0], parts[-1][1] + count)
    else:
        parts.append((end, count))


def _part_end(seconds: float, at: float) -> float:
    """The end of the sixtieth that contains a time."""
    width = seconds / _PARTS
    return (math.floor(at / width) + 1) * width


def _subtract(parts: list[tuple[float, int]], width: float, at: float, count: int) -> list[tuple[float, int]]:
    """The counts without so many of the part that contains a time, or of the one after it; nothing where
    there is none any more."""
    place = next((place for place, (end, _) in enumerate(parts) if at < end <= at + 2 * width), None)
    if place is None:
        return parts
    rest = [(parts[place][0], parts[place][1] - count)] if parts[place][1] > count else []
    return [*parts[:place], *rest, *parts[place + 1 :]]


def _refusal(
    windows: list[RateLimit], counted: WindowCounts, spaced: float, first: float, gap: float
) -> Grant:
    """When to ask again: when every limit allows one more."""
    retry_at, blocking = spaced, None
    for limit in windows:
        used = sum(n for _, n in counted[limit.seconds])
        for end, n in counted[limit.seconds]:
            if used < int(limit.most):
                break
            used -= n
            if end + limit.seconds > retry_at:
                retry_at, blocking = end + limit.seconds, limit
    return Grant(0, first, gap, retry_at, blocking)


class WarmUpProgress(NamedTuple):
    """How far a warm-up has come."""

    # The day that is being counted.
    day: date
    # From 0 on the first day.
    step: int
    # Messages of that day with a reply, and how many of them were deferred.
    attempted: int = 0
    deferred: int = 0

    @property
    def allowed(self) -> int | None:
        """Messages a day at this step; None: unlimited."""
        return _ALLOWED[self.step] if self.step < len(_ALLOWED) else None


def initial_warm_up(since: date, today: date) -> WarmUpProgress:
    """The progress of a warm-up without a record: as if every day since then had gone well."""
    return WarmUpProgress(today, max((today - since).days, 0))


def advance_warm_up(progress: WarmUpProgress, today: date) -> WarmUpProgress:
    """The progress as of `today`: one step on if the last day had mail and went well, else the same step."""
    if progress.day > today + timedelta(days=1):
        # The clock was set back. At midnight, another machine's may be a day ahead.
        return progress._replace(day=today)
    if today <= progress.day:
        return progress
    well = progress.attempted > 0 and progress.deferred <= _MAX_DEFERRED_SHARE * progress.attempted
    return WarmUpProgress(today, progress.step + well)


def add_warm_up_counts(progress: WarmUpProgress, attempted: int, deferred: int) -> WarmUpProgress:
    """The progress after so many more replies."""
    return progress._replace(attempted=progress.attempted + attempted, deferred=progress.deferred + deferred)


class Backoff(NamedTuple):
    """The state for one server."""

    # Requests to slow down in a row.
    failures: int = 0
    # Nothing is sent before; seconds since 1970.
    until: float = 0.0
    # Messages a second; 0: no limit.
    rate: float = 0.0


NO_BACKOFF = Backoff()


def forget_old_backoff(state: Backoff, now: float) -> Backoff:
    """The state as of now: none when the last wait ended long ago, or by a clock that was wrong."""
    current = state.until - _LONGEST_WAIT - _SKEW < now < state.until + _MEMORY
    return state if current else NO_BACKOFF


def penalised(state: Backoff, now: float, policy: BackoffPolicy, fraction: float) -> Backoff:
    """The state after a request to slow down; `fraction`, between 0 and 1, chooses the jitter.

    Requests during a wait change nothing: they answer messages that were under way when it began.
    """
    if now < state.until:
        return state
    state = forget_old_backoff(state, now)
    failures = state.failures + 1
    rate = max(state.rate / 2, _MIN_RATE) if state.rate else _FIRST_RATE
    return Backoff(failures, now + policy.delay(failures, fraction), rate)


def after_success(state: Backoff, count: int, now: float) -> Backoff:
    """The state after so many accepted messages. During a wait they change nothing, for the same reason."""
    if now < state.until or not count or not state.rate:
        return state
    rate = state.rate
    for _ in range(count):
        rate += _RISE / 60 / rate
        if rate >= _UNLIMITED_RATE:
            return NO_BACKOFF
    return Backoff(0, state.until, rate)
