"""A lane for each provider that limits us: its readers wait in theirs, and hold up nobody else.

A provider has limits by configuration, or because it asked us to go slower. While none has, nothing is
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

from mailer.config import sending
from mailer.delivery.ledger.records import Attempt, Claimed
from mailer.delivery.outcome import PROVIDER_WIDE, ReplyClass
from mailer.delivery.throttle import backoff, pace, shared_state
from mailer.delivery.throttle.backoff import FREE, PROVIDER, Backoff
from mailer.delivery.throttle.pace import Kept, Limit
from mailer.delivery.throttle.providers import provider_of, provider_of_domain
from mailer.delivery.throttle.shared_state import Data

log = logging.getLogger(__name__)

KEY = "provider "
# A smaller share of a provider's answers is single readers' matter, whatever they say.
_ASKED_SHARE = 0.05
# Seconds over which those that must wait longer come back: their provider may have opened up meanwhile.
_QUEUE = 1_800.0


class Admission(NamedTuple):
    # With the moment before which each must not leave, in seconds since 1970.
    go: list[tuple[Claimed, float]]
    # Those that come back later, and when.
    later: list[tuple[int, datetime]]


class _Moments(NamedTuple):
    """What a lane answers to those who ask."""

    # When the first of them may leave, in seconds since 1970, and when those that have to wait come back.
    moments: list[float]
    later: list[float]


class Lanes:
    """The lanes as one worker sees them; what they hold is shared between all."""

    def __init__(self, limits: Mapping[str, tuple[Limit, ...]], now: datetime) -> None:
        self._limits = limits
        self._backoffs: dict[str, Backoff] = {}
        self.look(now)

    def look(self, now: datetime) -> None:
        """See what other workers learned."""
        rows = shared_state.read_all(KEY).items()
        found = {provider: backoff_in(data, now.timestamp()) for provider, data in rows}
        self._backoffs = {provider: state for provider, state in found.items() if state != FREE}

    def admit(self, claimed: list[Claimed], now: datetime) -> Admission:
        """Who may leave, and who is put off; nobody waits for the readers of another provider."""
        if not self._limits and not self._backoffs:
            return Admission([(one, 0.0) for one in claimed], [])
        go: list[tuple[Claimed, float]] = []
        later: list[tuple[int, datetime]] = []
        lanes: dict[str, list[Claimed]] = defaultdict(list)
        for one in claimed:
            lanes[provider_of(one.email)].append(one)
        for provider, waiting in lanes.items():
            if not self._limited(provider):
                go += [(one, 0.0) for one in waiting]
                continue
            answer = self._ask(provider, len(waiting), now)
            count = len(answer.moments)
            go += zip(waiting[:count], answer.moments, strict=True)
            rest = zip(waiting[count:], answer.later, strict=True)
            later += [(one.id, datetime.fromtimestamp(due, UTC)) for one, due in rest]
        return Admission(go, later)

    def give_back(self, claimed: Iterable[Claimed], now: datetime) -> None:
        """These were admitted and did not leave."""
        if not self._limits:
            return
        counts = Counter(provider for one in claimed if (provider := provider_of(one.email)) in self._limits)
        for provider, count in counts.items():
            shared_state.change(KEY + provider, now, partial(_returned, count=count))

    def learn(self, done: Collection[Attempt], odd: Iterable[Attempt], now: datetime) -> frozenset[str]:
        """Draw back from who asks for it, come back to who takes mail; who asked anew."""
        asked = Counter(
            provider_of(one.email) for one, outcome in odd if outcome.reply_class in PROVIDER_WIDE
        )
        if not asked and not self._backoffs:
            return frozenset()
        answers = Counter(provider_of(one.email) for one, _ in done)
        struck = {name for name, count in asked.items() if count > _ASKED_SHARE * answers[name]}
        taken = Counter(
            provider_of(one.email) for one, outcome in done if outcome.reply_class is ReplyClass.ACCEPTED
        )
        for provider in set(self._backoffs) & set(taken) - struck:
            self._backoffs[provider] = shared_state.change(
                KEY + provider, now, partial(_passed, count=taken[provider], now=now.timestamp())
            )
        return frozenset(provider for provider in struck if self._strike(provider, now))

    def _strike(self, provider: str, now: datetime) -> bool:
        before = self._backoffs.get(provider, FREE)
        self._backoffs[provider] = state = strike(provider, now)
        return state.until != before.until

    def _limited(self, provider: str) -> bool:
        return provider in self._limits or self._backoffs.get(provider, FREE) != FREE

    def _ask(self, provider: str, count: int, now: datetime) -> _Moments:
        limits = self._limits.get(provider, ())
        return shared_state.change(
            KEY + provider, now, lambda data: _reserved(data, limits, count, now.timestamp())
        )


def strike(provider: str, now: datetime) -> Backoff:
    """Leave a provider alone for a while, and go on more slowly; every worker sees it in a moment."""
    chance = random.random()  # noqa: S311  (no secret)
    moment = now.timestamp()

    def struck(data: Data) -> tuple[Data, tuple[Backoff, bool]]:
        before = backoff_in(data, moment)
        state = backoff.struck(before, moment, PROVIDER, chance)
        return {**data, "backoff": list(state)}, (state, state != before)

    state, new = shared_state.change(KEY + provider, now, struck)
    if new:
        seconds = state.until - moment
        log.warning(
            "action=provider_left_alone provider=%s seconds=%d rate=%.2f", provider, seconds, state.rate
        )
    return state


def limits_of(written: Iterable[str]) -> dict[str, tuple[Limit, ...]]:
    """The limits of `rate_per_provider`, each under its provider's name."""
    found: dict[str, tuple[Limit, ...]] = {}
    for domain, rates in map(sending.provider_rates, written):
        provider = provider_of_domain(domain)
        found[provider] = found.get(provider, ()) + tuple(Limit(*rate) for rate in rates)
    return found


def backoff_in(data: Data, now: float) -> Backoff:
    """The state that a row holds."""
    return backoff.lasting(Backoff(*data.get("backoff", FREE)), now)


def _reserved(data: Data, limits: tuple[Limit, ...], count: int, now: float) -> tuple[Data, _Moments]:
    """Moments for as many as may leave soon; the others come back one after another from then on."""
    state = backoff_in(data, now)
    if state.rate:
        limits = (*limits, Limit(state.rate, 1.0))
    if now < state.until:
        moments, again = [], state.until
    else:
        kept, grant = pace.reserve(Kept.of(data.get("pace", {})), limits, count, now)
        data = {**data, "pace": kept.data()}
        moments = list(grant.moments())
        again = pace.reserve(kept, limits, 1, now)[1].again if len(moments) < count else now
    gap = pace.slowest_gap(limits)
    # The end of the queue of those that came earlier and wait as well.
    begin = max(data.get("queue", 0.0), again)
    behind = begin - again
    later = [again + (behind + place * gap) % _QUEUE for place in range(count - len(moments))]
    if later:
        data = {**data, "queue": again + (behind + len(later) * gap) % _QUEUE}
    return data, _Moments(moments, later)


def _returned(data: Data, count: int) -> tuple[Data, None]:
    return {**data, "pace": pace.give_back(Kept.of(data.get("pace", {})), count).data()}, None


def _passed(data: Data, count: int, now: float) -> tuple[Data, Backoff]:
    state = backoff.passed(backoff_in(data, now), count, now)
    return {**data, "backoff": list(state)}, state
