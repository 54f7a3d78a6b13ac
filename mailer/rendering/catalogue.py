"""Translations of the fixed texts of a message (gettext catalogues) in every supported language."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

_FOLDER = Path(__file__).with_name("locale")


class Catalogue:
    """Translations into one language; called with an English text, returns the translation if any."""

    def __init__(self, language: str, messages: dict[str, str]) -> None:
        self.language = language
        self._messages = messages

    def __call__(self, english: str, **values: str) -> str:
        """The text with its `{names}` replaced; raises KeyError when a value is missing."""
        return (self._messages.get(english) or english).format_map(values)

    def has(self, english: str) -> bool:
        return bool(self._messages.get(english))


@cache
def for_language(language: str) -> Catalogue:
    """The catalogue of a language; English where there is none."""
    if language not in shipped():
        return Catalogue("en", {})
    with (_FOLDER / f"{language}.po").open("rb") as file:
        messages = read_po(file, locale=None, abort_invalid=True)
    return Catalogue(language, {str(entry.id): str(entry.string) for entry in messages if entry.id})


@cache
def shipped() -> frozenset[str]:
    """Codes of the languages that have a catalogue; English has one for translators to copy."""
    return frozenset(path.stem for path in _FOLDER.glob("*.po"))
