"""Names of countries and cities in seven languages, and their outdated and misspelt forms."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("place_names.toml")
# Of the Uzbek letters oʻ and gʻ: any of these may be written.
_APOSTROPHES = "[‘ʻ’'`ʼ]"


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


@cache
def country_patterns(language: str) -> Mapping[str, re.Pattern[str]]:
    """Patterns of the countries' names with endings, by ISO 3166-1 alpha-2 code."""
    return {
        code: _pattern(names[language], language)
        for code, names in _table()["countries"].items()
        if language in names
    }


@cache
def city_patterns(language: str) -> Mapping[str, tuple[str, re.Pattern[str]]]:
    """The country's code and the pattern of each city's name, by its English name."""
    # In Tajik, Uzbek and Turkmen the capital of Tajikistan is also a Monday.
    left_out = {"Dushanbe"} if language in ("tg", "uz", "tk") else set[str]()
    return {
        name: (entry["country"], _pattern(entry[language], language))
        for name, entry in _table()["cities"].items()
        if language in entry and name not in left_out
    }


@cache
def wrong_form_patterns(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Outdated and misspelt names, each with the name to write."""
    return tuple(
        (re.compile(rf"(?<![\w-])(?:{written})(?!\w)"), right)
        for written, right in _table()["wrong"].get(language, {}).items()
    )


def _pattern(names: str, language: str) -> re.Pattern[str]:
    if language == "tk":
        # Before an ending with a vowel, "Şymkent" becomes "Şymkendiň", and "Bişkek" "Bişkegiň".
        names = re.sub(r"[td](?=\||$)", "[td]", re.sub(r"k(?=\||$)", "[kg]", names))
    return re.compile(rf"(?<![\w-])(?:{names.replace('‘', _APOSTROPHES)})\w{{0,10}}")
