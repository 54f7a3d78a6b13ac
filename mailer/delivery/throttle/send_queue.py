"""The messages that wait for a session: in line, for a moment of their own, or aside for a slow provider."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from mailer.delivery.ledger.records import Attempt, ClaimedDelivery
from mailer.delivery.outcome import Outcome, ReplyClass
from mailer.delivery.smtp.base import Envelope
from mailer.delivery.throttle.providers import ProviderShares

# Messages kept at hand for each session that a slow provider may hold; the others are given back.
_AT_HAND = 4


class Ticket(NamedTuple):
    """The tag of a message that waits: whose it is, and when it may leave. Times are of a Job."""

    claimed: ClaimedDelivery
    provider: str
    latest: float
    at: float


class Waiting:
    """Messages that are not begun, and which of them may begin now; the tag of each is a Ticket."""

    def __init__(self, sessions: int, give_back: Callable[[Iterable[Attempt]], None]) -> None:
        """`give_back` takes those that will not begin, with the reason."""
        self._fairness = ProviderShares(sessions)
        self._report = give_back
        self.line: deque[Envelope] = deque()
        # Those with a moment, by it; the number keeps equals apart.
        self._timed: list[tuple[float, int, Envelope]] = []
        self._numbers = count()
        # By provider, those that wait for its share of the sessions.
        self._aside: dict[str, deque[Envelope]] = defaultdict(deque)

    @property
    def any(self) -> bool:
        """Whether there is one in line or aside."""
        return bool(self.line or self._aside)

    def add(self, messages: Iterable[Envelope]) -> None:
        for message in messages:
            if message.tag.at:
                heappush(self._timed, (message.tag.at, next(self._numbers), message))
            else:
                self.line.append(message)

    def ripen(self) -> float | None:
        """Put those in line whose moment has come; seconds until the next one's, None where none has one."""
        now = time.monotonic()
        while self._timed and self._timed[0][0] <= now:
            self.line.append(heappop(self._timed)[2])
        return self._timed[0][0] - now if self._timed else None

    def begin(self, behind: str | None) -> Envelope | None:
        """The next that may begin, taken out; `behind` whose provider's message it would ride, if any."""
        now, fairness = time.monotonic(), self._fairness
        if self._aside and (message := self._from_aside(behind, now)) is not None:
            return message
        if behind is not None and fairness.is_slow(behind):
            # Whoever rides behind a slow one waits as long.
            return None
        while (message := self._first(self.line, now)) is not None:
            provider = message.tag.provider
            if fairness.acquire(provider):
                return message
            self._aside[provider].append(message)
            self._shorten(provider)
        return None

    def settled(self, provider: str, seconds: float | None) -> bool:
        """A session is done with one, after so many seconds (None: it was not tried); whether others wait for
        that."""
        if seconds is None:
            self._fairness.release(provider)
        else:
            self._fairness.record(provider, seconds)
        if self._aside and provider in self._aside:
            self._shorten(provider)
        return bool(self._aside)

    def take_all(self) -> list[Envelope]:
        """All of them, taken out."""
        messages = [*self.line, *(message for line in self._aside.values() for message in line)]
        messages += [entry[2] for entry in self._timed]
        for place in (self.line, self._aside, self._timed):
            place.clear()
        return messages

    def give_back(
        self, messages: Iterable[Envelope], words: str, reply_class: ReplyClass = ReplyClass.NOT_TRIED
    ) -> None:
        self._report((message.tag.claimed, Outcome(reply_class, words)) for message in messages)

    def _from_aside(self, behind: str | None, now: float) -> Envelope | None:
        for provider in list(self._aside):
            if behind in (None, provider) and self._fairness.acquire(provider):
                message = self._first(self._aside[provider], now)
                if not self._aside[provider]:
                    del self._aside[provider]
                if message is not None:
                    return message
                self._fairness.release(provider)
        return None

    def _first(self, line: deque[Envelope], now: float) -> Envelope | None:
        """The first of a line, which it leaves; those held too long are given back."""
        while line:
            message = line.popleft()
            if now < message.tag.latest:
                return message
            self.give_back([message], "held too long")
        return None

    def _shorten(self, provider: str) -> None:
        """Keep no more of a slow provider's messages at hand than it will need."""
        line = self._aside[provider]
        surplus = len(line) - _AT_HAND * self._fairness.share
        if surplus > 0 and self._fairness.is_slow(provider):
            messages = [line.pop() for _ in range(surplus)]
            self.give_back(messages, f"{provider} is slow; others go first", ReplyClass.PROVIDER_SLOW)
