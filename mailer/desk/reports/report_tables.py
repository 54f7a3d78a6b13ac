"""Tables of a report as a page shows them: numbers written out, a chart beside, and long ones cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mailer.reports.labels import number, percent
from mailer.reports.table import Cell, Column, Table
from mailer.tracking.aggregates import TOO_FEW

# Rows that a page shows of a table; the others stand together in a last one.
MOST = 12


class Shown(NamedTuple):
    """A cell or a heading."""

    words: str
    is_number: bool


@dataclass(frozen=True)
class Exhibit:
    """A table with its chart, in words and numbers for people."""

    key: str
    title: str
    chart: str
    columns: tuple[Shown, ...]
    rows: tuple[tuple[Shown, ...], ...]
    total: tuple[Shown, ...] | None
    note: str

    @property
    def is_wide(self) -> bool:
        """Whether the table needs more room than its chart."""
        return len(self.columns) > 4


def exhibit(table: Table, chart: str = "", most: int = MOST) -> Exhibit:
    """The table as a page shows it: without columns in which nothing stands, and cut after `most` rows."""
    kept = [place for place, column in enumerate(table.columns) if _says_something(table, place, column)]

    def written(row: Sequence[Cell]) -> tuple[Shown, ...]:
        return tuple(_written(row[place], table.columns[place]) for place in kept)

    rows = table.rows
    if len(rows) > most:
        rows = (*rows[: most - 1], _together(rows[most - 1 :], table.columns))
    return Exhibit(
        key=table.key,
        title=table.title,
        chart=chart,
        columns=tuple(_heading(table.columns[place]) for place in kept),
        rows=tuple(map(written, rows)),
        total=written(table.total) if table.total and len(rows) > 1 else None,
        note=table.note,
    )


def _says_something(table: Table, place: int, column: Column) -> bool:
    """Columns of zeros alone say nothing, except how many readers there are."""
    if column.kind != "count" or column.key in ("readers", "clicks", "accepted"):
        return True
    return any(row[place] for row in table.rows)


def _heading(column: Column) -> Shown:
    return Shown(column.label, column.kind != "text")


def _written(cell: Cell, column: Column) -> Shown:
    if cell is None:
        return Shown(TOO_FEW if column.kind == "count" else "", column.kind != "text")
    if isinstance(cell, str):
        return Shown(cell, is_number=False)
    return Shown(percent(cell) if column.kind == "share" else number(int(cell)), is_number=True)


def _together(rows: Sequence[Sequence[Cell]], columns: Sequence[Column]) -> tuple[Cell, ...]:
    """ "12 others", with the sums of what can be summed."""

    def cell(place: int, column: Column) -> Any:
        cells = [row[place] for row in rows]
        if column.kind == "text":
            return None
        return None if None in cells else sum(cells)

    rest = [cell(place, column) for place, column in enumerate(columns)]
    return (f"{number(len(rows))} others", *rest[1:])
