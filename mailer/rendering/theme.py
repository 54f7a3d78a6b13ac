"""Theme tokens (colours, font, width): defaults, validation and contrast."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from mailer.rendering.staff_texts import stored

_LIGHT = {
    "ground": "#F2EEE6",
    "page": "#FFFFFF",
    "tint": "#E6F1F2",
    "ink": "#22303C",
    "heading": "#0F2F4A",
    "accent": "#0A6E7A",
    "deep": "#0F2F4A",
    "on_deep": "#FFFFFF",
    "deep_link": "#8FD3DB",
    "signal": "#E9A724",
    "quiet": "#5B6B78",
    "rule": "#D9DEE2",
    "band": "#0A6E7A",
}
_DARK = {
    "ground": "#10181F",
    "page": "#17222C",
    "tint": "#1D2B36",
    "ink": "#DCE5EA",
    "heading": "#FFFFFF",
    "accent": "#8FD3DB",
    "deep": "#10181F",
    "on_deep": "#FFFFFF",
    "deep_link": "#8FD3DB",
    "signal": "#E9A724",
    "quiet": "#A9B8C2",
    "rule": "#33434F",
    "band": "#0A6E7A",
}
# Every token by name: the light's colours, the dark's with `dark_` before, the font, the width in pixels.
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        **_LIGHT,
        **{f"dark_{name}": colour for name, colour in _DARK.items()},
        # All of these have the letters of Kazakh, Kyrgyz, Tajik and Uzbek.
        "font": "'Segoe UI', 'Noto Sans', Roboto, Helvetica, Arial, sans-serif",
        "width": "600",
    }
)
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}\Z")
_FONT = re.compile(r"[A-Za-z0-9 ,'-]{1,160}\Z")
_WIDTHS = range(480, 721)
# Foreground and background that meet in the template. Running text needs 4.5:1 (WCAG 2.2, 1.4.3).
CONTRAST_PAIRS = (
    *((front, back) for back in ("page", "tint") for front in ("ink", "heading", "accent", "quiet")),
    ("quiet", "ground"),
    ("accent", "ground"),
    *((front, "deep") for front in ("on_deep", "deep_link", "signal")),
)
MIN_CONTRAST = 4.5


def tokens(changes: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Every token, with those of `changes` that are valid; the others keep their default."""
    return _merged(tuple(changes))


@cache
def _merged(changes: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return MappingProxyType(
        {**DEFAULTS, **{name: value for name, value in changes if not token_error(name, value)}}
    )


def token_error(name: str, value: str) -> str:
    """The error in a token's value, for staff; empty when it is valid."""
    if name not in DEFAULTS:
        return stored(
            "“%(name)s” is not a token of the theme; tokens are: %(names)s.",
            name=name,
            names=", ".join(DEFAULTS),
        )
    if name == "width":
        fits = value.isascii() and value.isdigit() and int(value[:4]) in _WIDTHS and len(value) == 3
        return (
            ""
            if fits
            else stored(
                "The width must be a number of pixels from %(from)s to %(to)s, such as 600.",
                **{"from": _WIDTHS[0], "to": _WIDTHS[-1]},
            )
        )
    if name == "font":
        balanced = bool(_FONT.match(value)) and value.count("'") % 2 == 0
        return (
            "" if balanced else stored("The font must be names with commas between, quoted as 'Noto Sans'.")
        )
    return (
        ""
        if _COLOUR.match(value)
        else stored("The colour “%(name)s” must be written as # and six hexadecimal digits.", name=name)
    )


class LowContrast(NamedTuple):
    """Two tokens that meet in the template, and their contrast ratio."""

    front: str
    back: str
    ratio: float


def low_contrasts(changes: Mapping[str, str]) -> tuple[LowContrast, ...]:
    """The pairs of colours whose contrast is below MIN_CONTRAST in the theme with `changes`."""
    merged = tokens(tuple(changes.items()))
    pairs = ((prefix + front, prefix + back) for prefix in ("", "dark_") for front, back in CONTRAST_PAIRS)
    found = (LowContrast(front, back, contrast(merged[front], merged[back])) for front, back in pairs)
    return tuple(one for one in found if one.ratio < MIN_CONTRAST)


def problems(changes: Mapping[str, str]) -> tuple[str, ...]:
    """Invalid values and insufficient contrasts of the theme with `changes`, as messages for staff."""
    invalid = tuple(
        reason for reason in (token_error(name, value) for name, value in changes.items()) if reason
    )
    pale = (
        stored(
            "%(front)s on %(back)s has a contrast of %(ratio)s:1; text needs %(least)s:1.",
            front=one.front,
            back=one.back,
            ratio=f"{one.ratio:.1f}",
            least=MIN_CONTRAST,
        )
        for one in low_contrasts(changes)
    )
    return (*invalid, *pale)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (#RRGGBB), 1.0 to 21.0; WCAG 2.2, "contrast ratio"."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
