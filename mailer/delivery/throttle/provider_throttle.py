"""Limits and backoff of each mailbox provider: its deliveries wait, and hold up no other provider's.

A provider has limits by configuration, or because it asked us to slow down. While none has any, nothing is
counted.
"""

from __future__ import annotations

import logging
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from mailer.config import section_reader
from mailer.delivery.ledger.attempt_types_and_retry_schedule import Attempt, ClaimedDelivery
from mailer.delivery.outcome import PROVIDER_WIDE, ReplyClass
from mailer.delivery.throttle import limits_warm_up_and_backoff, shared_state
from mailer.delivery.throttle.limits_warm_up_and_backoff import (
    NO_BACKOFF,
    PROVIDER,
    Backoff,
    Grant,
    LimiterState,
    OutstandingGrants,
    RateLimit,
)
from mailer.delivery.throttle.mailbox_providers import provider_of, provider_of_domain
from mailer.delivery.throttle.shared_state import Data

log = logging.getLogger(__name__)

KEY = "provider "
# The key of how long messages usually take.
_USUAL = "usual seconds"
# Providers that take less are not kept, because none is slow below a multiple of that; and at most so many.
_KEPT_SECONDS, _KEPT_PROVIDERS = 0.1, 1_000
# Below this share of a provider's replies, they are taken to be about single recipients, whatever they say.
_MIN_SHARE = 0.05
# Deliveries that must wait longer are spread over so many seconds: their limits may have ended by then.
_QUEUE_SECONDS = 1_800.0


class ProviderAdmission(NamedTuple):
    # Each with the time before which it must not be sent, in seconds since 1970.
    admitted: list[tuple[ClaimedDelivery, float]]
    # Delivery ids that are deferred, and until when.
    deferred: list[tuple[int, datetime]]


class _Schedule(NamedTuple):
    """When the deliveries of a provider may be sent, in seconds since 1970."""

    # Of the first of them; the others are deferred until the times below.
    send_at: list[float]
    retry_at: list[float]
    grant: Grant | None = None


class ProviderThrottle:
    """The providers as one worker sees them; their state is shared between all workers."""

    def __init__(self, limits: Mapping[str, tuple[RateLimit, ...]], now: datetime) -> None:
        self._limits = limits
        self._backoffs: dict[str, Backoff] = {}
        # By provider with a limit.
        self._grants: defaultdict[str, OutstandingGrants] = defaultdict(OutstandingGrants)
        self.refresh(now)

    def refresh(self, now: datetime) -> None:
        """Read what other workers learned."""
        rows = shared_state.read_all(KEY).items()
        found = {provider: stored_backoff(data, now.timestamp()) for provider, data in rows}
        self._backoffs = {provider: state for provider, state in found.items() if state != NO_BACKOFF}

    def admit(self, claimed: list[ClaimedDelivery], now: datetime) -> ProviderAdmission:
        """Which deliveries may be sent, and which are deferred by their own provider's limits."""
        if not self._limits and not self._backoffs:
            return ProviderAdmission([(one, 0.0) for one in claimed], [])
        admitted: list[tuple[ClaimedDelivery, float]] = []
        deferred: list[tuple[int, datetime]] = []
        by_provider: dict[str, list[ClaimedDelivery]] = defaultdict(list)
        for one in claimed:
            by_provider[provider_of(one.email)].append(one)
        for provider, waiting in by_provider.items():
            if not self._is_limited(provider):
                admitted += [(one, 0.0) for one in waiting]
                continue
            schedule = self._reserve(provider, len(waiting), now)
            count = len(schedule.send_at)
            if schedule.grant is not None and provider in self._limits:
                self._grants[provider].add([one.id for one in waiting[:count]], schedule.grant)
            admitted += zip(waiting[:count], schedule.send_at, strict=True)
            rest = zip(waiting[count:], schedule.retry_at, strict=True)
            deferred += [(one.id, datetime.fromtimestamp(due, UTC)) for one, due in rest]
        return ProviderAdmission(admitted, deferred)

    def return_unsent(self, claimed: Iterable[ClaimedDelivery], now: datetime) -> None:
        """These deliveries were admitted and not sent after all."""
        if not self._grants:
            return
        unsent = [one.id for one in claimed]
        for provider, grants in self._grants.items():
            for grant, count in grants.remove(unsent).items():
                shared_state.update(KEY + provider, now, partial(_return_unsent, grant=grant, count=count))

    def forget(self, deliveries: Collection[int]) -> None:
        """These deliveries were sent."""
        for grants in self._grants.values():
            grants.remove(deliveries)

    def record_attempts(
        self, attempts: Collection[Attempt], failed: Iterable[Attempt], now: datetime
    ) -> frozenset[str]:
        """Slow down for providers that ask for it, speed up for those that accept; those newly left alone."""
        asked = Counter(
            provider_of(one.email) for one, outcome in failed if outcome.reply_class in PROVIDER_WIDE
        )
        if not asked and not self._backoffs:
            return frozenset()
        replies = Counter(provider_of(one.email) for one, _ in attempts)
        penalised = {name for name, count in asked.items() if count > _MIN_SHARE * replies[name]}
        accepted = Counter(
            provider_of(one.email) for one, outcome in attempts if outcome.reply_class is ReplyClass.ACCEPTED
        )
        for provider in set(self._backoffs) & set(accepted) - penalised:
            self._backoffs[provider] = shared_state.update(
                KEY + provider, now, partial(_record_success, count=accepted[provider], now=now.timestamp())
            )
        return frozenset(provider for provider in penalised if self._penalise(provider, now))

    def _penalise(self, provider: str, now: datetime) -> bool:
        before = self._backoffs.get(provider, NO_BACKOFF)
        self._backoffs[provider] = state = penalise(provider, now)
        return state.until != before.until

    def _is_limited(self, provider: str) -> bool:
        return provider in self._limits or self._backoffs.get(provider, NO_BACKOFF) != NO_BACKOFF

    def _reserve(self, provider: str, count: int, now: datetime) -> _Schedule:
        limits = self._limits.get(provider, ())
        return shared_state.update(
            KEY + provider, now, lambda data: _reserve(data, limits, count, now.timestamp())
        )


def penalise(provider: str, now: datetime) -> Backoff:
    """Leave a provider alone for a while, and send more slowly then; all workers follow within seconds."""
    fraction = random.random()  # noqa: S311  (no secret)
    at = now.timestamp()

    def penalised(data: Data) -> tuple[Data, tuple[Backoff, bool]]:
        before = stored_backoff(data, at)
        state = limits_warm_up_and_backoff.penalised(before, at, PROVIDER, fraction)
        return {**data, "backoff": list(state)}, (state, state != before)

    state, new = shared_state.update(KEY + provider, now, penalised)
    if new:
        seconds = state.until - at
        log.warning("action=provider_backoff provider=%s seconds=%d rate=%.2f", provider, seconds, state.rate)
    return state


def backoff_seconds(now: datetime) -> dict[str, float]:
    """Providers that asked us to slow down, and the seconds until they are sent to again."""
    at = now.timestamp()
    found = {name: stored_backoff(data, at) for name, data in shared_state.read_all(KEY).items()}
    return {name: max(state.until - at, 0.0) for name, state in found.items() if state != NO_BACKOFF}


def slow_provider_delivery_seconds() -> dict[str, float]:
    """How long a message usually takes, in seconds by provider, where it takes long."""
    return {provider: float(seconds) for provider, seconds in shared_state.read(_USUAL).items()}


def save_usual_seconds(found: Mapping[str, float], now: datetime) -> None:
    """Keep what was learned for the next call; providers that were not sent to keep their values."""
    before = slow_provider_delivery_seconds()
    merged = {name: seconds for name, seconds in {**before, **found}.items() if seconds > _KEPT_SECONDS}
    kept = dict(sorted(merged.items(), key=lambda one: -one[1])[:_KEPT_PROVIDERS])
    if kept != before:
        shared_state.update(_USUAL, now, lambda data: (kept, None))


def provider_limits(rates_per_provider: Iterable[str]) -> dict[str, tuple[RateLimit, ...]]:
    """The limits of [sending] rate_per_provider, by provider."""
    found: dict[str, tuple[RateLimit, ...]] = {}
    for domain, rates in map(section_reader.parse_provider_rates, rates_per_provider):
        provider = provider_of_domain(domain)
        found[provider] = found.get(provider, ()) + tuple(RateLimit(*rate) for rate in rates)
    return found


def stored_backoff(data: Data, now: float) -> Backoff:
    """The backoff in a row of the shared state."""
    return limits_warm_up_and_backoff.forget_old_backoff(Backoff(*data.get("backoff", NO_BACKOFF)), now)


def _reserve(data: Data, limits: tuple[RateLimit, ...], count: int, now: float) -> tuple[Data, _Schedule]:
    """Times for the deliveries that may be sent soon; the others are deferred, one after another."""
    state = stored_backoff(data, now)
    if state.rate:
        limits = (*limits, RateLimit(state.rate, 1.0))
    if now < state.until:
        send_at, retry_at, grant = [], state.until, None
    else:
        kept, grant = limits_warm_up_and_backoff.reserve(
            LimiterState.of(data.get("pace", {})), limits, count, now
        )
        data = {**data, "pace": kept.data()}
        send_at = list(grant.send_times())
        retry_at = now
        if len(send_at) < count:
            retry_at = limits_warm_up_and_backoff.reserve(kept, limits, 1, now)[1].retry_at
    gap = limits_warm_up_and_backoff.slowest_gap(limits)
    # The end of the queue of deliveries that were deferred earlier.
    queued = max(data.get("queue", 0.0), retry_at) - retry_at
    waiting = count - len(send_at)
    deferred = [retry_at + (queued + place * gap) % _QUEUE_SECONDS for place in range(waiting)]
    if deferred:
        data = {**data, "queue": retry_at + (queued + waiting * gap) % _QUEUE_SECONDS}
    return data, _Schedule(send_at, deferred, grant)


def _return_unsent(data: Data, grant: Grant, count: int) -> tuple[Data, None]:
    state = limits_warm_up_and_backoff.give_back(LimiterState.of(data.get("pace", {})), grant, count)
    return {**data, "pace": state.data()}, None


def _record_success(data: Data, count: int, now: float) -> tuple[Data, Backoff]:
    state = limits_warm_up_and_backoff.after_success(stored_backoff(data, now), count, now)
    return {**data, "backoff": list(state)}, state
