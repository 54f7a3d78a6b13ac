"""Public holidays of countries, by the library `holidays`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from functools import lru_cache, partial

from mailer.editions.schedule_rules import Holidays

# Far beyond any date that is shown.
_YEARS = range(1950, 2200)
_ENGLISH = "en_US"


def holiday_lookup(countries: Collection[str], language: str = "en") -> Holidays:
    """The holidays of any of these countries (ISO 3166-1 alpha-2), named in a language of the desk.

    A country whose holidays the library does not know has none. Where it has no names in that language, they
    are in the country's own.
    """
    return partial(_names, tuple(sorted(countries)), language)


@lru_cache(maxsize=4096)
def _names(countries: tuple[str, ...], language: str, day: date) -> Sequence[str]:
    if day.year not in _YEARS:
        return ()
    found = (_by_day(country, language, day.year).get(day, "") for country in countries)
    return tuple(dict.fromkeys(name for name in found if name))


@lru_cache(maxsize=256)
def _by_day(country: str, language: str, year: int) -> dict[date, str]:
    # Loaded with the first schedule that asks for holidays: it takes a third of a second.
    from holidays import country_holidays

    try:
        known = country_holidays(country, years=year, language=_ENGLISH)
    except NotImplementedError:
        return {}
    chosen = _language(known.supported_languages, known.default_language, language)
    if chosen != _ENGLISH:
        known = country_holidays(country, years=year, language=chosen)
    return dict(known)


def _language(offered: Sequence[str], own: str | None, wanted: str) -> str | None:
    """The locale of the library for a language of the desk: "ru_KG" for "ru"."""
    if wanted == "en":
        return _ENGLISH if _ENGLISH in offered else own
    return next((one for one in offered if one.partition("_")[0] == wanted), own)
