"""Charts as inline SVG: no script, no library, and readable without colour or a wide screen.

Horizontal sizes are per cent and vertical ones pixels, so that letters keep their size on a phone. Every
chart has a title and a text description for screen readers, and fills that differ by pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from mailer.reports.number_formats import format_number, format_percent
from mailer.reports.stats import Interval, Timeline, Totals
from mailer.reports.tables import EXCLUDED_LABEL, STATE_LABELS

Fill = Literal["full", "light", "dense", "lines", "dots", "hollow"]
Anchor = Literal["start", "middle", "end"]

_FILLS: dict[Fill, str] = {
    "full": "var(--chart-accent, currentColor)",
    "light": "var(--chart-accent, currentColor)",
    "dense": "var(--chart-signal, currentColor)",
    "lines": "url(#{id}-lines)",
    "dots": "url(#{id}-dots)",
    "hollow": "none",
}
_HALO = SafeString(' stroke="var(--chart-ground, none)" stroke-width="4" paint-order="stroke"')

# Bars, in pixels: a row with its label above its bar, and the bar in it.
_ROW_HEIGHT = 42
_BAR_HEIGHT = 14
# Rows of a ranking, besides the one with all others.
RANKED_ROWS = 8


class Style(NamedTuple):
    """How a bar is told apart without colour."""

    # Before its label.
    mark: str = ""
    fill: Fill = "full"


PLAIN = Style()
# For each state of Totals.
_STATE_STYLES: dict[str, Style] = {
    "accepted": Style("●", "full"),
    "planned": Style("○", "hollow"),
    "claimed": Style("▶", "light"),
    "deferred": Style("◆", "dots"),
    "in_doubt": Style("?", "dots"),
    "refused": Style("✕", "lines"),
}

# Columns, in pixels: space above for the peak's number, the columns, space below for the times.
_COLUMNS_TOP, _COLUMNS_HEIGHT, _COLUMNS_BOTTOM = 22, 120, 24
# Per cent: few columns are not as wide as the page.
_MAX_COLUMN_WIDTH = 12.5
_DAY_MINUTES = 1440

# Lines, in pixels: space above and below for values, the line between, space for the labels of the ends.
_LINE_TOP, _LINE_HEIGHT, _LINE_BELOW, _LINE_BOTTOM = 24, 70, 28, 24
# Values that differ by less than this share of the highest do not fill the height, so that small changes look
# small.
_FULL_HEIGHT_DIFFERENCE = 0.5
# Per cent at either side, so that marks and values are not cut off.
_LINE_SIDE = 4.0


@dataclass(frozen=True)
class Bar:
    label: str
    count: int
    # Its length, 0 to 1.
    share: float
    style: Style = PLAIN

    @property
    def value_label(self) -> str:
        """The number at its end: "1 000 (83.3 %)"."""
        return f"{format_number(self.count)} ({format_percent(self.share)})"


class Point(NamedTuple):
    """One value of a line chart."""

    # At the axis.
    label: str
    # None: not known, and the line has a gap.
    value: float | None


class _PlacedPoint(NamedTuple):
    position: int
    x: float
    y: float
    point: Point


def totals_bars(totals: Totals) -> tuple[Bar, ...]:
    """A bar for each state with recipients, and for the excluded ones; the counts sum up to the audience.

    Before anything is sent: only "Accepted", with zero.
    """
    counts = [(str(label), getattr(totals, name), _STATE_STYLES[name]) for name, label in STATE_LABELS]
    counts.append((str(EXCLUDED_LABEL), sum(totals.excluded.values()), Style("–", "lines")))
    shown = [row for row in counts if row[1]] or counts[:1]
    whole = totals.audience or 1
    return tuple(Bar(label, count, count / whole, style) for label, count, style in shown)


def totals_chart(totals: Totals, identifier: str = "totals") -> SafeString:
    """A bar chart of the totals."""
    title = gettext("Delivery status, audience: %(audience)s") % {"audience": format_number(totals.audience)}
    return bar_chart(totals_bars(totals), title, identifier)


def ranking_chart(
    counts: Iterable[tuple[str, int]], whole: int, title: str, identifier: str, *, rows: int = RANKED_ROWS
) -> SafeString:
    """The `rows` largest (label, count), each as a share of `whole`; the others in a last bar."""
    ordered = sorted(counts, key=lambda pair: -pair[1])
    shown = [Bar(label, count, count / whole) for label, count in ordered[:rows]]
    if rest := ordered[rows:]:
        count = sum(count for _, count in rest)
        shown.append(
            Bar(
                gettext("Sum of the other rows (%(rest)s)") % {"rest": format_number(len(rest))},
                count,
                count / whole,
                Style(fill="light"),
            )
        )
    return bar_chart(shown, title, identifier)


def bar_chart(bars: Sequence[Bar], title: str, identifier: str) -> SafeString:
    """Horizontal bars, one a row. `identifier`: unique on the page, like that of every chart."""
    parts = [part for index, bar in enumerate(bars) for part in _bar(bar, index * _ROW_HEIGHT, identifier)]
    values = (f"{bar.label[:1].lower()}{bar.label[1:]} {format_number(bar.count)}" for bar in bars)
    return _svg(parts, len(bars) * _ROW_HEIGHT, title, f"{', '.join(values)}.", identifier)


def column_chart(timeline: Timeline, title: str, identifier: str) -> SafeString:
    """One column an interval, as high as its count; empty without intervals. Unknown times are not drawn."""
    peak = timeline.peak
    if peak is None:
        return SafeString()
    parts = [*_columns(timeline.intervals, peak, identifier), *_column_labels(timeline, peak)]
    first, last = timeline.intervals[0], timeline.intervals[-1]
    description = gettext(
        "The highest column, with %(count)s, is %(most_at)s. The first column is %(first)s, "
        "the last %(last)s."
    ) % {
        "count": format_number(peak.count),
        "most_at": _time(timeline, peak),
        "first": _time(timeline, first),
        "last": _time(timeline, last),
    }
    height = _COLUMNS_TOP + _COLUMNS_HEIGHT + _COLUMNS_BOTTOM
    return _svg(parts, height, title, description, identifier)


def line_chart(
    points: Sequence[Point], title: str, identifier: str, format_value: Callable[[float], str]
) -> SafeString:
    """A line from the oldest point to the newest; the last, highest and lowest show their values.

    Empty without values.
    """
    placed = _placed(points)
    if not placed:
        return SafeString()
    axis = _LINE_TOP + _LINE_HEIGHT + _LINE_BELOW
    parts = [
        _line(0, axis, 100, axis, faint=True),
        # Between neighbours: an unknown value leaves a gap.
        *(_line(a.x, a.y, b.x, b.y) for a, b in pairwise(placed) if b.position - a.position == 1),
        *(_dot(one, one is placed[-1]) for one in placed),
        *_line_values(placed, format_value),
        *_line_ends(points),
    ]
    values = ", ".join(f"{one.point.label} {format_value(one.point.value or 0)}" for one in placed)
    return _svg(parts, axis + _LINE_BOTTOM, title, f"{values}.", identifier)


def _bar(bar: Bar, top: int, identifier: str) -> Iterable[SafeString]:
    yield _text(f"{bar.style.mark} {bar.label}".strip(), 0, top + 14)
    yield _text(bar.value_label, 100, top + 14, "end")
    yield _rect(0.1, top + 20, 99.7, _BAR_HEIGHT, "hollow", identifier)
    if bar.count:
        # Even the smallest count is visible.
        yield _rect(0.1, top + 20, max(bar.share * 99.7, 0.4), _BAR_HEIGHT, bar.style.fill, identifier)


def _columns(intervals: Sequence[Interval], peak: Interval, identifier: str) -> Iterable[SafeString]:
    width = _column_width(intervals)
    bottom = _COLUMNS_TOP + _COLUMNS_HEIGHT
    for index, interval in enumerate(intervals):
        if interval.count:
            height = max(interval.count / (peak.count or 1) * _COLUMNS_HEIGHT, 1.5)
            x = index * width + width * 0.1
            yield _rect(x, bottom - height, width * 0.8, height, "full", identifier)
    yield _line(0, bottom, 100, bottom, faint=True)


def _column_width(intervals: Sequence[Interval]) -> float:
    return min(100 / len(intervals), _MAX_COLUMN_WIDTH)


def _column_labels(timeline: Timeline, peak: Interval) -> Iterable[SafeString]:
    width = _column_width(timeline.intervals)
    middle = (timeline.intervals.index(peak) + 0.5) * width
    x, anchor = _anchored(middle, 10)
    yield _text(format_number(peak.count), x, _COLUMNS_TOP - 7, anchor)
    below = _COLUMNS_TOP + _COLUMNS_HEIGHT + 18
    yield _text(_time(timeline, timeline.intervals[0]), 0, below, quiet=True)
    if len(timeline.intervals) > 1:
        x, anchor = _anchored(len(timeline.intervals) * width, 10)
        yield _text(_time(timeline, timeline.intervals[-1]), max(x, 45), below, "end", quiet=True)


def _time(timeline: Timeline, interval: Interval) -> str:
    first, last, start = timeline.intervals[0].start, timeline.intervals[-1].start, interval.start
    if timeline.interval_minutes >= _DAY_MINUTES:
        return date_format(start, "j M")
    if first.date() == last.date():
        return f"{start:%H:%M}"
    return date_format(start, "j M, H:i")


def _placed(points: Sequence[Point]) -> list[_PlacedPoint]:
    values = [point.value for point in points if point.value is not None]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    span = max(high - low, high * _FULL_HEIGHT_DIFFERENCE) or 1
    step = (100 - 2 * _LINE_SIDE) / max(len(points) - 1, 1)
    return [
        _PlacedPoint(
            index,
            _LINE_SIDE + index * step if len(points) > 1 else 50,
            _LINE_TOP + _LINE_HEIGHT * (0.5 + ((high + low) / 2 - point.value) / span),
            point,
        )
        for index, point in enumerate(points)
        if point.value is not None
    ]


def _dot(one: _PlacedPoint, last: bool) -> SafeString:
    return format_html(
        '<circle cx="{x}%" cy="{y}" r="{r}" fill="{fill}" stroke="var(--chart-accent, currentColor)"'
        ' stroke-width="2"/>',
        x=f"{one.x:.2f}",
        y=f"{one.y:.1f}",
        r=5 if last else 3.5,
        fill="var(--chart-accent, currentColor)" if last else "var(--chart-ground, none)",
    )


def _line_values(
    placed: Sequence[_PlacedPoint], format_value: Callable[[float], str]
) -> Iterable[SafeString]:
    """The value of the last point, and those of the extremes that are far enough from it."""
    last = placed[-1]
    high = max(placed, key=lambda one: one.point.value or 0)
    low = min(placed, key=lambda one: one.point.value or 0)
    shown = [last] + [one for one in (high, low) if abs(one.x - last.x) > 25]
    for one in dict.fromkeys(shown):
        above = one is not low or one is high
        y = round(one.y) - 10 if above else round(one.y) + 20
        x, anchor = _anchored(one.x, 12)
        yield _text(format_value(one.point.value or 0), x, y, anchor, halo=True)


def _line_ends(points: Sequence[Point]) -> Iterable[SafeString]:
    below = _LINE_TOP + _LINE_HEIGHT + _LINE_BELOW + 18
    if len(points) > 1:
        yield _text(points[0].label, 0, below, quiet=True)
        yield _text(points[-1].label, 100, below, "end", quiet=True)
    else:
        yield _text(points[0].label, 50, below, "middle", quiet=True)


def _svg(
    parts: Iterable[SafeString], height: int, title: str, description: str, identifier: str
) -> SafeString:
    return format_html(
        '<svg class="chart" role="img" aria-labelledby="{id}-title {id}-desc" width="100%" height="{height}"'
        ' xmlns="http://www.w3.org/2000/svg"><title id="{id}-title">{title}</title>'
        '<desc id="{id}-desc">{description}</desc>{patterns}{parts}</svg>',
        id=identifier,
        height=height,
        title=title,
        description=description,
        patterns=_patterns(identifier),
        # Every part was escaped when it was made.
        parts=mark_safe("".join(parts)),  # noqa: S308
    )


def _text(
    text: str, x: float, y: int, anchor: Anchor = "start", *, quiet: bool = False, halo: bool = False
) -> SafeString:
    """Text at `x` per cent and `y` pixels: quiet at an axis, with a halo where a line may run behind."""
    return format_html(
        '<text x="{x}%" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{fill}"{halo}>{text}</text>',
        x=f"{x:g}",
        y=y,
        size=13 if quiet else 14,
        anchor=anchor,
        fill="var(--chart-quiet, currentColor)" if quiet else "currentColor",
        text=text,
        halo=_HALO if halo else "",
    )


def _rect(x: float, y: float, width: float, height: float, fill: Fill, identifier: str) -> SafeString:
    """A filled rectangle with an outline; `x` and `width` in per cent."""
    return format_html(
        '<rect x="{x}%" y="{y}" width="{width}%" height="{height}" rx="2" fill="{fill}"'
        ' fill-opacity="{opacity}" stroke="currentColor" stroke-opacity="0.7"/>',
        x=f"{x:.2f}",
        y=f"{y:.1f}",
        width=f"{width:.2f}",
        height=f"{height:.1f}",
        fill=_FILLS[fill].format(id=identifier),
        opacity="0.45" if fill == "light" else "1",
    )


def _line(x: float, y: float, to_x: float, to_y: float, *, faint: bool = False) -> SafeString:
    """A line between two points; an axis is faint."""
    return format_html(
        '<line x1="{x}%" y1="{y}" x2="{to_x}%" y2="{to_y}" stroke="{stroke}" stroke-width="{width}"'
        ' stroke-opacity="{opacity}"/>',
        x=f"{x:.2f}",
        y=f"{y:.1f}",
        to_x=f"{to_x:.2f}",
        to_y=f"{to_y:.1f}",
        stroke="currentColor" if faint else "var(--chart-accent, currentColor)",
        width=1 if faint else 2.5,
        opacity="0.3" if faint else "1",
    )


def _anchored(x: float, margin: float) -> tuple[float, Anchor]:
    """Position and anchor of a text at `x` per cent, so that it is not cut off at a side."""
    return (0, "start") if x < margin else (100, "end") if x > 100 - margin else (x, "middle")


def _patterns(identifier: str) -> SafeString:
    return format_html(
        '<defs><pattern id="{id}-lines" width="6" height="6" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><rect width="3" height="6" fill="var(--chart-signal, currentColor)"/>'
        '</pattern><pattern id="{id}-dots" width="6" height="6" patternUnits="userSpaceOnUse">'
        '<circle cx="3" cy="3" r="1.8" fill="var(--chart-accent, currentColor)"/></pattern></defs>',
        id=identifier,
    )
