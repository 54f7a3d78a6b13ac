"""When a running mailing is warned of, slowed or paused by itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Sign(StrEnum):
    """What is counted against a mailing."""

    COMPLAINED = "complained"
    # The address does not exist.
    BOUNCED = "bounced"
    # For what we are or what we send.
    BLOCKED = "blocked"


class Bounds(NamedTuple):
    """Of one sign."""

    # Per cent, 0: never.
    warn: float
    stop: float
    # Cases.
    least: int


@dataclass(frozen=True)
class Stops:
    """Percentages at which something is done, 0: never; and fewer cases than `least_…` are chance."""

    # Readers who marked it as unwanted, of those whose server took it.
    complained_warn: float = 0.1
    complained_stop: float = 0.3
    least_complained: int = 3
    # Addresses that do not exist, of those tried.
    bounced_warn: float = 2
    bounced_stop: float = 5
    least_bounced: int = 5
    # Refused for what we are or what we send, of those tried.
    blocked_warn: float = 2
    blocked_stop: float = 5
    least_blocked: int = 5

    def of(self, sign: Sign) -> Bounds:
        return Bounds(*(getattr(self, name) for name in (f"{sign}_warn", f"{sign}_stop", f"least_{sign}")))

    def check(self) -> None:
        """Raises ValueError, in words, for what cannot be meant."""
        for sign in Sign:
            warn, stop, least = self.of(sign)
            if max(warn, stop) > 100:
                raise ValueError(f"{sign}_warn and {sign}_stop are percentages, 100 at the most.")
            if stop and warn > stop:
                raise ValueError(f"{sign}_warn is above {sign}_stop, so nobody would ever be warned.")
            if not least:
                raise ValueError(f"least_{sign} is 0; at least one case is needed to tell.")
