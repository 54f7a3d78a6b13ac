"""The moment at which readers of some countries get an edition that is sent at a local hour."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global


def local_send_time(countries: Collection[str], start: datetime, hour: int, zone: ZoneInfo) -> datetime:
    """`next_hour` for a subscriber of these countries (ISO 3166-1 alpha-2).

    `zone` decides where their time zones differ or no country was chosen.
    """
    moments = {next_hour(start, hour, own) for own in zones_of(countries)}
    return moments.pop() if len(moments) == 1 else next_hour(start, hour, zone)


def next_hour(start: datetime, hour: int, zone: ZoneInfo) -> datetime:
    """The first time at or after `start` at which it is `hour` o'clock in `zone`; UTC."""
    day = start.astimezone(zone).date()
    for later in (0, 1):
        found = datetime(day.year, day.month, day.day, hour, tzinfo=zone) + timedelta(days=later)
        if found >= start:
            break
    return found.astimezone(UTC)


def zones_of(countries: Collection[str]) -> Iterator[ZoneInfo]:
    """The time zones of these countries (ISO 3166-1 alpha-2), each once."""
    known = get_global("territory_zones")
    for name in sorted({name for country in countries for name in known.get(country, ())}):
        try:
            yield ZoneInfo(name)
        except ZoneInfoNotFoundError:
            # Babel knows this zone; the system's zone data do not.
            continue
