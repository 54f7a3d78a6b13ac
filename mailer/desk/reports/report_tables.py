"""Report tables prepared for display: formatted numbers, a chart, and long tables shortened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mailer.reports.labels import number, percent
from mailer.reports.table import Cell, Column, Table
from mailer.tracking.aggregates import TOO_FEW

# Rows that a page shows of a table; a last row sums up the rest.
MAX_ROWS = 12


class DisplayCell(NamedTuple):
    """A formatted cell or heading."""

    text: str
    is_number: bool


@dataclass(frozen=True)
class DisplayTable:
    """A table with formatted cells, and its chart (SVG; "" for none)."""

    key: str
    title: str
    chart: str
    columns: tuple[DisplayCell, ...]
    rows: tuple[tuple[DisplayCell, ...], ...]
    total: tuple[DisplayCell, ...] | None
    note: str

    @property
    def is_wide(self) -> bool:
        """Whether the table needs more width than its chart."""
        return len(self.columns) > 4


def display_table(table: Table, chart: str = "", max_rows: int = MAX_ROWS) -> DisplayTable:
    """The table for display, without empty columns and with at most `max_rows` rows."""
    kept = [index for index, column in enumerate(table.columns) if _has_values(table, index, column)]

    def formatted(row: Sequence[Cell]) -> tuple[DisplayCell, ...]:
        return tuple(_format(row[index], table.columns[index]) for index in kept)

    rows = table.rows
    if len(rows) > max_rows:
        rows = (*rows[: max_rows - 1], _sum_rows(rows[max_rows - 1 :], table.columns))
    return DisplayTable(
        key=table.key,
        title=table.title,
        chart=chart,
        columns=tuple(_heading(table.columns[index]) for index in kept),
        rows=tuple(map(formatted, rows)),
        total=formatted(table.total) if table.total and len(rows) > 1 else None,
        note=table.note,
    )


def _has_values(table: Table, index: int, column: Column) -> bool:
    """Whether the column has a value; columns that are always of interest count as having one."""
    if column.kind != "count" or column.key in ("readers", "clicks", "accepted"):
        return True
    return any(row[index] for row in table.rows)


def _heading(column: Column) -> DisplayCell:
    return DisplayCell(column.label, column.kind != "text")


def _format(cell: Cell, column: Column) -> DisplayCell:
    if cell is None:
        return DisplayCell(TOO_FEW if column.kind == "count" else "", column.kind != "text")
    if isinstance(cell, str):
        return DisplayCell(cell, is_number=False)
    return DisplayCell(percent(cell) if column.kind == "share" else number(int(cell)), is_number=True)


def _sum_rows(rows: Sequence[Sequence[Cell]], columns: Sequence[Column]) -> tuple[Cell, ...]:
    """A row "12 others" with the sums of the numeric columns."""

    def cell(index: int, column: Column) -> Any:
        cells = [row[index] for row in rows]
        if column.kind == "text":
            return None
        return None if None in cells else sum(cells)

    rest = [cell(index, column) for index, column in enumerate(columns)]
    return (f"{number(len(rows))} others", *rest[1:])
