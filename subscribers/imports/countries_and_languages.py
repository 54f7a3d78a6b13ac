"""Countries and languages as people write them in a file, as ISO codes.

They are read as codes, or as names in English, Russian and the site's languages.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from django.conf import settings

from subscribers import iso_codes
from subscribers.addresses import without_invisible
from subscribers.csv_cells import unescape
from subscribers.translate_stored_texts import stored

_SEPARATOR = re.compile(r"[|;,/\n]")


_AND = re.compile(r"\s+(?:and|и|және|жана|ва|va|we)\s+|\s*&\s*", re.IGNORECASE)


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
    "киргизстан": "KG",
    "кыргыз республикасы": "KG",
    "kirgizia": "KG",
    "kyrgyzia": "KG",
    "kirgizstan": "KG",
    "kirghizstan": "KG",
    "qirg'iziston": "KG",
    "qazaqstan": "KZ",
    "qazaqstan respublikasy": "KZ",
    "kazakstan": "KZ",
    "казахстан республикасы": "KZ",
    "tadzhikistan": "TJ",
    "tadjikistan": "TJ",
    "tojikiston": "TJ",
    "turkmenia": "TM",
    "uzbekiston": "UZ",
    "ozbekiston": "UZ",
    "узбекистон": "UZ",
}
# "Kyrgyz Rep.", "Респ. Казахстан".
_ABBREVIATED = {"rep.": "republic", "rep": "republic", "респ.": "республика", "р-ка": "республика"}
# "по-русски", "на русском", "in Russian".
_SPOKEN = (
    (re.compile(r"по-(\w+ски)"), r"\1й"),
    (re.compile(r"на (\w+ск)ом"), r"\1ий"),
    (re.compile(r"in (\w+)"), r"\1"),
)
_WORDS_FOR_LANGUAGE = frozenset(
    {"language", "язык", "языке", "тілі", "тили", "tili", "dili", "забони", "забон", "тил"}
)
_BRACKETS = re.compile(r"\s*[(\[].*[)\]]\s*$")


# Codes for an unknown language, for several, and for none (ISO 639-2).
_NO_LANGUAGES = frozenset({"und", "mul", "mis", "zxx"})
# "kz" and the like name a country, and mean its language: few readers write to us in Kongo, which is "kg".
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
    "kg": "ky",
    "tj": "tg",
    "tm": "tk",
    "kirghiz": "ky",
    "киргизский": "ky",
    "кыргыз": "ky",
    "кыргызский": "ky",
    "qazaq": "kk",
    "o'zbek": "uz",
    "ozbek": "uz",
    "ўзбек": "uz",
    "ўзбекча": "uz",
    "англ": "en",
    "рус": "ru",
    "каз": "kk",
    "қазақша": "kk",
    "казакша": "kk",
    "qazaqsha": "kk",
    "орысша": "ru",
    "ағылшынша": "en",
    "кыргызча": "ky",
    "орусча": "ru",
    "англисче": "en",
    "o'zbekcha": "uz",
    "ruscha": "ru",
    "inglizcha": "en",
    "türkmençe": "tk",
    "rusça": "ru",
    "iňlisçe": "en",
}


@lru_cache(maxsize=4096)
def parse_countries(text: str) -> tuple[str, ...]:
    """Sorted ISO 3166-1 alpha-2 codes of "KZ|UZ", "Kazakhstan; Uzbekistan" or "Казахстан"; none for "".

    Raises ValueError naming the first word that is not a country.
    """
    return tuple(
        sorted({code for part in _SEPARATOR.split(text) if part.strip() for code in _countries(part)})
    )


def split_countries(text: str) -> tuple[set[str], list[str]]:
    """The codes of the countries that a text names, and the words that are not countries, in order."""
    codes: set[str] = set()
    unknown: list[str] = []
    for part in _SEPARATOR.split(text):
        if not part.strip():
            continue
        try:
            codes.update(_countries(part))
        except ValueError:
            for word in _AND.split(part.strip()):
                try:
                    codes.add(_country(word))
                except ValueError:
                    unknown.append(word.strip())
    return codes, unknown


@lru_cache(maxsize=1024)
def parse_language(text: str) -> str:
    """The language code of "ru", "en-GB", "Russian" or "казахский"; "" for an empty text.

    Raises ValueError naming what is not a language.
    """
    trimmed = unescape(text.strip())
    code = trimmed.replace("_", "-").partition("-")[0].lower()
    if not code:
        return ""
    for written in (trimmed, _BRACKETS.sub("", trimmed), code):
        if named := _language_names().get(_as_name(_folded_language(written))):
            return named
    if code in iso_codes.LANGUAGES - _NO_LANGUAGES:
        return code
    raise ValueError(
        stored(
            "“%(word)s” is not a known language; write a code or name such as en, ru or kk", word=trimmed[:40]
        )
    )


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
        folded = fold_case_and_apostrophes(trimmed)
        return _country_names()[folded if folded in _country_names() else _spelled_out(folded)]
    except KeyError:
        raise ValueError(
            stored("“%(word)s” is not a known country code or name", word=trimmed[:60])
        ) from None


def _spelled_out(folded: str) -> str:
    """The name without an article and abbreviations."""
    words = folded.removeprefix("the ").split()
    return " ".join(_ABBREVIATED.get(word, word) for word in words)


@lru_cache(maxsize=1)
def _country_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for language in dict.fromkeys((*_NAMED_IN, *settings.CONFIG.site.languages)):
        for code in sorted(iso_codes.COUNTRIES):
            names.setdefault(fold_case_and_apostrophes(iso_codes.country_name(code, language)), code)
    official = {
        fold_case_and_apostrophes(name): code
        for code, listed in iso_codes.OFFICIAL_NAMES.items()
        for name in listed
    }
    return {**official, **names, **_OTHER_COUNTRY_NAMES}


@lru_cache(maxsize=1)
def _language_names() -> dict[str, str]:
    names: dict[str, str] = {}
    ours = settings.CONFIG.site.languages
    for code in dict.fromkeys((*ours, *sorted(iso_codes.LANGUAGES))):
        for language in dict.fromkeys(("en", "ru", *ours, *([code] if code in ours else []))):
            names.setdefault(_folded_language(iso_codes.language_name(code, language)), code)
    return {**names, **_OTHER_LANGUAGE_NAMES}


def fold_case_and_apostrophes(name: str) -> str:
    """A name without case, kinds of apostrophes, doubled spaces and invisible characters.

    They do not distinguish names.
    """
    plain = without_invisible(unicodedata.normalize("NFKC", name).casefold())
    return " ".join(re.sub("[’‘ʻʼ`']", "'", plain).split())


def _as_name(words: str) -> str:
    """The name of a language that an adverb means: "русский" of "по-русски"."""
    for pattern, name in _SPOKEN:
        if pattern.fullmatch(words):
            return pattern.sub(name, words)
    return words


def _folded_language(name: str) -> str:
    words = fold_case_and_apostrophes(name).split()
    return " ".join(word for word in words if word not in _WORDS_FOR_LANGUAGE)
