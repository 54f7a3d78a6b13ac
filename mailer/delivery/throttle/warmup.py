"""Warm-up: how much mail a day a new address or domain may send, until receivers know it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

# Messages on the first, second… day of sending. After the last there is no limit.
_ALLOWED = (
    *(50, 100, 250, 500, 1_000, 2_500, 5_000, 7_500, 10_000, 15_000),
    *(20_000, 30_000, 40_000, 55_000, 70_000, 100_000),
)
# A day on which a larger share than this was put off is repeated.
_HARD = 0.05


class Progress(NamedTuple):
    """How far the warm-up has come."""

    # The day that is counted.
    day: date
    # From 0 on the first day.
    step: int
    # Messages that a server answered on that day, and those of them that it put off.
    tried: int = 0
    put_off: int = 0

    @property
    def allowed(self) -> int | None:
        """Messages a day at this step; None: as many as you like."""
        return _ALLOWED[self.step] if self.step < len(_ALLOWED) else None


def begun(since: date, today: date) -> Progress:
    """The progress where none was kept: as if every day since then had gone well."""
    return Progress(today, max((today - since).days, 0))


def on(progress: Progress, today: date) -> Progress:
    """The progress as of `today`: a step further after a day that had mail and went well, else the same."""
    if today <= progress.day:
        return progress
    well = progress.tried > 0 and progress.put_off <= _HARD * progress.tried
    return Progress(today, progress.step + well)


def counted(progress: Progress, tried: int, put_off: int) -> Progress:
    """The progress after so many more answers."""
    return progress._replace(tried=progress.tried + tried, put_off=progress.put_off + put_off)
