"""Numbers in URLs and form fields, which may contain anything."""

from __future__ import annotations

from typing import Any


def parse_int(text: str) -> int | None:
    """A non-negative integer that fits a primary key; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def input_value(value: Any) -> str:
    """A value as text for a form field. Floats keep full precision, because the form saves them."""
    return f"{value:.15g}" if isinstance(value, float) else str(value)
