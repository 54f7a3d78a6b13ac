"""Texts that are written to the database: in English there, and translated where they are shown.

`stored` marks the English text for the catalogues, which have it in the context "stored"; what the doctor
says is there without marks. `translated` finds the text that a stored one was made of, also where values
were put into it. Values whose name ends in "language", "languages", "country" or "countries" are names in
English, and are named in the other language.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

from babel.dates import format_date, format_interval, format_skeleton
from babel.messages.catalog import Message
from babel.messages.mofile import read_mo
from django.apps import apps
from django.utils.translation import get_language, pgettext

from subscribers import iso_codes

CONTEXT = "stored"
_FIELD = re.compile(r"%\((\w+)\)s")
# The period of an edition that a text names: “Silk Road Monthly, 2021-12”; also a week, "2021-12-06", two
# weeks, "2021-12-06-2w", and the day of an edition outside of the schedule, "2021-12-06-n1".
_PERIOD = re.compile(r"(?<=, )(\d{4}-(?:0[1-9]|1[0-2]))(?:-(\d\d)(-2w|-n\d{1,2})?)?(?=[”»])")


def stored(text: str, /, **values: object) -> str:
    """The English text with its values: `stored("Paused by %(name)s.", name="dana")`."""
    return text % values if values else text


def translated(text: str) -> str:
    """The stored text in the active language; texts that are in no catalogue stay as they are."""
    language = get_language() or "en"
    shown = text if language.startswith("en") or not text else _translated(text, language)
    return _PERIOD.sub(lambda found: _period(found, language), shown)


def _period(found: re.Match[str], language: str) -> str:
    """A period as within a sentence: "December 2021", "6–12 December 2021"."""
    month, day, suffix = found.groups()
    where = language.replace("-", "_")
    try:
        first = date.fromisoformat(f"{month}-{day or '01'}")
        if not day:
            name = str(format_skeleton("yMMMM", first, locale=where))
        elif suffix and suffix.startswith("-n"):
            name = format_date(first, "long", locale=where)
        else:
            last = first + timedelta(days=13 if suffix else 6)
            name = format_interval(first, last, "yMMMd", locale=where)
    except (ValueError, OverflowError):
        return found[0]
    return name if language.startswith("en") else name[:1].lower() + name[1:]


@lru_cache(maxsize=4096)
def _translated(text: str, language: str) -> str:
    whole = pgettext(CONTEXT, text)
    if whole != text:
        return str(whole)
    for pattern, template in _templates(language):
        if found := pattern.fullmatch(text):
            values = {name: _value(name, value, language) for name, value in found.groupdict().items()}
            return str(pgettext(CONTEXT, template)) % values
    return text


def _value(name: str, value: str, language: str) -> str:
    if name.endswith("languages"):
        return ", ".join(_value("language", one, language) for one in value.split(", "))
    if name.endswith("language"):
        return iso_codes.language_name(_english_names().get(value, value), language)
    if name.endswith(("country", "countries")):
        names = re.split(r", | and ", value)
        if all(one in _english_names() for one in names):
            return iso_codes.country_names([_english_names()[one] for one in names], language)
    return translated(value)


@lru_cache(maxsize=1)
def _english_names() -> dict[str, str]:
    """Codes of languages and countries by their names in English."""
    return {
        **{iso_codes.language_name(code, "en"): code for code in iso_codes.LANGUAGES},
        **{iso_codes.country_name(code, "en"): code for code in iso_codes.COUNTRIES},
    }


@lru_cache(maxsize=8)
def _templates(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns of the texts with values, those with the longest fixed text first."""
    found = set()
    for config in apps.get_app_configs():
        path = Path(config.path) / "locale" / language / "LC_MESSAGES" / "django.mo"
        if path.exists():
            with path.open("rb") as file:
                messages = read_mo(file)
            found |= {str(one.id) for one in messages if _is_stored(one) and _FIELD.search(str(one.id))}
    ordered = sorted(found, key=lambda text: (-len(_FIELD.sub("", text)), text))
    return tuple((_pattern(text), text) for text in ordered)


def _is_stored(message: Message) -> bool:
    # Babel gives the contexts of a compiled catalogue as bytes.
    return message.context in (CONTEXT, CONTEXT.encode())


def _pattern(text: str) -> re.Pattern[str]:
    pieces, seen = [], set()
    for index, piece in enumerate(_FIELD.split(text)):
        if index % 2 == 0:
            pieces.append(re.escape(piece.replace("%%", "%")))
        else:
            pieces.append(f"(?P={piece})" if piece in seen else f"(?P<{piece}>.*?)")
            seen.add(piece)
    return re.compile("".join(pieces), re.DOTALL)
