"""Marks what rendering tells staff for the catalogues; rendering itself translates nothing."""

from __future__ import annotations


def stored(text: str, /, **values: object) -> str:
    """The English text with its values, as subscribers.translate_stored_texts finds and translates it."""
    return text % values if values else text
