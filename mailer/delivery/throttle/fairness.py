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
        # Sessions of one slow provider.
        self.share = max(1, sessions // _SHARE)
        self._held: Counter[str] = Counter()
        # Providers that answered, by how they did the last time.
        self._slow: set[str] = set()
        self._quick: set[str] = set()
        # What a message usually takes.
        self._usual = 0.0

    def may_hold(self, provider: str) -> bool:
        """Whether one more session may have a message for it."""
        if provider in self._quick:
            return True
        # Where nobody knows yet, half of the sessions may find out.
        most = self.share if provider in self._slow else max(1, self._sessions // 2)
        return self._held[provider] < most

    def is_slow(self, provider: str) -> bool:
        return provider in self._slow

    def hold(self, provider: str) -> bool:
        """Give one more session to it, if it may have one; whether it may."""
        if self.may_hold(provider):
            self._held[provider] += 1
            return True
        return False

    def give_back(self, provider: str) -> None:
        """The message was given back untried."""
        self._held[provider] -= 1

    def took(self, provider: str, seconds: float) -> None:
        """A message of the provider was settled after so long."""
        self._held[provider] -= 1
        if seconds > _SLOW and seconds > _TIMES * self._usual:
            self._quick.discard(provider)
            self._slow.add(provider)
            return
        self._usual += (seconds - self._usual) * _WEIGHT
        if provider not in self._quick:
            self._quick.add(provider)
            self._slow.discard(provider)
