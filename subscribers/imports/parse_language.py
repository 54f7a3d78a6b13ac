"""Languages as people write them: codes, or names in English, Russian, the site's languages and their own."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from django.conf import settings

from subscribers import iso_codes
from subscribers.csv_injection import as_meant

# Names and codes in daily use beside those of CLDR; "kz" and the like name a country, and mean its language.
_ALSO = {
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


@lru_cache(maxsize=1024)
def read_language(text: str) -> str:
    """A cell ("ru", "en-GB", "Russian", "казахский") as a language code; "" for an empty one.

    Raises ValueError naming what is no language.
    """
    trimmed = as_meant(text.strip())
    code = trimmed.replace("_", "-").partition("-")[0].lower()
    if not code:
        return ""
    named = _names().get(_folded(trimmed))
    if named:
        return named
    if code in iso_codes.LANGUAGES:
        return code
    raise ValueError(
        f"“{trimmed[:40]}” is no language that we know by code or name; write one such as en, ru or kk"
    )


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    ours = settings.CONFIG.site.languages
    for code in dict.fromkeys((*ours, *sorted(iso_codes.LANGUAGES))):
        for language in dict.fromkeys(("en", "ru", *ours, *([code] if code in ours else []))):
            names.setdefault(_folded(iso_codes.language_name(code, language)), code)
    return {**names, **_ALSO}


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).casefold()
    plain = re.sub("[’‘ʻʼ`']", "'", plain)
    return " ".join(plain.replace("language", "").replace("язык", "").split())
