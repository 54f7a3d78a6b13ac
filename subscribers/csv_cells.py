"""What cells of a spreadsheet or CSV file mean, and how they are written safely.

ISO codes of countries and languages are read as people write them: as codes, or as names in English, Russian
and the site's languages. Cells that a spreadsheet would run as a formula (CSV injection) are escaped on
export, and unescaped on import.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from django.conf import settings

from subscribers import iso_codes

_SEPARATOR = re.compile(r"[|;,/\n]")
_AND = re.compile(r"\s+(?:and|и|және|жана|ва|va|we)\s+|\s*&\s*", re.IGNORECASE)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
# Where a spreadsheet that expects another delimiter would begin a cell, and what would make that a formula.
_INNER_FORMULA = re.compile(r"""([;\t\r\n]["\s]*)('*[=+@＝＋－＠-])""")
_INNER_ESCAPED = re.compile(r"""([;\t\r\n]["\s]*)'('*[=+@＝＋－＠-])""")
# Languages, and scripts of them, in which countries are named besides the site's own.
_NAMED_IN = ("en", "ru", "kk", "ky", "tg", "uz", "uz-Cyrl", "tk")
# Names in daily use besides those of CLDR.
_OTHER_COUNTRY_NAMES = {
    "кыргызстан": "KG",
    "кыргызская республика": "KG",
    "kyrgyz republic": "KG",
    "kirghizia": "KG",
    "казакстан": "KZ",
    "turkey": "TR",
    "usa": "US",
    "uk": "GB",
    "сша": "US",
    "рф": "RU",
    "russian federation": "RU",
    "россия": "RU",
    "туркмения": "TM",
    "киргизия": "KG",
}
# "kz" and the like name a country, and mean its language.
_OTHER_LANGUAGE_NAMES = {
    "rus": "ru",
    "eng": "en",
    "kaz": "kk",
    "kir": "ky",
    "kyr": "ky",
    "uzb": "uz",
    "tgk": "tg",
    "taj": "tg",
    "tuk": "tk",
    "kz": "kk",
    "kirghiz": "ky",
    "киргизский": "ky",
    "кыргызский": "ky",
    "qazaq": "kk",
    "o'zbek": "uz",
    "англ": "en",
    "рус": "ru",
    "каз": "kk",
}


def escape(cell: str) -> str:
    """The cell with an apostrophe before anything that a spreadsheet would take for a formula.

    Also within the cell: where the spreadsheet splits at semicolons or tabs, another cell begins there.
    """
    inner = _INNER_FORMULA.sub(r"\1'\2", cell)
    return f"'{inner}" if inner.lstrip("'").startswith(_FORMULA_STARTS) else inner


def unescape(cell: str) -> str:
    """The inverse of `escape`."""
    if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA_STARTS):
        cell = cell[1:]
    return _INNER_ESCAPED.sub(r"\1\2", cell)


@lru_cache(maxsize=4096)
def parse_countries(text: str) -> tuple[str, ...]:
    """Sorted ISO 3166-1 alpha-2 codes of "KZ|UZ", "Kazakhstan; Uzbekistan" or "Казахстан"; none for "".

    Raises ValueError naming the first word that is not a country.
    """
    return tuple(
        sorted({code for part in _SEPARATOR.split(text) if part.strip() for code in _countries(part)})
    )


@lru_cache(maxsize=1024)
def parse_language(text: str) -> str:
    """The language code of "ru", "en-GB", "Russian" or "казахский"; "" for an empty text.

    Raises ValueError naming what is not a language.
    """
    trimmed = unescape(text.strip())
    code = trimmed.replace("_", "-").partition("-")[0].lower()
    if not code:
        return ""
    named = _language_names().get(_folded_language(trimmed))
    if named:
        return named
    if code in iso_codes.LANGUAGES:
        return code
    raise ValueError(f"“{trimmed[:40]}” is not a known language; write a code or name such as en, ru or kk")


def _countries(words: str) -> list[str]:
    """The code of one name, or those of several joined by a word: "Kazakhstan and Uzbekistan"."""
    try:
        return [_country(words)]
    except ValueError:
        if len(parts := _AND.split(words.strip())) == 1:
            raise
    return [_country(part) for part in parts]


def _country(word: str) -> str:
    trimmed = word.strip()
    if trimmed.upper() in iso_codes.COUNTRIES:
        return trimmed.upper()
    if (short := iso_codes.ALPHA_3.get(trimmed.upper())) is not None:
        return short
    try:
        return _country_names()[_folded(trimmed)]
    except KeyError:
        raise ValueError(f"“{trimmed[:60]}” is not a known country code or name") from None


@lru_cache(maxsize=1)
def _country_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for language in dict.fromkeys((*_NAMED_IN, *settings.CONFIG.site.languages)):
        for code in sorted(iso_codes.COUNTRIES):
            names.setdefault(_folded(iso_codes.country_name(code, language)), code)
    official = {_folded(name): code for code, listed in iso_codes.OFFICIAL_NAMES.items() for name in listed}
    return {**official, **names, **_OTHER_COUNTRY_NAMES}


@lru_cache(maxsize=1)
def _language_names() -> dict[str, str]:
    names: dict[str, str] = {}
    ours = settings.CONFIG.site.languages
    for code in dict.fromkeys((*ours, *sorted(iso_codes.LANGUAGES))):
        for language in dict.fromkeys(("en", "ru", *ours, *([code] if code in ours else []))):
            names.setdefault(_folded_language(iso_codes.language_name(code, language)), code)
    return {**names, **_OTHER_LANGUAGE_NAMES}


def _folded(name: str) -> str:
    """Case, kinds of apostrophes and doubled spaces do not distinguish names."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(re.sub("[’‘ʻʼ`']", "'", plain).split())


def _folded_language(name: str) -> str:
    return " ".join(_folded(name).replace("language", "").replace("язык", "").split())
