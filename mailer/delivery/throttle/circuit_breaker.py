"""The circuit breaker of each mailing: it trips when too many fail for reasons other than recipients'."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from mailer.delivery.ledger.attempts import Attempt
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.throttle import shared_state
from mailer.delivery.throttle.mailbox_providers import provider_of
from mailer.delivery.throttle.shared_state import Data

KEY = "breaker "
# About so many attempts are remembered; older ones fade.
_MEMORY = 100
# It trips above this share of failures, once there are at least so many.
_FAILED_SHARE, _FAILED_MIN = 0.5, 10
# The same for blocks, of which few are too many: repeated blocks last longer each time.
_BLOCKED_SHARE, _BLOCKED_MIN = 0.05, 5
# Not counted as attempts.
_NO_ATTEMPT = frozenset({ReplyClass.NOT_TRIED, ReplyClass.PROVIDER_SLOW, ReplyClass.TOO_MANY_RECIPIENTS})
# Each of them is a failure.
_FAILURES = frozenset({ReplyClass.CONNECTION_LOST, ReplyClass.IN_DOUBT, ReplyClass.BLOCKED})
# One failure each time a provider asks us to slow down: messages already under way get the same reply.
_SLOW_DOWN = frozenset({ReplyClass.BUSY, ReplyClass.THROTTLED})


class RecentAttempts(NamedTuple):
    """The outcomes of the latest attempts, as fading counts."""

    attempted: float = 0.0
    # Lost connections, replies never read, requests of providers or the relay to slow down, and blocks.
    failed: float = 0.0
    # Refused for reputation or content.
    blocked: float = 0.0


class BreakerTrip(NamedTuple):
    """A mailing that must be paused, and the reason for staff."""

    mailing: int
    reason: str


def with_attempts(recent: RecentAttempts, attempted: int, failed: int, blocked: int) -> RecentAttempts:
    """The counts after so many more attempts, of which `failed` failed and `blocked` of these were blocks."""
    kept = max(_MEMORY - attempted, 0)
    fade = min(1.0, kept / recent.attempted) if recent.attempted else 0.0
    share = min(1.0, _MEMORY / attempted) if attempted else 0.0
    return RecentAttempts(
        recent.attempted * fade + attempted * share,
        recent.failed * fade + failed * share,
        recent.blocked * fade + blocked * share,
    )


def trip_reason(recent: RecentAttempts) -> str:
    """Why sending must stop, for staff; empty when it may go on."""
    if recent.blocked >= _BLOCKED_MIN and recent.blocked > _BLOCKED_SHARE * recent.attempted:
        return f"{_share(recent.blocked, recent)} were blocked for reputation or content"
    if recent.failed >= _FAILED_MIN and recent.failed > _FAILED_SHARE * recent.attempted:
        return f"{_share(recent.failed, recent)} failed for reasons that do not concern single recipients"
    return ""


def _share(count: float, recent: RecentAttempts) -> str:
    return f"{round(count)} of the last {round(recent.attempted)} attempts"


class BreakerMonitor:
    """Feeds the breakers from one worker's attempts; failures are shared between all workers."""

    def __init__(self) -> None:
        # Attempts since the last failure, by mailing: only failures are written to the database.
        self._good: Counter[int] = Counter()

    def record(
        self,
        attempts: Collection[Attempt],
        failed: Iterable[Attempt],
        penalised: Collection[str],
        now: datetime,
    ) -> list[BreakerTrip]:
        """Record attempts; the mailings whose breaker trips.

        `failed` are the attempts that were not accepted, `penalised` the providers that asked us to slow down
        and are left alone from now on.
        """
        self._good.update(
            one.mailing for one, outcome in attempts if outcome.reply_class is ReplyClass.ACCEPTED
        )
        failures: Counter[int] = Counter()
        blocks: Counter[int] = Counter()
        last: dict[int, str] = {}
        uncounted = set(penalised)
        for claimed, (reply_class, reply, _) in failed:
            if reply_class in _SLOW_DOWN:
                provider = provider_of(claimed.email)
                failures[claimed.mailing] += provider in uncounted
                uncounted.discard(provider)
                last[claimed.mailing] = reply
            elif reply_class in _FAILURES:
                failures[claimed.mailing] += 1
                blocks[claimed.mailing] += reply_class is ReplyClass.BLOCKED
                last[claimed.mailing] = reply
            elif reply_class not in _NO_ATTEMPT:
                self._good[claimed.mailing] += 1
        trips = []
        for mailing in +failures:
            reason = self._record_failures(mailing, failures[mailing], blocks[mailing], now)
            if reason:
                text = f"Stopped automatically: {reason}. The last reply: {last[mailing]}"
                trips.append(BreakerTrip(mailing, text))
        return trips

    def _record_failures(self, mailing: int, failed: int, blocked: int, now: datetime) -> str:
        """Why the mailing's breaker trips; empty when it does not."""
        attempted = self._good.pop(mailing, 0) + failed

        def add(data: Data) -> tuple[Data, str]:
            recent = with_attempts(RecentAttempts(**data), attempted, failed, blocked)
            reason = trip_reason(recent)
            # Staff who resume the mailing have seen these: counting starts again.
            return {} if reason else recent._asdict(), reason

        return shared_state.update(f"{KEY}{mailing}", now, add)
