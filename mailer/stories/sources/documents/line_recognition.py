"""Recognises lines that stand around the stories of documents and emails, in the office's seven languages.

These are names of countries and languages, headings of sections, dates and times, and labels such as
"Place:" and "Read more:".
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date, time
from functools import cache
from pathlib import Path

from babel import Locale
from django.conf import settings

from subscribers.imports.countries_and_languages import (
    fold_case_and_apostrophes,
    parse_countries,
    parse_language,
)

_LOCALES = ("en", "ru", "kk", "ky", "tg", "uz", "uz_Cyrl", "tk")
# A line with more characters names no countries only.
_LONGEST_LINE = 160
_BETWEEN = re.compile(
    r"\s*(?:[,;/|•·+&\n]|\s[–—-]\s)\s*|\s+(?:and|и|және|жана|ва|va|we|hem)\s+", re.IGNORECASE
)
_EDGES = " \t\n:.–—-|•·*#()[]"


_PHRASES = tomllib.loads(Path(__file__).with_name("phrases.toml").read_text("utf-8"))
_REGION = frozenset(map(fold_case_and_apostrophes, _PHRASES["region"]))
_KINDS = {
    kind: frozenset(map(fold_case_and_apostrophes, phrases)) for kind, phrases in _PHRASES["kinds"].items()
}
_LABEL_OF = {
    fold_case_and_apostrophes(one): label for label, phrases in _PHRASES["labels"].items() for one in phrases
}
_LABELLED = re.compile(r"\s*([^\W\d_][^:：\n]{0,40}?)\s*(?:\d{1,3}\s*)?[:：→»]+\s*(.*)", re.DOTALL)
_NUMBERED_CAPTION = re.compile(r"\s*([^\W\d_]{2,12})\.?\s*\d{1,3}\s*[.:–—-]?\s+(.*)", re.DOTALL)


@dataclass(frozen=True)
class Labelled:
    """A line with a label."""

    # "countries", "day", "time", "place", "link" or "caption".
    label: str
    text: str


def find_label(line: str) -> Labelled | None:
    """The label of "Place: House of Cinema", and what follows it."""
    found = _LABELLED.match(line)
    kind = _LABEL_OF.get(fold_case_and_apostrophes(found[1])) if found else None
    if found and kind:
        return Labelled(kind, found[2].strip())
    found = _NUMBERED_CAPTION.match(line)
    if found and _LABEL_OF.get(fold_case_and_apostrophes(found[1])) == "caption":
        return Labelled("caption", found[2].strip())
    return None


def is_link_label(text: str) -> bool:
    """Whether the text is a label of a link alone: "Read more »"."""
    return _LABEL_OF.get(fold_case_and_apostrophes(text.strip(" .:…»>→"))) == "link"


def parse_countries_line(line: str) -> tuple[str, ...] | None:
    """Codes (ISO 3166-1 alpha-2) of a line that names nothing but countries, in its order.

    () for "Whole region"; None where the line says anything else.
    """
    text = line.strip(_EDGES)
    if not text or len(text) > _LONGEST_LINE:
        return None
    if fold_case_and_apostrophes(text) in _REGION:
        return ()
    if (whole := _country(text)) is not None:
        return (whole,)
    parts = [part.strip(_EDGES) for part in _BETWEEN.split(text)]
    codes = [_country(part) for part in parts if part]
    return tuple(dict.fromkeys(code for code in codes if code)) if codes and all(codes) else None


def _country(name: str) -> str | None:
    # Short words are words of a sentence more often than codes.
    if len(name) < 4 and name not in settings.CONFIG.site.countries:
        return None
    try:
        found = parse_countries(name)
    except ValueError:
        return None
    return found[0] if len(found) == 1 else None


def parse_language_line(line: str) -> str:
    """The code (BCP 47) of a line that names nothing but a language, such as "Русский" or "RU"; or ""."""
    text = line.strip(_EDGES)
    if len(text) < 4:
        code = text.lower()
        return code if text.isupper() and code in settings.CONFIG.site.languages else ""
    if len(text) > 30:
        return ""
    try:
        return parse_language(text)
    except ValueError:
        return ""


def section_kind(line: str) -> str:
    """The kind of story, or "news", of a heading such as "Publications"; "" of any other."""
    text = fold_case_and_apostrophes(line.strip(_EDGES + "!"))
    return next((kind for kind, phrases in _KINDS.items() if text in phrases), "")


_ISO_DAY = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_NUMERIC_DAY = re.compile(r"\b(\d{1,2})[./](\d{1,2})[./](\d{4})\b")
_WORD = re.compile(r"[^\W\d_]+(?:[ʻʼ’'][^\W\d_]+)*")
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d{2})(?!\d)")
_DAY = re.compile(r"(?<![\d:.])(\d{1,2})(?![\d:]|\.\d)")
# Characters around a month's name in which its day and year are.
_NEAR = 24


@cache
def _months() -> dict[str, int]:
    found: dict[str, int] = {}
    for name in _LOCALES:
        months = Locale.parse(name).months
        for use in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, month in months[use][width].items():
                    word = fold_case_and_apostrophes(str(month).rstrip("."))
                    if len(word) > 2:
                        found.setdefault(word, number)
    return found


def _month(word: str) -> int:
    """The number of a month's name in any of the languages, with an ending: "декабрынын"; else 0."""
    months, folded = _months(), fold_case_and_apostrophes(word)
    if folded in months:
        return months[folded]
    stems = [
        name for name in months if len(name) >= 4 and folded.startswith(name[:-1] if len(name) > 4 else name)
    ]
    best = max(stems, key=len, default="")
    return months[best] if best and len(folded) <= len(best) + 6 else 0


def find_day(text: str) -> tuple[date, tuple[int, int]] | None:
    """The first date with day, month and year in the text, and where it stands."""
    for pattern, order in ((_ISO_DAY, (1, 2, 3)), (_NUMERIC_DAY, (3, 2, 1))):
        found = pattern.search(text)
        if found and (day := _date(*(int(found[place]) for place in order))):
            return day, found.span()
    for word in _WORD.finditer(text):
        month = _month(word[0])
        if not month:
            continue
        begin, end = max(0, word.start() - _NEAR), min(len(text), word.end() + _NEAR)
        before, after = text[begin : word.start()], text[word.end() : end]
        years = _numbers(_YEAR, after, word.end()) + _numbers(_YEAR, before, begin)
        days = _numbers(_DAY, before, begin)[::-1] + _numbers(_DAY, after, word.end())
        if not years or not days:
            continue
        (year, year_span), (number, day_span) = years[0], days[0]
        if day := _date(year, month, number):
            spans = (word.span(), year_span, day_span)
            return day, (min(one[0] for one in spans), max(one[1] for one in spans))
    return None


def _numbers(pattern: re.Pattern[str], text: str, at: int) -> list[tuple[int, tuple[int, int]]]:
    """The numbers that the pattern finds, and where they stand in the line, where `text` begins at `at`."""
    return [(int(one[1]), (one.start() + at, one.end() + at)) for one in pattern.finditer(text)]


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


_CLOCK = re.compile(
    r"(?<![\d.:])([01]?\d|2[0-4])(?:[:.h]([0-5]\d))?\s*(a\.?m\.?|p\.?m\.?)?(?![\d:]|\.\d)", re.IGNORECASE
)


def find_times(text: str) -> tuple[time | None, time | None]:
    """Begin and end of "18:00–20:00", "6 pm" or "18.30"; None for what is not there. Dates are not times."""
    found = find_day(text)
    if found:
        text = text[: found[1][0]] + " " + text[found[1][1] :]
    times = []
    for clock in _CLOCK.finditer(text):
        # A number alone is no time.
        if not clock[2] and not clock[3]:
            continue
        hour, half = int(clock[1]), (clock[3] or "").lower().replace(".", "")
        if half:
            hour = hour % 12 + (12 if half == "pm" else 0)
        if hour < 24:
            times.append(time(hour, int(clock[2] or 0)))
    begin = times[0] if times else None
    end = times[1] if len(times) > 1 and times[1] > times[0] else None
    return begin, end


@dataclass(frozen=True)
class When:
    """A date in a line, with times, and what else the line says."""

    day: date
    starts: time | None
    ends: time | None
    rest: str


def when_in(line: str) -> When | None:
    """The date of "Tashkent, 29 November 2021, 10:00"; None of a line without one."""
    found = find_day(line)
    if found is None:
        return None
    day, (begin, end) = found
    rest = f"{line[:begin]} {line[end:]}"
    starts, ends = find_times(line)
    if starts is not None:
        rest = _CLOCK.sub("", rest)
    return When(day, starts, ends, rest.strip(" ,.;:|–—-/·\n"))


def find_year_and_month(text: str) -> tuple[int, int] | None:
    """Year and month of "December 2021", where the text names a month and a year; else None."""
    if found := find_day(text):
        return found[0].year, found[0].month
    for word in _WORD.finditer(text):
        month = _month(word[0])
        near = text[max(0, word.start() - _NEAR) : word.end() + _NEAR]
        if month and (year := _YEAR.search(near)):
            return int(year[1]), month
    return None
