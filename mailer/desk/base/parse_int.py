"""Numbers as addresses and forms name them: whoever writes them there may write anything."""

from __future__ import annotations

from typing import Any


def number_in(written: str) -> int | None:
    """A whole number that a row can have as its key, or a place in a form; None for anything else."""
    return int(written) if written.isascii() and written.isdigit() and len(written) < 19 else None


def as_written(value: Any) -> str:
    """A value as a form's field holds it; a float as exact as it is kept: the form is saved with it."""
    return f"{value:.15g}" if isinstance(value, float) else str(value)
