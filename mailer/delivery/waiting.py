"""The messages that wait for a session: in line, for a moment of their own, or aside for a slow provider."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from mailer.delivery.fairness import Fairness
from mailer.delivery.providers import provider_of
from mailer.delivery.records import Claimed
from mailer.delivery.smtp import Envelope, Outcome, Verdict

# Messages kept at hand for each session that a slow provider may hold; the others are given back.
_AT_HAND = 4


class Job(NamedTuple):
    claimed: Claimed
    # Makes the message when its turn comes.
    envelope: Callable[[], Envelope]
    # time.monotonic() after which its dot must not be sent any more.
    latest: float
    # time.monotonic() before which it must not begin.
    at: float = 0.0


class Done(NamedTuple):
    claimed: Claimed
    outcome: Outcome


class Waiting:
    """Jobs that are not begun, and which of them may begin now. Times are of time.monotonic()."""

    def __init__(self, sessions: int, give_back: Callable[[Iterable[Done]], None]) -> None:
        """`give_back` takes those that will not begin, with the reason."""
        self._fairness = Fairness(sessions)
        self._report = give_back
        self._line: deque[Job] = deque()
        # Those with a moment, by it; the number keeps equals apart.
        self._timed: list[tuple[float, int, Job]] = []
        self._numbers = count()
        # By provider, those that wait for its share of the sessions.
        self._aside: dict[str, deque[Job]] = defaultdict(deque)

    @property
    def any(self) -> bool:
        """Whether there is one in line or aside."""
        return bool(self._line or self._aside)

    @property
    def in_line(self) -> bool:
        return bool(self._line)

    def add(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            if job.at:
                heappush(self._timed, (job.at, next(self._numbers), job))
            else:
                self._line.append(job)

    def ripen(self) -> float | None:
        """Put those in line whose moment has come; seconds until the next one's, None where none has one."""
        now = time.monotonic()
        while self._timed and self._timed[0][0] <= now:
            self._line.append(heappop(self._timed)[2])
        return self._timed[0][0] - now if self._timed else None

    def begin(self, behind: str | None) -> Job | None:
        """The next that may begin, taken out; `behind` whose provider's message it would ride, if any."""
        now = time.monotonic()
        for provider in list(self._aside):
            if self._fairness.may_hold(provider) and behind in (None, provider):
                job = self._first(self._aside[provider], now)
                if not self._aside[provider]:
                    del self._aside[provider]
                if job is not None:
                    return job
        if behind is not None and self._fairness.is_slow(behind):
            # Whoever rides behind a slow one waits as long.
            return None
        while (job := self._first(self._line, now)) is not None:
            provider = provider_of(job.claimed.email)
            if self._fairness.may_hold(provider):
                return job
            self._aside[provider].append(job)
            self._shorten(provider)
        return None

    def hold(self, provider: str) -> None:
        """A session has a message for it now."""
        self._fairness.hold(provider)

    def settled(self, provider: str, seconds: float | None) -> bool:
        """A session is done with one, after so many seconds (None: it was not tried); whether others wait for
        that."""
        if seconds is None:
            self._fairness.give_back(provider)
        else:
            self._fairness.took(provider, seconds)
        if provider in self._aside:
            self._shorten(provider)
        return bool(self._aside)

    def take_all(self) -> list[Job]:
        """All of them, taken out."""
        jobs = [*self._line, *(job for line in self._aside.values() for job in line)]
        jobs += [entry[2] for entry in self._timed]
        for place in (self._line, self._aside, self._timed):
            place.clear()
        return jobs

    def give_back(self, jobs: Iterable[Job], words: str, verdict: Verdict = Verdict.UNTOUCHED) -> None:
        self._report(Done(job.claimed, Outcome(verdict, words)) for job in jobs)

    def _first(self, line: deque[Job], now: float) -> Job | None:
        """The first of a line, which it leaves; those held too long are given back."""
        while line:
            job = line.popleft()
            if now < job.latest:
                return job
            self.give_back([job], "held too long")
        return None

    def _shorten(self, provider: str) -> None:
        """Keep no more of a slow provider's messages at hand than it will need."""
        line = self._aside[provider]
        surplus = len(line) - _AT_HAND * self._fairness.share
        if surplus > 0 and self._fairness.is_slow(provider):
            jobs = [line.pop() for _ in range(surplus)]
            self.give_back(jobs, f"{provider} is slow; others go first", Verdict.LATER)
