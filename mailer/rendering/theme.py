"""Theme tokens (colours, fonts, width, corners): defaults, validation and contrast."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from mailer.rendering.mark_staff_messages_for_translation import stored

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
# Font stacks to choose from: fonts of Windows, Android, Apple and Linux that have the letters of Kazakh,
# Kyrgyz, Tajik and Uzbek. A mail program uses the first one that the reader has.
FONTS: Mapping[str, str] = MappingProxyType(
    {
        "sans": "'Segoe UI', 'Noto Sans', Roboto, Helvetica, Arial, sans-serif",
        "neutral": "Arial, Helvetica, 'Liberation Sans', sans-serif",
        "wide": "Verdana, 'DejaVu Sans', Geneva, sans-serif",
        "serif": "Cambria, 'Noto Serif', 'Times New Roman', Times, serif",
        "classic": "'Times New Roman', Times, 'Liberation Serif', serif",
    }
)
# Every token by name: the light's colours, the dark's with `dark_` before, the fonts of texts and of
# headlines, the width and the radius of corners in pixels.
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        **_LIGHT,
        **{f"dark_{name}": colour for name, colour in _DARK.items()},
        "font": FONTS["sans"],
        # "inherit": that of the text.
        "heading_font": "inherit",
        "width": "600",
        "corner": "4",
    }
)
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}\Z")
_FONT = re.compile(r"[A-Za-z0-9 ,'-]{1,160}\Z")
# Pixels.
WIDTHS = range(480, 721)
CORNERS = range(25)
# Marks of countries, in the order of the newsletter's countries; each is 3:1 on the page in light and dark.
COUNTRY_MARKS = ("#0A8FA8", "#C8553D", "#3F8F5B", "#8A6BC2", "#B07A12", "#4F7CB5")
# Foreground and background that meet in the template. Running text needs 4.5:1 (WCAG 2.2, 1.4.3).
CONTRAST_PAIRS = (
    *((front, back) for back in ("page", "tint") for front in ("ink", "heading", "accent", "quiet")),
    ("quiet", "ground"),
    ("accent", "ground"),
    *((front, "deep") for front in ("on_deep", "deep_link", "signal")),
)
# In the dark, the words of buttons stand on the signal colour.
_DARK_PAIRS = (("deep", "signal"),)
MIN_CONTRAST = 4.5


_BULLETIN_LIGHT = {
    "ground": "#E9EEF2",
    "page": "#FFFFFF",
    "tint": "#DFEAF3",
    "ink": "#1E2A33",
    "heading": "#0B3C5D",
    "accent": "#0B5A8A",
    "deep": "#0B3C5D",
    "on_deep": "#FFFFFF",
    "deep_link": "#A9D6F5",
    "signal": "#F7B733",
    "quiet": "#4D5C68",
    "rule": "#C9D4DC",
    "band": "#D9480F",
}
_BULLETIN_DARK = {
    "ground": "#0C141A",
    "page": "#131E26",
    "tint": "#1C2C38",
    "ink": "#DDE6EC",
    "heading": "#FFFFFF",
    "accent": "#8CC8F0",
    "deep": "#0A2638",
    "on_deep": "#FFFFFF",
    "deep_link": "#A9D6F5",
    "signal": "#F7B733",
    "quiet": "#A7B6C1",
    "rule": "#2F4250",
    "band": "#D9480F",
}
_PLAIN_LIGHT = {
    "ground": "#FFFFFF",
    "page": "#FFFFFF",
    "tint": "#F6F3EC",
    "ink": "#232323",
    "heading": "#171717",
    "accent": "#8A2F12",
    "deep": "#2B2B2B",
    "on_deep": "#FFFFFF",
    "deep_link": "#F3C9B8",
    "signal": "#F0B44C",
    "quiet": "#5E5A54",
    "rule": "#D8D3C8",
    "band": "#D8D3C8",
}
_PLAIN_DARK = {
    "ground": "#171614",
    "page": "#171614",
    "tint": "#24221E",
    "ink": "#E6E2DA",
    "heading": "#F7F4EE",
    "accent": "#F0A488",
    "deep": "#24221E",
    "on_deep": "#F7F4EE",
    "deep_link": "#F3C9B8",
    "signal": "#F0B44C",
    "quiet": "#B3ADA2",
    "rule": "#3D3A34",
    "band": "#3D3A34",
}
_MAGAZINE_LIGHT = {
    "ground": "#EFE9DF",
    "page": "#FFFDF9",
    "tint": "#F6EBDD",
    "ink": "#2A2522",
    "heading": "#1C1917",
    "accent": "#9B1B30",
    "deep": "#1C1917",
    "on_deep": "#FFFDF9",
    "deep_link": "#F4B9A7",
    "signal": "#F0B44C",
    "quiet": "#62584F",
    "rule": "#DCD2C3",
    "band": "#9B1B30",
}
_MAGAZINE_DARK = {
    "ground": "#100E0D",
    "page": "#1B1816",
    "tint": "#2A2420",
    "ink": "#E8E0D8",
    "heading": "#FFFDF9",
    "accent": "#F39A9A",
    "deep": "#0B0A09",
    "on_deep": "#FFFDF9",
    "deep_link": "#F4B9A7",
    "signal": "#F0B44C",
    "quiet": "#B8ADA2",
    "rule": "#3E3732",
    "band": "#9B1B30",
}
# What each colour is used for, as staff read it; those of dark mode have "dark_" in front.
USES = {
    "ground": stored("Background around the email"),
    "page": stored("Page"),
    "tint": stored("Background of shaded blocks"),
    "ink": stored("Text"),
    "heading": stored("Headlines"),
    "accent": stored("Lines beside countries, and links"),
    "deep": stored("Background of masthead and buttons"),
    "on_deep": stored("Text on the masthead"),
    "deep_link": stored("Links on the masthead"),
    "signal": stored("Edition number and main button"),
    "quiet": stored("Small print"),
    "rule": stored("Divider lines between blocks"),
    "band": stored("Decorative band"),
}


def _named(light: Mapping[str, str], dark: Mapping[str, str], **others: str) -> Mapping[str, str]:
    return MappingProxyType({**light, **{f"dark_{name}": one for name, one in dark.items()}, **others})


# The complete themes by name: what each changes in DEFAULTS. "" is the default theme. The parts of the others
# are in templates/mail/themes/; see template_sandbox.theme_parts.
THEMES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "": MappingProxyType({}),
        "bulletin": _named(_BULLETIN_LIGHT, _BULLETIN_DARK, font=FONTS["neutral"], width="640", corner="2"),
        "plain": _named(_PLAIN_LIGHT, _PLAIN_DARK, font=FONTS["serif"], width="560", corner="0"),
        "magazine": _named(
            _MAGAZINE_LIGHT, _MAGAZINE_DARK, heading_font=FONTS["serif"], width="640", corner="0"
        ),
    }
)
# Names the theme that a newsletter starts from, among the changed tokens that it stores.
BASE = "base"


def theme_tokens(name: str) -> Mapping[str, str]:
    """Every token of the complete theme with this name; of the default theme where there is none."""
    return {**DEFAULTS, **THEMES.get(name, {})}


def unvalidated_token_changes(stored_changes: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What a newsletter's stored changes, BASE included, change in DEFAULTS, by name of the token."""
    changes = {str(name): str(value) for name, value in stored_changes.items()}
    base = changes.pop(BASE, "")
    return tuple(sorted({**THEMES.get(base, {}), **changes}.items()))


def all_tokens(changes: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Every token, with those of `changes` that are valid; the others keep their default."""
    return _merged(tuple(changes))


@cache
def _merged(changes: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return MappingProxyType(
        {**DEFAULTS, **{name: value for name, value in changes if not token_error(name, value)}}
    )


# Where the masthead stands on the page, not on the deep ground.
_LIGHT_MASTHEADS = frozenset({"plain"})


def logo_background_and_contrasting_one(
    stored_changes: Mapping[str, str], *, dark: bool = False
) -> tuple[str, str]:
    """By a newsletter's changes, the colours (#RRGGBB) behind the logo and of a ground unlike it."""
    merged = all_tokens(unvalidated_token_changes(stored_changes))
    behind = "page" if stored_changes.get(BASE, "") in _LIGHT_MASTHEADS else "deep"
    if dark:
        return merged[f"dark_{behind}"], merged["page"]
    return merged[behind], merged["deep" if behind == "page" else "page"]


def token_error(name: str, value: str) -> str:
    """The error in a token's value, for staff; empty when it is valid."""
    if name not in DEFAULTS:
        return stored(
            "“%(name)s” is not a setting of the design; these are: %(names)s.",
            name=name,
            names=", ".join(DEFAULTS),
        )
    if name == "width":
        return (
            ""
            if _is_number_in(value, WIDTHS)
            else stored(
                "The width of the email must be a number of pixels from %(from)s to %(to)s, such as 600.",
                **{"from": WIDTHS[0], "to": WIDTHS[-1]},
            )
        )
    if name == "corner":
        return (
            ""
            if _is_number_in(value, CORNERS)
            else stored(
                "The radius of rounded corners must be a number of pixels from %(from)s to %(to)s.",
                **{"from": CORNERS[0], "to": CORNERS[-1]},
            )
        )
    if name in ("font", "heading_font"):
        balanced = bool(_FONT.match(value)) and value.count("'") % 2 == 0
        return (
            ""
            if balanced
            else stored("The font must be font names separated by commas, quoted as 'Noto Sans'.")
        )
    return (
        ""
        if _COLOUR.match(value)
        else stored("The colour “%(name)s” must be written as # and six hexadecimal digits.", name=name)
    )


def ornament_url_path(tokens: Mapping[str, str]) -> str:
    """The path on the site of the band below the masthead, a PNG in the theme's colours."""
    return f"/ornament/{tokens['signal'][1:].upper()}-{tokens['on_deep'][1:].upper()}.png"


def _is_number_in(value: str, allowed: range) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 3 and int(value) in allowed


class PairContrast(NamedTuple):
    """Two tokens that meet in the template, and their contrast ratio."""

    front: str
    back: str
    ratio: float

    @property
    def enough(self) -> bool:
        return self.ratio >= MIN_CONTRAST


def pair_contrasts(changes: Mapping[str, str]) -> tuple[PairContrast, ...]:
    """Every pair of colours that meet in the template with `changes`; the pairs of the light come first."""
    merged = all_tokens(tuple(changes.items()))
    pairs = (
        *CONTRAST_PAIRS,
        *((f"dark_{front}", f"dark_{back}") for front, back in (*CONTRAST_PAIRS, *_DARK_PAIRS)),
    )
    return tuple(
        PairContrast(front, back, contrast_ratio(merged[front], merged[back])) for front, back in pairs
    )


def low_contrasts(changes: Mapping[str, str]) -> tuple[PairContrast, ...]:
    """The pairs of colours whose contrast is below MIN_CONTRAST in the theme with `changes`."""
    return tuple(one for one in pair_contrasts(changes) if not one.enough)


def theme_problems(changes: Mapping[str, str]) -> tuple[str, ...]:
    """Invalid values and insufficient contrasts of the theme with `changes`, as messages for staff."""
    invalid = tuple(
        reason for reason in (token_error(name, value) for name, value in changes.items()) if reason
    )
    pale = (
        stored(
            "The colour %(front)s on %(back)s has a contrast of %(ratio)s:1; text needs %(least)s:1.",
            front=one.front,
            back=one.back,
            ratio=f"{one.ratio:.1f}",
            least=MIN_CONTRAST,
        )
        for one in low_contrasts(changes)
    )
    return (*invalid, *pale)


def colour_use(token: str) -> str:
    """What a colour is used for, in light or dark mode: a text for the catalogues."""
    return USES[token.removeprefix("dark_")]


def contrast_ratio(one: str, other: str) -> float:
    """The contrast ratio of two colours (#RRGGBB), 1.0 to 21.0; WCAG 2.2, "contrast ratio"."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
