"""The throttle: whether mail may be sent now and how much, by limits and by what the replies show."""

from __future__ import annotations

import os
import random
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, repeat
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings

from mailer.config import Sending, section_reader
from mailer.delivery.ledger.attempt_types_and_retry_schedule import Attempt, ClaimedDelivery
from mailer.delivery.ledger.outcome_count_batches import Failures
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.throttle import (
    hourly_outcomes_by_provider,
    limits_warm_up_and_backoff,
    mailing_circuit_breaker,
    provider_throttle,
    shared_state,
)
from mailer.delivery.throttle.limits_warm_up_and_backoff import (
    NO_BACKOFF,
    RELAY,
    Grant,
    LimiterState,
    OutstandingGrants,
    RateLimit,
    sending_window,
)
from mailer.delivery.throttle.mailing_circuit_breaker import BreakerTrip
from mailer.delivery.throttle.provider_throttle import ProviderThrottle, provider_limits, stored_backoff
from mailer.delivery.throttle.shared_state import Data
from subscribers.translate_stored_texts import stored

# Keys of the shared state.
_OFFICE, _WARM_UP = "office", "warm-up"
# The key of a machine's backoff begins like this: what it cannot reach, another machine may.
_RELAY = "relay "
# A worker takes so many seconds of a limit per second at once, at the least.
_LEAST_SLICE = 0.25
# Outcomes of messages that were not sent.
_UNSENT = frozenset({ReplyClass.NOT_TRIED, ReplyClass.PROVIDER_SLOW})
_DAY = 86_400.0
_PERIODS = {1.0: "second", 60.0: "minute", 3_600.0: "hour", _DAY: "day"}
_LONG_AGO = timedelta(days=30)
# Every reason to wait begins like this; the send loop recognises its own reasons by it.
WAIT_PREFIX = stored("Waiting until")
# A wait of so many seconds is not worth a notice to staff.
SHORT_WAIT = 5.0
# After so many failures in a row to reach the relay, staff are alerted.
_UNREACHABLE_ALERT = 3


class Wait(NamedTuple):
    """Why nothing is sent for a while."""

    # For staff.
    message: str
    until: datetime


class Admission(NamedTuple):
    # Each with the time before which it must not be sent, in seconds since 1970.
    admitted: list[tuple[ClaimedDelivery, float]]
    # Delivery ids that their provider's limits defer, and until when.
    deferred: list[tuple[int, datetime]]


class Slice:
    """Messages that one worker may send soon: its part of the limits that all workers share."""

    def __init__(self, left: int, grant: Grant | None) -> None:
        # Messages that may still be taken.
        self.left = left
        # None without limits.
        self.grant = grant
        self._times: Iterator[float] = grant.send_times() if grant else repeat(0.0)

    def take(self, count: int) -> list[float]:
        """When each of so many messages may be sent; 0.0: at once."""
        self.left -= count
        return list(islice(self._times, count))


class Throttle:
    """One worker's view of the throttle; grants and backoffs are shared between all workers."""

    def __init__(self, now: datetime) -> None:
        config = settings.CONFIG
        self._zone = ZoneInfo(config.site.timezone)
        self._window = sending_window(config.sending.hours, config.sending.weekdays, config.site.timezone)
        self._limits = _limits(config.sending)
        self._warm_up_since = section_reader.parse_day(config.sending.warm_up_since)
        self._progress: limits_warm_up_and_backoff.WarmUpProgress | None = None
        by_provider = provider_limits(config.sending.rate_per_provider)
        self._providers = ProviderThrottle(by_provider, now)
        self._has_limits = bool(self._limits or by_provider or self._warm_up_since)
        self._grants = OutstandingGrants()
        # Nothing is granted before; seconds since 1970.
        self._refused_until = 0.0
        self._relay_key = _relay_key()
        self._relay_backoff = stored_backoff(shared_state.read(self._relay_key), now.timestamp())

    def wait(self, now: datetime) -> Wait | None:
        """Why nothing may be sent now; None when something may."""
        if self._window is not None and not self._window.is_open(now):
            return self._wait_until(
                self._window.next_opening(now), stored("emails are sent only in the configured hours")
            )
        if now.timestamp() < self._relay_backoff.until:
            until = datetime.fromtimestamp(self._relay_backoff.until, UTC)
            return self._wait_until(
                until, stored("the mail server could not be reached from %(machine)s", machine=_machine())
            )
        grant = self._grantable(1, now)
        if grant is None or grant.allowance or grant.limit is None:
            return None
        if grant.retry_at - now.timestamp() < SHORT_WAIT:
            return None
        until = datetime.fromtimestamp(grant.retry_at, UTC)
        return self._wait_until(
            until,
            stored("the sending limit of %(limit)s is reached", limit=self._describe_limit(grant.limit)),
        )

    def outside_hours(self, now: datetime) -> bool:
        """Whether the configured sending hours are over."""
        return self._window is not None and not self._window.is_open(now)

    def refresh(self, now: datetime) -> None:
        """Read what other workers learned."""
        self._providers.refresh(now)

    def is_limited(self, now: datetime) -> bool:
        """Whether there is a limit of messages in a time, for all providers together."""
        return bool(self._all_limits(now))

    def take_slice(self, wanted: int, now: datetime) -> Slice:
        """Take up to `wanted` messages of the limits, before deliveries are claimed for them."""
        if not (limits := self._all_limits(now)):
            return Slice(wanted, None)

        def take(data: Data) -> tuple[Data, Grant]:
            state, grant = limits_warm_up_and_backoff.reserve(
                LimiterState.of(data), limits, wanted, now.timestamp(), _LEAST_SLICE
            )
            return state.data(), grant

        # Most workers ask in vain most of the time, so they read before they lock.
        grant = take(shared_state.read(_OFFICE))[1] if now.timestamp() >= self._refused_until else None
        if grant is not None and grant.allowance:
            grant = shared_state.update(_OFFICE, now, take)
        if grant is not None and not grant.allowance:
            self._refused_until = grant.retry_at
        if grant is None or not grant.allowance:
            return Slice(0, None)
        return Slice(grant.allowance, grant)

    def return_slice(self, part: Slice, now: datetime) -> None:
        """What is left of a slice is not needed."""
        if part.grant is not None and part.left:
            self._give_back(part.grant, part.left, now, unused=True)
            part.left = 0

    def seconds_until_allowed(self, now: datetime) -> float:
        """Seconds until more deliveries may be claimed; 0 when they may be now."""
        if now.timestamp() < self._refused_until:
            return self._refused_until - now.timestamp()
        grant = self._grantable(1, now)
        return 0.0 if grant is None or grant.allowance else max(grant.retry_at - now.timestamp(), 0.0)

    def admit(self, claimed: list[ClaimedDelivery], part: Slice, now: datetime) -> Admission:
        """Which of these, at most as many as are left of the slice, may be sent and when; the limits of their
        providers defer the others."""
        admitted, deferred = self._providers.admit(claimed, now)
        times = zip(admitted, part.take(len(admitted)), strict=True)
        if part.grant is not None:
            self._grants.add([one.id for one, _ in admitted], part.grant)
        return Admission([(one, max(own, at)) for (one, own), at in times], deferred)

    def return_unsent(self, claimed: Collection[ClaimedDelivery], now: datetime) -> None:
        """These deliveries were admitted and not sent after all."""
        if not claimed:
            return
        self._providers.return_unsent(claimed, now)
        for grant, count in self._grants.remove([one.id for one in claimed]).items():
            self._give_back(grant, count, now)

    def _give_back(self, grant: Grant, count: int, now: datetime, *, unused: bool = False) -> None:
        def give_back(data: Data) -> tuple[Data, None]:
            state = limits_warm_up_and_backoff.give_back(
                LimiterState.of(data), grant, count, free_times=unused
            )
            return state.data(), None

        shared_state.update(_OFFICE, now, give_back)

    def learn(self, attempts: Collection[Attempt], now: datetime) -> dict[int, Failures]:
        """Learn from the replies to these attempts; the failures that circuit breakers count, by mailing."""
        failed = [one for one in attempts if one[1].reply_class is not ReplyClass.ACCEPTED]
        penalised = self._providers.record_attempts(attempts, failed, now)
        if self._relay_backoff != NO_BACKOFF and any(outcome.code for _, outcome in attempts):
            shared_state.update(self._relay_key, now, lambda data: ({}, None))
            self._relay_backoff = NO_BACKOFF
        if self._warm_up_since is not None and attempts:
            self._count_warm_up(attempts, now)
        if self._has_limits:
            sent = [claimed.id for claimed, outcome in attempts if outcome.reply_class not in _UNSENT]
            self._grants.remove(sent)
            self._providers.forget(sent)
        return mailing_circuit_breaker.failures_by_mailing(failed, penalised)

    def trips(self, failures: Iterable[int]) -> list[BreakerTrip]:
        """The mailings whose circuit breaker trips, of those with failures that the ledger has recorded."""
        found = []
        for mailing in failures:
            hourly_outcomes_by_provider.consume_outcome_batches(mailing)
            found.append(mailing_circuit_breaker.find_trip(mailing))
        return [trip for trip in found if trip is not None]

    def relay_unreachable(self, now: datetime) -> bool:
        """No relay could be reached: wait longer each time. Whether staff should be alerted."""
        fraction = random.random()  # noqa: S311  (no secret)
        seconds = now.timestamp()

        def penalise(data: Data) -> tuple[Data, limits_warm_up_and_backoff.Backoff]:
            state = limits_warm_up_and_backoff.penalised(
                stored_backoff(data, seconds), seconds, RELAY, fraction
            )
            return {"backoff": list(state)}, state

        self._relay_backoff = shared_state.update(self._relay_key, now, penalise)
        return self._relay_backoff.failures >= _UNREACHABLE_ALERT

    def _grantable(self, wanted: int, now: datetime) -> limits_warm_up_and_backoff.Grant | None:
        """What would be granted now; None without a limit."""
        limits = self._all_limits(now)
        if not limits:
            return None
        return limits_warm_up_and_backoff.reserve(
            LimiterState.of(shared_state.read(_OFFICE)), limits, wanted, now.timestamp()
        )[1]

    def _all_limits(self, now: datetime) -> tuple[RateLimit, ...]:
        if self._warm_up_since is None:
            return self._limits
        allowed = self._warm_up(now).allowed
        return self._limits if allowed is None else (*self._limits, RateLimit(allowed, _DAY))

    def _warm_up(
        self, now: datetime, attempted: int = 0, deferred: int = 0
    ) -> limits_warm_up_and_backoff.WarmUpProgress:
        """The warm-up as of today, after so many more replies."""
        today = now.astimezone(self._zone).date()
        since = self._warm_up_since or today
        if self._progress is None or self._progress.day < today or attempted:

            def count(data: Data) -> tuple[Data, limits_warm_up_and_backoff.WarmUpProgress]:
                progress = limits_warm_up_and_backoff.add_warm_up_counts(
                    limits_warm_up_and_backoff.advance_warm_up(_progress(data, since, today), today),
                    attempted,
                    deferred,
                )
                kept = {**progress._asdict(), "day": progress.day.isoformat()}
                return {"since": since.isoformat(), "progress": kept}, progress

            self._progress = shared_state.update(_WARM_UP, now, count)
        return self._progress

    def _count_warm_up(self, attempts: Collection[Attempt], now: datetime) -> None:
        deferred = sum(outcome.temporary for _, outcome in attempts)
        final = sum(
            outcome.reply_class is ReplyClass.ACCEPTED or outcome.permanent for _, outcome in attempts
        )
        self._warm_up(now, final + deferred, deferred)

    def _wait_until(self, until: datetime, reason: str) -> Wait:
        return Wait(f"{WAIT_PREFIX} {until.astimezone(self._zone):%H:%M on %d %B}: {reason}.", until)

    def _describe_limit(self, limit: RateLimit) -> str:
        period = _PERIODS.get(limit.seconds, stored("%(seconds)s seconds", seconds=f"{limit.seconds:g}"))
        warm_up = self._progress is not None and limit == (self._progress.allowed, _DAY)
        return f"{limit.most:g} messages a {period}{' while this sender is new' if warm_up else ''}"


class BucketLevel(NamedTuple):
    """A configured limit and how much of it is used."""

    # "office", or a mailbox provider of [sending] rate_per_provider.
    scope: str
    # second, minute, hour or day.
    period: str
    limit: float
    # From 0 to 1.
    used: float


def bucket_levels(now: datetime) -> list[BucketLevel]:
    """The level of each limit in [sending]."""
    config = settings.CONFIG.sending
    office = {"office": (_limits(config), shared_state.read(_OFFICE))}
    providers = {
        provider: (limits, shared_state.read(provider_throttle.KEY + provider).get("pace", {}))
        for provider, limits in provider_limits(config.rate_per_provider).items()
    }
    return [
        BucketLevel(
            scope,
            _PERIODS[limit.seconds],
            limit.most,
            limits_warm_up_and_backoff.used_share(LimiterState.of(data), limit, now.timestamp()),
        )
        for scope, (limits, data) in {**office, **providers}.items()
        for limit in limits
    ]


def longest_relay_backoff_seconds(now: datetime) -> float:
    """Seconds until every machine tries its relay again, after it could reach none; 0 when each may."""
    at = now.timestamp()
    waits = [stored_backoff(data, at).until - at for data in shared_state.read_all(_RELAY).values()]
    return max([*waits, 0.0])


def delete_old_state(now: datetime) -> None:
    """Delete old state of providers, breakers and relays."""
    for prefix in (provider_throttle.KEY, mailing_circuit_breaker.KEY, _RELAY):
        shared_state.delete_older(prefix, now - _LONG_AGO)


def _machine() -> str:
    return os.uname().nodename


def _relay_key() -> str:
    return f"{_RELAY}{_machine()}"[:120]


def _progress(data: Data, since: date, today: date) -> limits_warm_up_and_backoff.WarmUpProgress:
    """The recorded progress of this warm-up, or its beginning."""
    if data.get("since") != since.isoformat():
        return limits_warm_up_and_backoff.initial_warm_up(since, today)
    kept = data["progress"]
    return limits_warm_up_and_backoff.WarmUpProgress(**{**kept, "day": date.fromisoformat(kept["day"])})


def _limits(config: Sending) -> tuple[RateLimit, ...]:
    rates = (config.rate_per_second, config.rate_per_minute, config.rate_per_hour, config.rate_per_day)
    return tuple(RateLimit(rate, seconds) for rate, seconds in zip(rates, _PERIODS, strict=True) if rate)
