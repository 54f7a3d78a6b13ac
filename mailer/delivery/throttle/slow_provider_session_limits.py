"""How many sessions each mailbox provider may use at once.

A slow provider gets a share of the sessions, so that the others never wait for it. Slow means slower than
usual for it, or than is usual at all, and slower than the others at the same time.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from statistics import median, median_high

# A provider is slow when its messages take longer than so many seconds, and than so many times what is usual.
_SLOW_SECONDS = 0.5
_SLOW_FACTOR = 4.0
# Of so many of its last messages the median counts, from so many on.
_RECENT, _MIN_RECENT = 5, 3
# By how much one message moves the usual duration, which is at least so many seconds.
_STEP, _LEAST_SECONDS = 1.02, 0.001
# A provider whose messages usually take longer holds up the others also at its usual pace.
_LONG_SECONDS = 1.0
# A provider counts as slow for so many seconds at the most, and then for so many not.
_LONGEST_SECONDS, _RESPITE_SECONDS = 1_800.0, 600.0
# A slow provider may use one of so many sessions.
_SESSIONS_PER_SHARE = 5


class ProviderShares:
    """The sessions that each provider uses, and may use, by how long its messages take."""

    def __init__(
        self,
        sessions: int,
        usual_seconds: dict[str, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`usual_seconds`: how long a message usually takes, by provider; it is kept up to date."""
        self._sessions = sessions
        # The most sessions of one slow provider.
        self.share = max(1, sessions // _SESSIONS_PER_SHARE)
        self._usual = {} if usual_seconds is None else usual_seconds
        self._clock = clock
        self._in_use: Counter[str] = Counter()
        # By provider, when its last message was settled, and the seconds that it took.
        self._last: dict[str, tuple[float, float]] = {}
        # The same for the last few messages, while one of these took long.
        self._recent: dict[str, deque[tuple[float, float]]] = {}
        # Slow providers and since when; others that have replied.
        self._slow: dict[str, float] = {}
        self._fast: set[str] = set()

    def may_begin(self, provider: str) -> bool:
        """Whether one more session may send to it."""
        if provider in self._fast:
            return True
        # Half of the sessions may find out whether an unknown provider is slow.
        most = self.share if self.is_slow(provider) else max(1, self._sessions // 2)
        return self._in_use[provider] < most

    def is_slow(self, provider: str) -> bool:
        """Whether other providers go first."""
        if provider not in self._slow:
            return False
        since = self._slow[provider]
        return (self._clock() - since) % (_LONGEST_SECONDS + _RESPITE_SECONDS) < _LONGEST_SECONDS

    def acquire(self, provider: str) -> bool:
        """Use one more session for it, if it may have one; whether it may."""
        # Nearly all are fast, and this is asked for every message.
        if provider in self._fast or self.may_begin(provider):
            self._in_use[provider] += 1
            return True
        return False

    def release(self, provider: str) -> None:
        """A message was not tried after all."""
        self._in_use[provider] -= 1

    def record(self, provider: str, seconds: float) -> None:
        """A message was settled after so many seconds."""
        self._in_use[provider] -= 1
        now = self._clock()
        self._last[provider] = now, seconds
        usual = self._usual.get(provider)
        if usual is None:
            self._usual[provider] = max(seconds, _LEAST_SECONDS)
        else:
            # It approaches the median, and single messages that take very long hardly move it.
            self._usual[provider] = usual * _STEP if seconds > usual else usual / _STEP
        if seconds <= _SLOW_SECONDS and provider not in self._recent:
            self._fast.add(provider)
        else:
            self._judge(provider, now, seconds)

    def _judge(self, provider: str, now: float, seconds: float) -> None:
        if provider not in self._recent:
            # What came before of a provider that is known was not long.
            before = [(now, 0.0)] * (_MIN_RECENT - 1) if provider in self._fast else []
            self._recent[provider] = deque(before, _RECENT)
        recent = self._recent[provider]
        recent.append((now, seconds))
        if all(seconds <= _SLOW_SECONDS for _, seconds in recent):
            del self._recent[provider]
        elif len(recent) < _MIN_RECENT:
            return
        elif self._takes_long(provider, recent):
            self._fast.discard(provider)
            self._slow.setdefault(provider, now)
            return
        self._slow.pop(provider, None)
        self._fast.add(provider)

    def _takes_long(self, provider: str, recent: Sequence[tuple[float, float]]) -> bool:
        pace = median(seconds for _, seconds in recent)
        settled_at, took = recent[-_MIN_RECENT]
        since = settled_at - took
        others = [seconds for name, (at, seconds) in self._last.items() if at >= since and name != provider]
        # With nobody else, nobody waits; if all take long, our machine or network does.
        if not others or pace <= max(_SLOW_SECONDS, _SLOW_FACTOR * median_high(others)):
            return False
        usual = self._usual[provider]
        return pace > _SLOW_FACTOR * usual or usual > _LONG_SECONDS
