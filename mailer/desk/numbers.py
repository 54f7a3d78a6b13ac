"""Numbers as addresses and forms name them: whoever writes them there may write anything."""

from __future__ import annotations


def number_in(written: str) -> int | None:
    """A whole number that a row can have as its key, or a place in a form; None for anything else."""
    return int(written) if written.isascii() and written.isdigit() and len(written) < 19 else None
