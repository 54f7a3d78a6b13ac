"""Countries as people write them: codes, or names in English, Russian and the site's languages."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from django.conf import settings

from subscribers import iso_codes

_BETWEEN = re.compile(r"[|;,\n]")
# Names in daily use beside those of CLDR.
_ALSO = {
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


@lru_cache(maxsize=4096)
def read_countries(text: str) -> tuple[str, ...]:
    """A cell ("KZ|UZ", "Kazakhstan; Uzbekistan", "Казахстан") as sorted codes; none for an empty one.

    Raises ValueError naming the first word that is no country.
    """
    return tuple(sorted({_code(part) for part in _BETWEEN.split(text) if part.strip()}))


def _code(word: str) -> str:
    trimmed = word.strip()
    if trimmed.upper() in iso_codes.COUNTRIES:
        return trimmed.upper()
    try:
        return _names()[_folded(trimmed)]
    except KeyError:
        raise ValueError(f"“{trimmed[:60]}” is no country that we know by code or name") from None


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    for language in dict.fromkeys(("en", "ru", *settings.CONFIG.site.languages)):
        for code in sorted(iso_codes.COUNTRIES):
            names.setdefault(_folded(iso_codes.country_name(code, language)), code)
    return {**names, **_ALSO}


def _folded(name: str) -> str:
    """Case, apostrophes and doubled spaces do not tell countries apart."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(re.sub("[’‘ʻʼ`']", "'", plain).split())
