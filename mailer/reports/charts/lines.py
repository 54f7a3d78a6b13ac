"""A line from edition to edition; the last, the highest and the lowest point say their values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from django.utils.html import format_html
from django.utils.safestring import SafeString

from mailer.reports.charts.drawing import Anchor, framed, kept_inside, line, text

# Pixels: room above and below for values, the line between, and room for the names of the ends.
_TOP, _HEIGHT, _BELOW, _BOTTOM = 24, 70, 28, 24
# Values that differ by less than this share of the highest do not fill the height: a wave is no storm.
_FULL = 0.5
# Per cent at either side, so that marks and values are not cut off.
_SIDE = 4.0


class Point(NamedTuple):
    # What it is called at the axis.
    label: str
    # None: not known, and the line has a gap.
    value: float | None


class _Place(NamedTuple):
    number: int
    x: float
    y: float
    point: Point


def trend_line(
    points: Sequence[Point], title: str, identifier: str, told: Callable[[float], str]
) -> SafeString:
    """The points from the oldest to the newest; `told` writes a value."""
    places = _places(points)
    if not places:
        return SafeString()
    drawn = [
        line(0, _TOP + _HEIGHT + _BELOW, 100, _TOP + _HEIGHT + _BELOW, faint=True),
        # Between neighbours: an edition of which nothing is known leaves a gap.
        *(line(a.x, a.y, b.x, b.y) for a, b in pairwise(places) if b.number - a.number == 1),
        *(_mark(place, place is places[-1]) for place in places),
        *_values(places, told),
        *_ends(points),
    ]
    words = ", ".join(f"{one.point.label} {told(one.point.value or 0)}" for one in places)
    return framed(drawn, _TOP + _HEIGHT + _BELOW + _BOTTOM, title, f"{words}.", identifier)


def _places(points: Sequence[Point]) -> list[_Place]:
    values = [point.value for point in points if point.value is not None]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    span = max(high - low, high * _FULL) or 1
    each = (100 - 2 * _SIDE) / max(len(points) - 1, 1)
    return [
        _Place(
            number,
            _SIDE + number * each if len(points) > 1 else 50,
            _TOP + _HEIGHT * (0.5 + ((high + low) / 2 - point.value) / span),
            point,
        )
        for number, point in enumerate(points)
        if point.value is not None
    ]


def _mark(place: _Place, last: bool) -> SafeString:
    return format_html(
        '<circle cx="{x}%" cy="{y}" r="{r}" fill="{fill}" stroke="var(--chart-accent, currentColor)"'
        ' stroke-width="2"/>',
        x=f"{place.x:.2f}",
        y=f"{place.y:.1f}",
        r=5 if last else 3.5,
        fill="var(--chart-accent, currentColor)" if last else "var(--chart-ground, none)",
    )


def _values(places: Sequence[_Place], told: Callable[[float], str]) -> Iterable[SafeString]:
    """The last one's value, and those of the extremes where they are others and stand free of it."""
    last = places[-1]
    high = max(places, key=lambda place: place.point.value or 0)
    low = min(places, key=lambda place: place.point.value or 0)
    shown = [last] + [one for one in (high, low) if abs(one.x - last.x) > 25]
    for place in dict.fromkeys(shown):
        above = place is not low or place is high
        y = round(place.y) - 10 if above else round(place.y) + 20
        x, anchor = kept_inside(place.x, 12)
        yield text(told(place.point.value or 0), x, y, anchor, halo=True)


def _ends(points: Sequence[Point]) -> Iterable[SafeString]:
    below = _TOP + _HEIGHT + _BELOW + 18
    yield text(points[0].label, 0 if len(points) > 1 else 50, below, _end_anchor(points), quiet=True)
    if len(points) > 1:
        yield text(points[-1].label, 100, below, "end", quiet=True)


def _end_anchor(points: Sequence[Point]) -> Anchor:
    return "start" if len(points) > 1 else "middle"
