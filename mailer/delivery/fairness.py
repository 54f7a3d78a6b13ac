"""Who may hold how many sessions: a slow provider gets a share, so that the others never wait for it."""

from __future__ import annotations

from collections import Counter

# Seconds for a message from which on its provider counts as slow, and times the usual one it must be.
_SLOW = 0.5
_TIMES = 4.0
# Part of the usual time that one message's counts for.
_WEIGHT = 0.05
# Of so many sessions a slow provider may hold one.
_SHARE = 5


class Fairness:
    """Sessions by provider, and how long the messages of each take. All times in seconds."""

    def __init__(self, sessions: int) -> None:
        self._sessions = sessions
        self._held: Counter[str] = Counter()
        # Providers that answered lately: True for those that are slow.
        self._slow: dict[str, bool] = {}
        # What a message usually takes.
        self._usual = 0.0

    def may_hold(self, provider: str) -> bool:
        """Whether one more session may have a message for it."""
        slow = self._slow.get(provider)
        if slow is None:
            # Nobody knows yet: half of the sessions may find out.
            return self._held[provider] < max(1, self._sessions // 2)
        return not slow or self._held[provider] < self.share

    @property
    def share(self) -> int:
        """Sessions of one slow provider."""
        return max(1, self._sessions // _SHARE)

    def is_slow(self, provider: str) -> bool:
        return self._slow.get(provider, False)

    def hold(self, provider: str) -> None:
        self._held[provider] += 1

    def give_back(self, provider: str) -> None:
        """The message was given back untried."""
        self._held[provider] -= 1

    def took(self, provider: str, seconds: float) -> None:
        """A message of the provider was settled after so long."""
        self._held[provider] -= 1
        slow = seconds > _SLOW and seconds > _TIMES * self._usual
        self._slow[provider] = slow
        if not slow:
            self._usual += (seconds - self._usual) * _WEIGHT
