"""Reads the dates of feeds that follow no standard: months in the office's languages, and missing zones."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from email.utils import parsedate_to_datetime
from functools import cache

from mailer.stories.sources.reader_interface import parse_iso_time
from subscribers.iso_codes import locale_of

_LANGUAGES = ("en", "ru", "kk", "ky", "tg", "uz", "tk")
# Seconds since 1970, or thousandths of them.
_EPOCH = re.compile(r"\d{9,10}|(\d{9,10})\d{3}", re.ASCII)
_NUMERIC = re.compile(r"(?<!\d)(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})(?!\d)", re.ASCII)
_WRITTEN = re.compile(r"(?<!\d)(?P<day>\d{1,2})[\s-]+(?P<month>[^\W\d_]{3,})\.?,?[\s-]+(?P<year>\d{4})(?!\d)")
_MONTH_FIRST = re.compile(r"(?P<month>[^\W\d_]{3,})\.?\s+(?P<day>\d{1,2}),?\s+(?P<year>\d{4})(?!\d)")


def is_epoch(text: str) -> bool:
    """Whether the text is a number of seconds, which others take for a date."""
    return _EPOCH.fullmatch(text.strip()) is not None


def parse_feed_time(text: str) -> datetime | None:
    """The time (aware UTC) that the text says; noon of a day without a zone, whatever the hour."""
    text = text.strip()
    if found := _EPOCH.fullmatch(text):
        moment = datetime.fromtimestamp(int(found[1] or text), UTC)
        return parse_iso_time(moment.isoformat())
    try:
        stated = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return _noon(_day(text))
    return parse_iso_time(stated.isoformat()) if stated.tzinfo else _noon(stated.date())


def _noon(day: date | None) -> datetime | None:
    # It is the same day in the whole region.
    return parse_iso_time(datetime.combine(day, time(12), UTC).isoformat()) if day else None


def _day(text: str) -> date | None:
    for pattern in (_NUMERIC, _WRITTEN, _MONTH_FIRST):
        for found in pattern.finditer(text):
            name = found["month"]
            month = int(name) if name.isdecimal() else _month(name.casefold())
            try:
                return date(int(found["year"]), month, int(found["day"]))
            except ValueError:
                continue
    return None


def _month(name: str) -> int:
    """The number of a month by its name, also with an ending or cut off; else 0."""
    return next(filter(None, (_months().get(name[:length]) for length in _LETTERS)), 0)


# First letters by which the names of months are told apart: "iyun" and "iyul"; "дек" is cut off.
_LETTERS = (4, 3)


@cache
def _months() -> dict[str, int]:
    """Months by the first letters of their names in seven languages."""
    found: dict[str, int] = {}
    for language in _LANGUAGES:
        names = locale_of(language).months
        for use in ("format", "stand-alone"):
            for number, name in names[use]["wide"].items():
                for length in _LETTERS:
                    found.setdefault(name.casefold()[:length], number)
    return found
