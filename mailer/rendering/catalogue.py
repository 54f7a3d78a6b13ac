"""The few words that a mail says by itself, in every language that is shipped."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

_FOLDER = Path(__file__).with_name("locale")


class Catalogue:
    """Words of one language. Called with the English words, gives those of the language, or the English."""

    def __init__(self, language: str, messages: dict[str, str]) -> None:
        self.language = language
        self._messages = messages

    def __call__(self, english: str, **values: str) -> str:
        """The sentence with its `{names}` replaced; raises KeyError when a value is missing."""
        return (self._messages.get(english) or english).format_map(values)

    def has(self, english: str) -> bool:
        return bool(self._messages.get(english))


@cache
def for_language(language: str) -> Catalogue:
    """The shipped catalogue of a language; for one that is not shipped, English."""
    if language not in shipped():
        return Catalogue("en", {})
    with (_FOLDER / f"{language}.po").open("rb") as file:
        messages = read_po(file, locale=None, abort_invalid=True)
    return Catalogue(language, {str(entry.id): str(entry.string) for entry in messages if entry.id})


@cache
def shipped() -> frozenset[str]:
    """Codes of the languages that have a catalogue; English has one for translators to copy."""
    return frozenset(path.stem for path in _FOLDER.glob("*.po"))
