"""Countries and languages: their codes, and their names in any language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.lists import format_list

# Two-letter codes that CLDR knows and ISO 3166-1 does not assign.
_NOT_COUNTRIES = frozenset(
    {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
)
# Where CLDR's name is not the one that the country's people use in that language.
_OWN_NAMES = {("ru", "KG"): "Кыргызстан"}
_ENGLISH = Locale("en")
COUNTRIES: frozenset[str] = frozenset(
    code
    for code in map(str, _ENGLISH.territories)
    if len(code) == 2 and code.isalpha() and code not in _NOT_COUNTRIES
)
# ISO 3166-1 alpha-3 code to alpha-2 code.
ALPHA_3: dict[str, str] = {
    code: short
    for code, (short, *_) in get_global("territory_aliases").items()
    if len(code) == 3 and code.isalpha() and short in COUNTRIES
}
LANGUAGES: frozenset[str] = frozenset(
    code for code in map(str, _ENGLISH.languages) if len(code) in (2, 3) and code.isalpha()
)


@lru_cache(maxsize=64)
def locale_of(language: str) -> Locale:
    """The CLDR locale of a language code; English where CLDR has none."""
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return _ENGLISH


def country_name(code: str, language: str) -> str:
    """The country's name in `language`, else in English, else its code."""
    own = _OWN_NAMES.get((language, code))
    return own or locale_of(language).territories.get(code) or _ENGLISH.territories.get(code) or code


def language_name(code: str, language: str) -> str:
    """The language's name in `language`, else in English, else its code."""
    return locale_of(language).languages.get(code) or _ENGLISH.languages.get(code) or code


def country_names(codes: Sequence[str], language: str) -> str:
    """Names joined as the language joins a list: "Kazakhstan, Kyrgyzstan and Uzbekistan"."""
    return format_list([country_name(code, language) for code in codes], locale=locale_of(language))


def parse_countries(codes: Iterable[str]) -> tuple[str, ...]:
    """Upper-case, distinct, sorted ISO 3166-1 alpha-2 codes.

    Raises ValueError naming the first that is none.
    """
    found = {code.strip().upper() for code in codes if code.strip()}
    for code in sorted(found):
        if code not in COUNTRIES:
            raise ValueError(f"{code} is no ISO 3166-1 country code")
    return tuple(sorted(found))
