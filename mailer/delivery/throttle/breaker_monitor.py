"""Watches the answers in each mailing, and feeds its circuit breaker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from mailer.delivery.ledger.records import Attempt
from mailer.delivery.outcome import ReplyClass
from mailer.delivery.throttle import breaker, shared_state
from mailer.delivery.throttle.breaker import Tally
from mailer.delivery.throttle.providers import provider_of
from mailer.delivery.throttle.shared_state import Data

KEY = "breaker "
# No try at all.
_NOTHING = frozenset({ReplyClass.NOT_TRIED, ReplyClass.PROVIDER_SLOW, ReplyClass.TOO_MANY_RECIPIENTS})
# Failures, each of them.
_FAILURES = frozenset({ReplyClass.CONNECTION_LOST, ReplyClass.IN_DOUBT, ReplyClass.BLOCKED})
# One failure for each time that a provider asks us to go slower; those on their way by then say the same.
_ASKED = frozenset({ReplyClass.BUSY, ReplyClass.THROTTLED})


class Stop(NamedTuple):
    """A mailing that must not go on, and why, for staff."""

    mailing: int
    words: str


class Watch:
    """One worker's watch; what failed is shared between all workers."""

    def __init__(self) -> None:
        # Tries since the last failure, by mailing: only failures are written down.
        self._good: Counter[int] = Counter()

    def weigh(
        self,
        done: Collection[Attempt],
        odd: Iterable[Attempt],
        struck: Collection[str],
        now: datetime,
    ) -> list[Stop]:
        """Mailings in which too much fails for reasons that are not single readers'.

        `odd` are those of `done` that were not accepted, `struck` the providers that asked us to go slower
        and are left alone from now on.
        """
        self._good.update(one.mailing for one, outcome in done if outcome.reply_class is ReplyClass.ACCEPTED)
        failed: Counter[int] = Counter()
        blocked: Counter[int] = Counter()
        last: dict[int, str] = {}
        asking = set(struck)
        for claimed, (reply_class, reply, _) in odd:
            if reply_class in _ASKED:
                provider = provider_of(claimed.email)
                failed[claimed.mailing] += provider in asking
                asking.discard(provider)
                last[claimed.mailing] = reply
            elif reply_class in _FAILURES:
                failed[claimed.mailing] += 1
                blocked[claimed.mailing] += reply_class is ReplyClass.BLOCKED
                last[claimed.mailing] = reply
            elif reply_class not in _NOTHING:
                self._good[claimed.mailing] += 1
        stops = []
        for mailing in +failed:
            why = self._note(mailing, failed[mailing], blocked[mailing], now)
            if why:
                stops.append(Stop(mailing, f"Stopped by itself: {why}. The last answer: {last[mailing]}"))
        return stops

    def _note(self, mailing: int, failed: int, blocked: int, now: datetime) -> str:
        tried = self._good.pop(mailing, 0) + failed

        def note(data: Data) -> tuple[Data, str]:
            tally = breaker.add(Tally(**data), tried, failed, blocked)
            why = breaker.trips(tally)
            # Who resumes it has looked: it begins anew.
            return {} if why else tally._asdict(), why

        return shared_state.change(f"{KEY}{mailing}", now, note)
