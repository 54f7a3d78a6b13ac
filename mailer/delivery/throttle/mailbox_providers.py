"""Mailbox providers: whose servers take a subscriber's mail, and how many sessions each may use.

A provider is a family of domains (providers.toml), or a domain of its own. A slow provider gets a share of
the sessions, so that the others never wait for it.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from functools import lru_cache
from importlib import resources

# A provider is slow when a message takes so many seconds, and so many times the typical duration.
_SLOW_SECONDS = 0.5
_SLOW_FACTOR = 4.0
# The weight of one message in the typical duration.
_WEIGHT = 0.05
# A slow provider may use one of so many sessions.
_SESSIONS_PER_SHARE = 5


def provider_of(address: str) -> str:
    """The provider of an address: the best-known domain of its family, in lower case."""
    return provider_of_domain(address.rpartition("@")[2])


# Most subscribers share a few domains.
@lru_cache(maxsize=8192)
def provider_of_domain(domain: str) -> str:
    """The provider of a domain, likewise."""
    domain = domain.lower()
    families = _families()
    return families.get(domain) or families.get(f"{domain.partition('.')[0]}.*") or domain


@lru_cache(maxsize=1)
def _families() -> dict[str, str]:
    """Member domain, or "prefix.*", to family."""
    table = tomllib.loads(resources.files(__package__).joinpath("providers.toml").read_text(encoding="utf-8"))
    return {member: family for family, members in table.items() for member in (family, *members)}


class ProviderShares:
    """The sessions that each provider uses, and may use, by how long its messages take."""

    def __init__(self, sessions: int) -> None:
        self._sessions = sessions
        # The most sessions of one slow provider.
        self.share = max(1, sessions // _SESSIONS_PER_SHARE)
        self._in_use: Counter[str] = Counter()
        # Providers that replied, by the duration of their last message.
        self._slow: set[str] = set()
        self._fast: set[str] = set()
        self._typical_seconds = 0.0

    def may_begin(self, provider: str) -> bool:
        """Whether one more session may send to it."""
        if provider in self._fast:
            return True
        # Half of the sessions may find out whether an unknown provider is slow.
        most = self.share if provider in self._slow else max(1, self._sessions // 2)
        return self._in_use[provider] < most

    def is_slow(self, provider: str) -> bool:
        return provider in self._slow

    def acquire(self, provider: str) -> bool:
        """Use one more session for it, if it may have one; whether it may."""
        if self.may_begin(provider):
            self._in_use[provider] += 1
            return True
        return False

    def release(self, provider: str) -> None:
        """A message was not tried after all."""
        self._in_use[provider] -= 1

    def record(self, provider: str, seconds: float) -> None:
        """A message was settled after so many seconds."""
        self._in_use[provider] -= 1
        if seconds > _SLOW_SECONDS and seconds > _SLOW_FACTOR * self._typical_seconds:
            self._fast.discard(provider)
            self._slow.add(provider)
            return
        self._typical_seconds += (seconds - self._typical_seconds) * _WEIGHT
        if provider not in self._fast:
            self._fast.add(provider)
            self._slow.discard(provider)
