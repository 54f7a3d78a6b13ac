"""The throttle: whether mail may be sent now and how much, by limits and by what the replies show."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings

from mailer.config import Sending, toml_reader
from mailer.delivery.ledger.attempts import Attempt, ClaimedDelivery
from mailer.delivery.ledger.outcome_counts import Failures
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.throttle import (
    circuit_breaker,
    provider_stats,
    provider_throttle,
    rate_limits,
    shared_state,
)
from mailer.delivery.throttle.circuit_breaker import BreakerTrip
from mailer.delivery.throttle.provider_throttle import ProviderThrottle, provider_limits, stored_backoff
from mailer.delivery.throttle.rate_limits import NO_BACKOFF, RELAY, LimiterState, RateLimit, sending_window
from mailer.delivery.throttle.shared_state import Data

# Keys of the shared state.
_OFFICE, _RELAY, _WARM_UP = "office", "relay", "warm-up"
_DAY = 86_400.0
_PERIODS = {1.0: "second", 60.0: "minute", 3_600.0: "hour", _DAY: "day"}
_LONG_AGO = timedelta(days=30)
# Every reason to wait begins like this; the send loop recognises its own reasons by it.
WAIT_PREFIX = "Waiting until"
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
    # Delivery ids for which the limits left none after all.
    excess: list[int]


class Throttle:
    """One worker's view of the throttle; grants and backoffs are shared between all workers."""

    def __init__(self, now: datetime) -> None:
        config = settings.CONFIG
        self._zone = ZoneInfo(config.site.timezone)
        self._window = sending_window(config.sending.hours, config.sending.weekdays, config.site.timezone)
        self._limits = _limits(config.sending)
        self._warm_up_since = toml_reader.day(config.sending.warm_up_since)
        self._progress: rate_limits.WarmUpProgress | None = None
        self._providers = ProviderThrottle(provider_limits(config.sending.rate_per_provider), now)
        self._relay_backoff = stored_backoff(shared_state.read(_RELAY), now.timestamp())

    def wait(self, now: datetime) -> Wait | None:
        """Why nothing may be sent now; None when something may."""
        if self._window is not None and not self._window.is_open(now):
            return self._wait_until(
                self._window.next_opening(now), "mail is sent only in the configured hours"
            )
        if now.timestamp() < self._relay_backoff.until:
            until = datetime.fromtimestamp(self._relay_backoff.until, UTC)
            return self._wait_until(until, "the mail server could not be reached")
        grant = self._grantable(1, now)
        if grant is None or grant.allowance or grant.limit is None:
            return None
        if grant.retry_at - now.timestamp() < SHORT_WAIT:
            return None
        until = datetime.fromtimestamp(grant.retry_at, UTC)
        return self._wait_until(until, f"the limit of {self._describe_limit(grant.limit)} is reached")

    def outside_hours(self, now: datetime) -> bool:
        """Whether the configured sending hours are over."""
        return self._window is not None and not self._window.is_open(now)

    def refresh(self, now: datetime) -> None:
        """Read what other workers learned."""
        self._providers.refresh(now)

    def allowance(self, wanted: int, now: datetime) -> int:
        """How many of `wanted` deliveries may be claimed now."""
        grant = self._grantable(wanted, now)
        return wanted if grant is None else grant.allowance

    def seconds_until_allowed(self, now: datetime) -> float:
        """Seconds until one more delivery may be claimed; 0 when it may be now."""
        grant = self._grantable(1, now)
        return 0.0 if grant is None or grant.allowance else max(grant.retry_at - now.timestamp(), 0.0)

    def admit(self, claimed: list[ClaimedDelivery], now: datetime) -> Admission:
        """Which of these may be sent and when, by the limits of their providers and by our own."""
        admitted, deferred = self._providers.admit(claimed, now)
        limits = self._all_limits(now)
        if not limits or not admitted:
            return Admission(admitted, deferred, [])

        def take(data: Data) -> tuple[Data, rate_limits.Grant]:
            state, grant = rate_limits.reserve(LimiterState.of(data), limits, len(admitted), now.timestamp())
            return state.data(), grant

        grant = shared_state.update(_OFFICE, now, take)
        excess = [one for one, _ in admitted[grant.allowance :]]
        self._providers.return_unsent(excess, now)
        times = zip(admitted[: grant.allowance], grant.send_times(), strict=True)
        return Admission(
            [(one, max(own, at)) for (one, own), at in times], deferred, [one.id for one in excess]
        )

    def return_unsent(self, claimed: Collection[ClaimedDelivery], now: datetime) -> None:
        """These deliveries were admitted and not sent after all."""
        if not claimed:
            return
        self._providers.return_unsent(claimed, now)
        if self._all_limits(now):
            count = len(claimed)
            shared_state.update(
                _OFFICE, now, lambda data: (rate_limits.give_back(LimiterState.of(data), count).data(), None)
            )

    def learn(self, attempts: Collection[Attempt], now: datetime) -> dict[int, Failures]:
        """Learn from the replies to these attempts; the failures that circuit breakers count, by mailing."""
        failed = [one for one in attempts if one[1].reply_class is not ReplyClass.ACCEPTED]
        penalised = self._providers.record_attempts(attempts, failed, now)
        if self._relay_backoff != NO_BACKOFF and any(outcome.code for _, outcome in attempts):
            shared_state.update(_RELAY, now, lambda data: ({}, None))
            self._relay_backoff = NO_BACKOFF
        if self._warm_up_since is not None and attempts:
            self._count_warm_up(attempts, now)
        return circuit_breaker.failures_of(failed, penalised)

    def trips(self, failures: Iterable[int]) -> list[BreakerTrip]:
        """The mailings whose circuit breaker trips, of those with failures that the ledger has recorded."""
        found = []
        for mailing in failures:
            provider_stats.add_outcomes(mailing)
            found.append(circuit_breaker.trip(mailing))
        return [trip for trip in found if trip is not None]

    def relay_unreachable(self, now: datetime) -> bool:
        """No relay could be reached: wait longer each time. Whether staff should be alerted."""
        fraction = random.random()  # noqa: S311  (no secret)
        seconds = now.timestamp()

        def penalise(data: Data) -> tuple[Data, rate_limits.Backoff]:
            state = rate_limits.penalised(stored_backoff(data, seconds), seconds, RELAY, fraction)
            return {"backoff": list(state)}, state

        self._relay_backoff = shared_state.update(_RELAY, now, penalise)
        return self._relay_backoff.failures >= _UNREACHABLE_ALERT

    def _grantable(self, wanted: int, now: datetime) -> rate_limits.Grant | None:
        """What would be granted now; None without a limit."""
        limits = self._all_limits(now)
        if not limits:
            return None
        return rate_limits.reserve(
            LimiterState.of(shared_state.read(_OFFICE)), limits, wanted, now.timestamp()
        )[1]

    def _all_limits(self, now: datetime) -> tuple[RateLimit, ...]:
        if self._warm_up_since is None:
            return self._limits
        allowed = self._warm_up(now).allowed
        return self._limits if allowed is None else (*self._limits, RateLimit(allowed, _DAY))

    def _warm_up(self, now: datetime, attempted: int = 0, deferred: int = 0) -> rate_limits.WarmUpProgress:
        """The warm-up as of today, after so many more replies."""
        today = now.astimezone(self._zone).date()
        since = self._warm_up_since or today
        if self._progress is None or self._progress.day < today or attempted:

            def count(data: Data) -> tuple[Data, rate_limits.WarmUpProgress]:
                progress = rate_limits.record_warm_up(
                    rate_limits.advance_warm_up(_progress(data, since, today), today), attempted, deferred
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
        period = _PERIODS.get(limit.seconds, f"{limit.seconds:g} seconds")
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
            rate_limits.used_share(LimiterState.of(data), limit, now.timestamp()),
        )
        for scope, (limits, data) in {**office, **providers}.items()
        for limit in limits
    ]


def relay_backoff_seconds(now: datetime) -> float:
    """Seconds until a relay is tried again, after none could be reached; 0 when one may be."""
    at = now.timestamp()
    return max(stored_backoff(shared_state.read(_RELAY), at).until - at, 0.0)


def delete_old_state(now: datetime) -> None:
    """Delete old state of providers and breakers."""
    for prefix in (provider_throttle.KEY, circuit_breaker.KEY):
        shared_state.delete_older(prefix, now - _LONG_AGO)


def _progress(data: Data, since: date, today: date) -> rate_limits.WarmUpProgress:
    """The recorded progress of this warm-up, or its beginning."""
    if data.get("since") != since.isoformat():
        return rate_limits.initial_warm_up(since, today)
    kept = data["progress"]
    return rate_limits.WarmUpProgress(**{**kept, "day": date.fromisoformat(kept["day"])})


def _limits(config: Sending) -> tuple[RateLimit, ...]:
    rates = (config.rate_per_second, config.rate_per_minute, config.rate_per_hour, config.rate_per_day)
    return tuple(RateLimit(rate, seconds) for rate, seconds in zip(rates, _PERIODS, strict=True) if rate)
