"""Refusals that do not say whose fault they are: the reader's, where others get through; else ours."""

from __future__ import annotations

from collections import defaultdict
from typing import Generic, TypeVar

# So many in a row, with nobody of the same mailing accepted, are our fault.
ENOUGH = 3

T = TypeVar("T")


class Suspects(Generic[T]):
    """What was refused without a reason, by mailing, until it is clear. Not for two threads at once."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[T]] = defaultdict(list)
        # Mailings of which somebody was accepted.
        self._proven: set[int] = set()

    def accepted(self, mailing: int) -> list[T]:
        """Somebody of the mailing was accepted; returned are those whose own fault it was."""
        self._proven.add(mailing)
        return self._waiting.pop(mailing, [])

    def add(self, mailing: int, suspect: T) -> list[T]:
        """One more; returned are those whose own fault it is, as far as that is clear."""
        if mailing in self._proven:
            return [suspect]
        self._waiting[mailing].append(suspect)
        return []

    def ours(self, idle: bool) -> list[tuple[int, list[T]]]:
        """Mailings whose refusals are our fault: enough of them, or (`idle`) nobody left to prove more."""
        found = [
            mailing
            for mailing, waiting in self._waiting.items()
            if waiting and (idle or len(waiting) >= ENOUGH)
        ]
        return [(mailing, self._waiting.pop(mailing)) for mailing in found]
