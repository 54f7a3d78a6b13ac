"""Loads the words by which kinds of returned mail are told apart; they are kept as data in keywords.toml."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib import resources


class Words:
    """A list in keywords.toml, of which any may stand in a text, without regard to case.

    Its expressions stay apart and the text is folded once: so Python looks for their first letters alone.
    """

    def __init__(self, name: str) -> None:
        self._patterns = [re.compile(words, re.MULTILINE) for words in _lists()[name]]

    def stand_in(self, text: str) -> bool:
        lowered = text.lower()
        return any(pattern.search(lowered) for pattern in self._patterns)


def pattern(name: str, before: str = "", after: str = "") -> re.Pattern[str]:
    """The alternatives of a list in keywords.toml as one expression, with what must stand around them."""
    return re.compile(f"{before}(?:{'|'.join(_lists()[name])}){after}", re.IGNORECASE | re.MULTILINE)


@lru_cache(maxsize=1)
def _lists() -> dict[str, list[str]]:
    text = resources.files(__package__).joinpath("keywords.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
