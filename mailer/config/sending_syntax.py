"""The syntax of values in [sending]: rates, hours, weekdays, dates. Every function raises ValueError."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, time
from typing import NamedTuple

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PERIODS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|min|h|d)")
_TIME = r"([01]?\d|2[0-3]):([0-5]\d)"
_HOURS = re.compile(rf"{_TIME}\s*[-–]\s*(?:{_TIME}|(24):(00))")
_DOMAIN = re.compile(r"[^\s@.]+(\.[^\s@.]+)+")


class Rate(NamedTuple):
    """At most `most` messages in any period of this many seconds."""

    most: float
    seconds: float


def provider_rates(text: str) -> tuple[str, tuple[Rate, ...]]:
    """A domain in lower case, and its rates: "mail.ru 10/s 5000/h"."""
    domain, *written = text.lower().split()
    if not _DOMAIN.fullmatch(domain) or not written:
        raise ValueError(f'{text!r} must be a domain and its rates, such as "mail.ru 10/s 5000/h".')
    return domain, tuple(_rate(one) for one in written)


def _rate(text: str) -> Rate:
    found = _RATE.fullmatch(text)
    if found is None or not float(found[1]):
        raise ValueError(f"{text!r} must be a number per s, m, h or d, such as 10/s or 5000/h.")
    return Rate(float(found[1]), _PERIODS[found[2][0]])


def time_range(text: str) -> tuple[time, time] | None:
    """Start and end of a daily time range such as "08:00-20:00", possibly across midnight; None for ""."""
    if not text.strip():
        return None
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'is {text!r}; it must be two times of a day, such as "08:00-20:00".')
    # 24:00 is a usual way to write the end of a day.
    begin_hour, begin_minute, end_hour, end_minute = (int(part) for part in found.groups() if part)
    start, end = time(begin_hour, begin_minute), time(end_hour % 24, end_minute)
    if start == end and end_hour != 24:
        raise ValueError(f"is {text!r}, which ends when it begins; leave it empty to send at any time.")
    return start, end


def weekdays(names: Iterable[str]) -> frozenset[int]:
    """Numbers of weekdays, Monday is 0; without names, every day."""
    found = [name.strip().lower()[:3] for name in names]
    for name, short in zip(names, found, strict=True):
        if short not in DAYS:
            raise ValueError(f"{name!r} is not a weekday; known: {', '.join(DAYS)}.")
    return frozenset(map(DAYS.index, found)) or frozenset(range(7))


def day(text: str) -> date | None:
    """A date such as "2026-11-24"; None for ""."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f'is {text!r}; it must be a date, such as "2026-11-24".') from None


def rollout_percentages(texts: Sequence[str]) -> tuple[float, ...]:
    """Percentages of the audience, each between 0 and 100 and above the one before."""
    message = 'must be rising percentages, such as ["2", "10"]; the rest follows automatically.'
    try:
        found = tuple(float(text) for text in texts)
    except ValueError:
        raise ValueError(message) from None
    if any(not before < share < 100 for before, share in zip((0.0, *found), found, strict=False)):
        raise ValueError(message)
    return found
