"""Traffic: whether mail may leave now, how much of it, and what the answers teach about that."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings

from mailer.config import Sending, sending
from mailer.delivery.ledger.records import Attempt, Claimed
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.rollout.provider_stats import Book
from mailer.delivery.throttle import backoff, breaker_monitor, pace, provider_throttle, shared_state, warmup
from mailer.delivery.throttle.backoff import FREE, RELAY
from mailer.delivery.throttle.breaker_monitor import Stop, Watch
from mailer.delivery.throttle.pace import Kept, Limit
from mailer.delivery.throttle.provider_throttle import Lanes, backoff_in, limits_of
from mailer.delivery.throttle.sending_windows import window_of
from mailer.delivery.throttle.shared_state import Data

# Keys of what the workers share.
_OFFICE, _RELAY, _WARM_UP = "office", "relay", "warm-up"
_DAY = 86_400.0
_PERIODS = {1.0: "second", 60.0: "minute", 3_600.0: "hour", _DAY: "day"}
_LONG_AGO = timedelta(days=30)
# How the words of every hold begin.
WAITING = "Waiting until"
# Seconds that are better waited for than told of.
SOON = 5.0
# Times in a row that the relay was away, after which staff are told.
_AWAY_TOLD = 3


class Hold(NamedTuple):
    """Why nothing leaves for a while."""

    # For staff.
    words: str
    until: datetime


class Admission(NamedTuple):
    # With the moment before which each must not leave, in seconds since 1970.
    go: list[tuple[Claimed, float]]
    # Put off for their provider's sake, and until when.
    later: list[tuple[int, datetime]]
    # For these there was no room after all.
    spare: list[int]


class Traffic:
    """One worker's view of the pace; what was granted and learned is shared between all workers."""

    def __init__(self, now: datetime) -> None:
        config = settings.CONFIG
        self._zone = ZoneInfo(config.site.timezone)
        self._window = window_of(config.sending.hours, config.sending.weekdays, config.site.timezone)
        self._limits = _limits(config.sending)
        self._since = sending.day(config.sending.warm_up_since)
        self._progress: warmup.Progress | None = None
        self._lanes = Lanes(limits_of(config.sending.rate_per_provider), now)
        self._relay = backoff_in(shared_state.read(_RELAY), now.timestamp())
        self._watch = Watch()
        self._book = Book(now)

    def hold(self, now: datetime) -> Hold | None:
        """Why nothing may begin now; None when something may."""
        if self._window is not None and not self._window.is_open(now):
            return self._until(self._window.opens(now), "mail leaves only in the hours that are set")
        if now.timestamp() < self._relay.until:
            until = datetime.fromtimestamp(self._relay.until, UTC)
            return self._until(until, "the mail server could not be reached")
        grant = self._granted(1, now)
        if grant is None or grant.room or grant.limit is None:
            return None
        if grant.again - now.timestamp() < SOON:
            return None
        until = datetime.fromtimestamp(grant.again, UTC)
        return self._until(until, f"the limit of {self._limit_words(grant.limit)} is reached")

    def closed(self, now: datetime) -> bool:
        """Whether the hours are over in which mail may leave."""
        return self._window is not None and not self._window.is_open(now)

    def look(self, now: datetime) -> None:
        """See what other workers learned."""
        self._lanes.look(now)

    def room(self, wanted: int, now: datetime) -> int:
        """How many of `wanted` may be claimed to leave soon."""
        grant = self._granted(wanted, now)
        return wanted if grant is None else grant.room

    def next_room(self, now: datetime) -> float:
        """Seconds until one more may be claimed; 0 when it may now."""
        grant = self._granted(1, now)
        return 0.0 if grant is None or grant.room else max(grant.again - now.timestamp(), 0.0)

    def admit(self, claimed: list[Claimed], now: datetime) -> Admission:
        """Who of these leaves and when; those of providers that limit us may have to wait."""
        go, later = self._lanes.admit(claimed, now)
        limits = self._all_limits(now)
        if not limits or not go:
            return Admission(go, later, [])

        def take(data: Data) -> tuple[Data, pace.Grant]:
            kept, grant = pace.reserve(Kept.of(data), limits, len(go), now.timestamp())
            return kept.data(), grant

        grant = shared_state.change(_OFFICE, now, take)
        spare = [one for one, _ in go[grant.room :]]
        self._lanes.give_back(spare, now)
        moments = zip(go[: grant.room], grant.moments(), strict=True)
        return Admission(
            [(one, max(own, at)) for (one, own), at in moments], later, [one.id for one in spare]
        )

    def give_back(self, claimed: Collection[Claimed], now: datetime) -> None:
        """These were admitted, and did not leave."""
        if not claimed:
            return
        self._lanes.give_back(claimed, now)
        if self._all_limits(now):
            count = len(claimed)
            shared_state.change(
                _OFFICE, now, lambda data: (pace.give_back(Kept.of(data), count).data(), None)
            )

    def learn(self, done: Collection[Attempt], now: datetime) -> list[Stop]:
        """What these answers teach; mailings in which too much fails for reasons that are not readers'."""
        odd = [one for one in done if one[1].reply_class is not ReplyClass.ACCEPTED]
        struck = self._lanes.learn(done, odd, now)
        if self._relay != FREE and any(outcome.code for _, outcome in done):
            shared_state.change(_RELAY, now, lambda data: ({}, None))
            self._relay = FREE
        if self._since is not None and done:
            self._count_warm_up(done, now)
        self._book.note(done, odd, now)
        return self._watch.weigh(done, odd, struck, now)

    def end(self, now: datetime) -> None:
        """Write down what was counted and not written yet."""
        self._book.flush(now)

    def relay_away(self, now: datetime) -> bool:
        """No relay could be reached: the next look comes later each time. Whether staff should be told."""
        chance = random.random()  # noqa: S311  (no secret)
        moment = now.timestamp()

        def strike(data: Data) -> tuple[Data, backoff.Backoff]:
            state = backoff.struck(backoff_in(data, moment), moment, RELAY, chance)
            return {"backoff": list(state)}, state

        self._relay = shared_state.change(_RELAY, now, strike)
        return self._relay.strikes >= _AWAY_TOLD

    def _granted(self, wanted: int, now: datetime) -> pace.Grant | None:
        """What would be granted now; None where there is no limit."""
        limits = self._all_limits(now)
        if not limits:
            return None
        return pace.reserve(Kept.of(shared_state.read(_OFFICE)), limits, wanted, now.timestamp())[1]

    def _all_limits(self, now: datetime) -> tuple[Limit, ...]:
        if self._since is None:
            return self._limits
        allowed = self._warm_up(now).allowed
        return self._limits if allowed is None else (*self._limits, Limit(allowed, _DAY))

    def _warm_up(self, now: datetime, tried: int = 0, put_off: int = 0) -> warmup.Progress:
        """The warm-up as of today, after so many more answers."""
        today = now.astimezone(self._zone).date()
        since = self._since or today
        if self._progress is None or self._progress.day < today or tried:

            def count(data: Data) -> tuple[Data, warmup.Progress]:
                progress = warmup.counted(warmup.on(_progress(data, since, today), today), tried, put_off)
                kept = {**progress._asdict(), "day": progress.day.isoformat()}
                return {"since": since.isoformat(), "progress": kept}, progress

            self._progress = shared_state.change(_WARM_UP, now, count)
        return self._progress

    def _count_warm_up(self, done: Collection[Attempt], now: datetime) -> None:
        put_off = sum(outcome.temporary for _, outcome in done)
        final = sum(outcome.reply_class is ReplyClass.ACCEPTED or outcome.permanent for _, outcome in done)
        self._warm_up(now, final + put_off, put_off)

    def _until(self, until: datetime, words: str) -> Hold:
        return Hold(f"{WAITING} {until.astimezone(self._zone):%H:%M on %d %B}: {words}.", until)

    def _limit_words(self, limit: Limit) -> str:
        period = _PERIODS.get(limit.seconds, f"{limit.seconds:g} seconds")
        warm_up = self._progress is not None and limit == (self._progress.allowed, _DAY)
        return f"{limit.most:g} messages a {period}{' while this sender is new' if warm_up else ''}"


def forget(now: datetime) -> None:
    """Leave behind what was learned of providers and mailings long ago."""
    for prefix in (provider_throttle.KEY, breaker_monitor.KEY):
        shared_state.forget(prefix, now - _LONG_AGO)


def _progress(data: Data, since: date, today: date) -> warmup.Progress:
    """What is kept of this warm-up, or its beginning."""
    if data.get("since") != since.isoformat():
        return warmup.begun(since, today)
    kept = data["progress"]
    return warmup.Progress(**{**kept, "day": date.fromisoformat(kept["day"])})


def _limits(config: Sending) -> tuple[Limit, ...]:
    rates = (config.rate_per_second, config.rate_per_minute, config.rate_per_hour, config.rate_per_day)
    return tuple(Limit(rate, seconds) for rate, seconds in zip(rates, _PERIODS, strict=True) if rate)
