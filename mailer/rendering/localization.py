"""Localisation: names of countries and languages, dates, the fixed texts' translations, fallbacks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, Protocol, TypeVar
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval, format_skeleton
from babel.messages.pofile import read_po

from mailer.rendering.edition_period import Kind, Period

# Where CLDR's name or pattern is not what readers in the region expect.
_COUNTRIES = {("ru", "KG"): "Кыргызстан"}
_PERIODS = {
    "ru": "LLLL y",
    "kk": "y 'жылғы' MMMM",
    "ky": "LLLL y",
    "tg": "LLLL y",
    "uz": "y-'yil' MMMM",
    "tk": "LLLL y",
}
# The names of languages, where CLDR has an adjective among adverbs, or another word than for the country.
_LANGUAGES = {
    ("ru", "ky"): "кыргызский",
    ("uz", "tg"): "tojikcha",
    ("uz", "uz"): "oʻzbekcha",
    ("uz", "tk"): "turkmancha",
}
# Without CLDR's zero before the day, as in the date without a year.
_DAYS = {"tg": "d MMMM"}
_LONG_DAYS = {"tg": "d MMMM y"}
# CLDR writes months and abbreviations of these as proper names; in running text they are not.
_LOWER_MONTHS = frozenset({"tg"})
# English dates are those of international offices: 16 November, not November 16.
_ENGLISH = "en_GB"


class _InLanguage(Protocol):
    @property
    def language(self) -> str: ...


T = TypeVar("T", bound=_InLanguage)


@cache
def babel_locale(language: str) -> Locale:
    """Babel's locale for a language code; English for one that it does not know."""
    if language == "en":
        return Locale.parse(_ENGLISH)
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse(_ENGLISH)


def text_direction(language: str) -> Literal["ltr", "rtl"]:
    """The value of HTML's `dir`."""
    return "rtl" if babel_locale(language).text_direction == "rtl" else "ltr"


@cache
def country_name(code: str, language: str) -> str:
    """The short name of an ISO 3166-1 alpha-2 country, nominative; the code itself where none is known."""
    return _COUNTRIES.get((language, code)) or str(babel_locale(language).territories.get(code, code))


@cache
def name_in_english(language: str) -> str:
    """The English name of a language, as staff read it: "Kazakh"."""
    return str(babel_locale("en").languages.get(language.partition("-")[0], language))


@cache
def language_name(code: str, reader_language: str) -> str:
    """The name of a language as readers of another one write it: "Russian", "русский"."""
    bare = code.partition("-")[0]
    name = _LANGUAGES.get((reader_language, bare)) or babel_locale(reader_language).languages.get(bare)
    return str(name or babel_locale(code).get_display_name(babel_locale(code)) or code)


def join_with_commas(names: Iterable[str]) -> str:
    """Names in a row. Commas alone suit every language, whatever the names stand for in the sentence."""
    return ", ".join(names)


@cache
def period_title(stored_period: str, language: str) -> str:
    """A period, "2021-12", as a title: "December 2021", "6–12 December 2021". Raises ValueError otherwise."""
    period = Period.parse(stored_period)
    first = period.first_day
    if period.kind is Kind.NAMED:
        return format_day_without_year_of_period(first, "", language).replace("\N{NO-BREAK SPACE}", " ")
    if period.kind is not Kind.MONTH:
        return _plain_spaces(_days_from_to(first, period.last_day, language))
    pattern = _PERIODS.get(language)
    where = babel_locale(language)
    formatted = (
        format_date(first, pattern, locale=where)
        if pattern
        else format_skeleton("yMMMM", first, locale=where)
    )
    return formatted[:1].upper() + _plain_spaces(formatted[1:])


def _days_from_to(first: date, last: date, language: str) -> str:
    """Several days, with a short name of the month: "6–12 Dec 2021"."""
    where = babel_locale(language)
    if language not in _DAYS:
        return str(format_interval(first, last, "yMMMd", locale=where))
    # CLDR has the month before the day here, unlike in dates.
    begins = "d MMM y" if first.year != last.year else "d MMM" if first.month != last.month else "d"
    dash = "–" if begins == "d" else "\N{NO-BREAK SPACE}– "
    shown = f"{format_date(first, begins, locale=where)}{dash}{format_date(last, 'd MMM y', locale=where)}"
    return shown.lower() if language in _LOWER_MONTHS else shown


def period_in_sentence(stored_period: str, language: str) -> str:
    """A period, "2021-12", within a sentence: "December 2021", "декабрь 2021". Raises ValueError as above."""
    title = period_title(stored_period, language)
    # Months are names in English only.
    return title if language == "en" else title[:1].lower() + title[1:]


@cache
def format_day_without_year_of_period(when: date, edition_period: str, language: str) -> str:
    """A date, with the year only where it is not the period's."""
    where = babel_locale(language)
    if not edition_period.startswith(f"{when.year}-"):
        formatted = format_date(when, _LONG_DAYS.get(language, "long"), locale=where)
    elif language in _DAYS:
        formatted = format_date(when, _DAYS[language], locale=where)
    else:
        formatted = format_skeleton("MMMMd", when, locale=where)
    # A date is never broken over two lines.
    return _plain_spaces(formatted.lower() if language in _LOWER_MONTHS else formatted).replace(
        " ", "\N{NO-BREAK SPACE}"
    )


def time_span(when: date, starts: str, ends: str, zone: str) -> str:
    """The times of an event on a day, with their distance from UTC: "18:30–20:00 (UTC+5)".

    `starts` and `ends` are written as "18:30", or empty; `zone` is the IANA's. Empty without a beginning.
    """
    if not starts:
        return ""
    start = datetime.combine(when, time.fromisoformat(starts), ZoneInfo(zone))
    minutes = int((start.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    offset = f"{'−' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}" if minutes else ""
    return f"{starts}{f'–{ends}' if ends else ''} (UTC{offset})"


@cache
def month_name_beside_day(when: date, language: str) -> str:
    """The name of a month, standing alone beside the number of a day."""
    # Slavic and Turkic readers say "18 декабря": the form that follows a number.
    formatted = format_date(when, "MMMM", locale=babel_locale(language))
    return _plain_spaces(formatted.lower() if language in _LOWER_MONTHS else formatted)


def choose_text_or_first(texts: Sequence[T], language: str, fallbacks: Sequence[str]) -> T | None:
    """The text in `language`, else in the first of `fallbacks` that has one, else the first of any."""
    by_language = {text.language: text for text in reversed(texts)}
    for wanted in (language, *fallbacks):
        if wanted in by_language:
            return by_language[wanted]
    return texts[0] if texts else None


def resolve_language(wanted: str, offered: Sequence[str], fallbacks: Sequence[str]) -> str:
    """The language in which a reader of `wanted` gets a newsletter: always one of the `offered`."""
    return next((code for code in (wanted, *fallbacks) if code in offered), offered[0])


def _plain_spaces(text: str) -> str:
    """CLDR's narrow no-break spaces are missing from many fonts; the ordinary no-break space is in all."""
    return re.sub("[\u2009\u202f]", "\N{NO-BREAK SPACE}", text)


_FOLDER = Path(__file__).with_name("locale")


_FIELD = re.compile(r"\{(\w+)\}")


class Catalogue:
    """Translations into one language; called with an English text, returns the translation if any."""

    def __init__(self, language: str, messages: dict[str, str]) -> None:
        self.language = language
        self._messages = messages

    def __call__(self, english: str, **values: str) -> str:
        """The text with its `{names}` replaced; raises KeyError when a value is missing.

        Not by `str.format_map`, whose fields reach attributes: a template may bring a text of its own.
        """
        return _FIELD.sub(lambda field: str(values[field[1]]), self._messages.get(english) or english)

    def has(self, english: str) -> bool:
        return bool(self._messages.get(english))


@cache
def for_language(language: str) -> Catalogue:
    """The catalogue of a language; English where there is none."""
    if language not in shipped_languages():
        return Catalogue("en", {})
    with (_FOLDER / f"{language}.po").open("rb") as file:
        messages = read_po(file, locale=None, abort_invalid=True)
    return Catalogue(language, {str(entry.id): str(entry.string) for entry in messages if entry.id})


@cache
def shipped_languages() -> frozenset[str]:
    """Codes of the languages that have a catalogue; English has one for translators to copy."""
    return frozenset(path.stem for path in _FOLDER.glob("*.po"))
