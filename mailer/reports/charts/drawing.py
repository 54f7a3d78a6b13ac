"""What all charts share: a frame with words for those who do not see it, and fills told apart by pattern.

Sideways everything is measured in per cent and upwards in pixels, so that letters keep their size on a phone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

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


def framed(parts: Iterable[SafeString], height: int, title: str, words: str, identifier: str) -> SafeString:
    """The drawing as one picture named `title` and told in `words`; `identifier` is unique on the page."""
    return format_html(
        '<svg class="chart" role="img" aria-labelledby="{id}-title {id}-desc" width="100%" height="{height}"'
        ' xmlns="http://www.w3.org/2000/svg"><title id="{id}-title">{title}</title>'
        '<desc id="{id}-desc">{words}</desc>{patterns}{drawn}</svg>',
        id=identifier,
        height=height,
        title=title,
        words=words,
        patterns=_patterns(identifier),
        # Every part was escaped when it was made.
        drawn=mark_safe("".join(parts)),  # noqa: S308
    )


def text(
    words: str, x: float, y: int, anchor: Anchor = "start", *, quiet: bool = False, halo: bool = False
) -> SafeString:
    """Words at `x` per cent and `y` pixels: quiet at an axis, with a halo where a line may run behind."""
    return format_html(
        '<text x="{x}%" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{fill}"{halo}>{words}</text>',
        x=f"{x:g}",
        y=y,
        size=13 if quiet else 14,
        anchor=anchor,
        fill="var(--chart-quiet, currentColor)" if quiet else "currentColor",
        words=words,
        halo=_HALO if halo else "",
    )


def box(x: float, y: float, width: float, height: float, fill: Fill, identifier: str) -> SafeString:
    """A filled box with an outline; `x` and `width` in per cent."""
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


def line(x: float, y: float, to_x: float, to_y: float, *, faint: bool = False) -> SafeString:
    """A line between two points; a faint one belongs to the frame."""
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


def kept_inside(x: float, margin: float) -> tuple[float, Anchor]:
    """Where words about the point at `x` per cent stand, and how, so that none is cut off at a side."""
    return (0, "start") if x < margin else (100, "end") if x > 100 - margin else (x, "middle")


def _patterns(identifier: str) -> SafeString:
    return format_html(
        '<defs><pattern id="{id}-lines" width="6" height="6" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><rect width="3" height="6" fill="var(--chart-signal, currentColor)"/>'
        '</pattern><pattern id="{id}-dots" width="6" height="6" patternUnits="userSpaceOnUse">'
        '<circle cx="3" cy="3" r="1.8" fill="var(--chart-accent, currentColor)"/></pattern></defs>',
        id=identifier,
    )
