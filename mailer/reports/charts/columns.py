"""Columns over time, side by side without gaps in time; the fullest says its number."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.safestring import SafeString

from mailer.reports.charts.drawing import box, framed, kept_inside, line, text
from mailer.reports.labels import number
from mailer.reports.timeline import Spread, Step

# Pixels: room above for the number, the columns, and room below for the times.
_TOP, _HEIGHT, _BOTTOM = 22, 120, 24
_DAY = 1440


def columns(spread: Spread, title: str, identifier: str) -> SafeString:
    """One column a step, as high as its count; nothing is drawn of what happened at an unknown time."""
    peak = spread.peak
    if peak is None:
        return SafeString()
    drawn = [*_columns(spread.steps, peak, identifier), *_words(spread, peak)]
    told = f"The most, {number(peak.count)}, from {_time(spread, peak)}. {_span(spread)}"
    return framed(drawn, _TOP + _HEIGHT + _BOTTOM, title, told, identifier)


def _columns(steps: tuple[Step, ...], peak: Step, identifier: str) -> Iterable[SafeString]:
    # Few columns are not as broad as the page.
    each = min(100 / len(steps), 12.5)
    for place, step in enumerate(steps):
        height = step.count / (peak.count or 1) * _HEIGHT
        if step.count:
            top = _TOP + _HEIGHT - max(height, 1.5)
            yield box(place * each + each * 0.1, top, each * 0.8, max(height, 1.5), "full", identifier)
    yield line(0, _TOP + _HEIGHT, 100, _TOP + _HEIGHT, faint=True)


def _words(spread: Spread, peak: Step) -> Iterable[SafeString]:
    each = min(100 / len(spread.steps), 12.5)
    middle = (spread.steps.index(peak) + 0.5) * each
    x, anchor = kept_inside(middle, 10)
    yield text(number(peak.count), x, _TOP - 7, anchor)
    below = _TOP + _HEIGHT + 18
    yield text(_time(spread, spread.steps[0]), 0, below, quiet=True)
    if len(spread.steps) > 1:
        x, anchor = kept_inside(len(spread.steps) * each, 10)
        yield text(_time(spread, spread.steps[-1]), max(x, 45), below, "end", quiet=True)


def _time(spread: Spread, step: Step) -> str:
    first, last = spread.steps[0].begins, spread.steps[-1].begins
    if spread.width >= _DAY:
        return f"{step.begins.day} {step.begins:%b}"
    if first.date() == last.date():
        return f"{step.begins:%H:%M}"
    return f"{step.begins.day} {step.begins:%b}, {step.begins:%H:%M}"


def _span(spread: Spread) -> str:
    first, last = spread.steps[0], spread.steps[-1]
    return f"The first column is {_time(spread, first)}, the last {_time(spread, last)}."
