"""What a table of figures is: columns, rows of plain cells, and a last line that adds up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Cell = str | int | float | None
# text; count: a whole number; share: 0 to 1.
Kind = Literal["text", "count", "share"]


@dataclass(frozen=True)
class Column:
    # In exports and JSON.
    key: str
    label: str
    kind: Kind = "count"


@dataclass(frozen=True)
class Table:
    # Names it in addresses, files and JSON.
    key: str
    title: str
    # The first is what a row is about.
    columns: tuple[Column, ...]
    # Cells in the order of the columns.
    rows: tuple[tuple[Cell, ...], ...]
    # The last line, each reader counted once; None where rows are no parts of a whole.
    total: tuple[Cell, ...] | None = None
    # What must be known to read it rightly.
    note: str = ""

    def records(self) -> list[dict[str, Cell]]:
        """One object a row, as JSON holds it."""
        names = [column.key for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def column(self, key: str) -> list[Any]:
        """The cells of one column, from the top."""
        place = self._place(key)
        return [row[place] for row in self.rows]

    def whole(self, key: str) -> Any:
        """What the last line says of a column; None without one."""
        return self.total[self._place(key)] if self.total else None

    def _place(self, key: str) -> int:
        return [column.key for column in self.columns].index(key)
