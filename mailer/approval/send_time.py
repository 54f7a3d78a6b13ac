"""When it is a certain hour of a reader's own day."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global


def next_hour(start: datetime, hour: int, zone: ZoneInfo) -> datetime:
    """The first moment at or after `start` at which it is `hour` o'clock in `zone`; UTC."""
    day = start.astimezone(zone).date()
    for later in (0, 1):
        found = datetime(day.year, day.month, day.day, hour, tzinfo=zone) + timedelta(days=later)
        if found >= start:
            break
    return found.astimezone(UTC)


def local_send_time(countries: Collection[str], start: datetime, hour: int, zone: ZoneInfo) -> datetime:
    """`next_hour` for a reader of these countries (ISO 3166-1 alpha-2).

    Where their clocks do not all agree, or no country was chosen, `zone` decides.
    """
    moments = {next_hour(start, hour, own) for own in _zones(countries)}
    return moments.pop() if len(moments) == 1 else next_hour(start, hour, zone)


def _zones(countries: Collection[str]) -> Iterator[ZoneInfo]:
    known = get_global("territory_zones")
    for name in sorted({name for country in countries for name in known.get(country, ())}):
        try:
            yield ZoneInfo(name)
        except ZoneInfoNotFoundError:
            # Named by Babel, and not by this machine's own data.
            continue
