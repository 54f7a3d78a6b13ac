"""The stop rules: from counts of what came back to whether to warn, to slow down or to pause.

A mailing is judged as a whole and provider by provider, over all of its time and hour by hour: what is
little among a million may be all of one provider's, or of this hour. Too many complaints pause it wherever
they come from, for it is the same mail everywhere; unknown addresses and blocks at one provider slow down
what goes there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from mailer.config.stops import Sign, Stops


class Level(IntEnum):
    """What is to be done, the graver the higher."""

    NONE = 0
    WARN = 1
    # Slow down what goes to one provider.
    BRAKE = 2
    PAUSE = 3


class Counted(NamedTuple):
    """Copies that left in one hour to one provider, and what came of them, whenever that was known."""

    # Accepted, refused for good, or blocked.
    tried: int = 0
    accepted: int = 0
    bounced: int = 0
    blocked: int = 0
    complained: int = 0

    def cases(self, sign: Sign) -> int:
        found: int = getattr(self, sign)
        return found

    def base(self, sign: Sign) -> int:
        """The copies that the cases of a sign are a share of."""
        whole = self.accepted if sign is Sign.COMPLAINED else self.tried
        # What was counted just before a crash may be missing.
        return max(whole, self.cases(sign))


# By provider ("": those that nothing is said of) and beginning of the hour.
Hours = Mapping[tuple[str, datetime], Counted]


class Finding(NamedTuple):
    """A limit that is reached."""

    sign: Sign
    level: Level
    # Empty: of the mailing as a whole.
    provider: str
    # The hour in which these left; None: of all.
    hour: datetime | None
    cases: int
    of: int
    # Per cent.
    limit: float
    # Cases of this sign in all hours: more of them are news.
    seen: int
    # Of a mailing as a whole: the provider of more than half of the cases; empty: there is none.
    mostly: str = ""

    @property
    def share(self) -> float:
        """Per cent."""
        return self.cases * 100 / self.of


def total(counts: Iterable[Counted]) -> Counted:
    """All of them together."""
    return Counted(*map(sum, zip(*counts, strict=True)))


def level(sign: Sign, counts: Counted, stops: Stops, *, whole: bool) -> tuple[Level, float]:
    """What these counts call for, and the limit (per cent) that they reached; `whole`: of all providers."""
    cases, base = counts.cases(sign), counts.base(sign)
    warn, stop, least = stops.of(sign)
    if cases < least:
        return Level.NONE, 0.0
    if stop and cases * 100 >= stop * base:
        return Level.PAUSE if whole or sign is Sign.COMPLAINED else Level.BRAKE, stop
    if warn and cases * 100 >= warn * base:
        return Level.WARN, warn
    return Level.NONE, 0.0


def findings(hours: Hours, stops: Stops) -> list[Finding]:
    """The limits that are reached, the gravest first; of each provider and sign the gravest alone.

    What is as grave for the mailing as a whole is not said of its providers again.
    """
    by_provider: defaultdict[str, dict[datetime, Counted]] = defaultdict(dict)
    by_hour: defaultdict[datetime, list[Counted]] = defaultdict(list)
    for (provider, hour), counts in hours.items():
        by_hour[hour].append(counts)
        if provider:
            by_provider[provider][hour] = counts
    together = {hour: total(counts) for hour, counts in by_hour.items()}
    found: list[Finding] = []
    for sign in Sign:
        whole = _gravest(sign, "", together, stops)
        found += [whole._replace(mostly=_mostly(whole, by_provider))] if whole else []
        standing = whole.level if whole else Level.NONE
        for provider, own in by_provider.items():
            finding = _gravest(sign, provider, own, stops)
            if finding is not None and finding.level > standing:
                found.append(finding)
    return sorted(found, key=lambda one: (-one.level, -one.share / one.limit, one.sign, one.provider))


def _gravest(sign: Sign, provider: str, hours: Mapping[datetime, Counted], stops: Stops) -> Finding | None:
    if not hours:
        return None
    every = total(hours.values())
    seen = every.cases(sign)
    scopes: list[tuple[datetime | None, Counted]] = [(None, every), *hours.items()]
    found = []
    for hour, counts in scopes:
        grave, limit = level(sign, counts, stops, whole=not provider)
        if grave:
            cases, base = counts.cases(sign), counts.base(sign)
            found.append(Finding(sign, grave, provider, hour, cases, base, limit, seen))
    # All of the time says more than an hour of it, where both are as grave.
    return max(found, key=lambda one: (one.level, one.hour is None, one.share), default=None)


def _mostly(whole: Finding, by_provider: Mapping[str, Mapping[datetime, Counted]]) -> str:
    for provider, hours in by_provider.items():
        own = [counts.cases(whole.sign) for hour, counts in hours.items() if whole.hour in (None, hour)]
        if sum(own) * 2 > whole.cases:
            return provider
    return ""
