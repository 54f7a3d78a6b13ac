"""Exports of tables as sheets and as CSV, line by line, without formulas; workbooks are made in `xlsx`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TextIO

from mailer.reports.tables import Cell, Column, Table
from subscribers.csv_injection import escape


@dataclass(frozen=True)
class Sheet:
    """A table whose rows may be too many to hold in memory."""

    name: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[Cell]]


def table_sheet(table: Table) -> Sheet:
    """The table without its last line, which a spreadsheet would count twice."""
    return Sheet(table.title, table.columns, table.rows)


def flat_sheet(tables: Iterable[Table]) -> Sheet:
    """Every figure of several tables in a row of its own, for programs that join and filter."""
    columns = tuple(Column(name, name.capitalize(), "text") for name in ("table", "row", "column", "value"))
    return Sheet("Report", columns, chain.from_iterable(map(_figures, tables)))


def csv_lines(sheet: Sheet) -> Iterator[str]:
    """The heading, then a line for each row; shares are numbers from 0 to 1."""
    last_line = _LastLine()
    writer = csv.writer(last_line)
    for row in chain([[column.label for column in sheet.columns]], sheet.rows):
        writer.writerow([escape(cell) if isinstance(cell, str) else cell for cell in row])
        yield last_line.text


def write_csv(sheet: Sheet, into: TextIO) -> int:
    """Write the lines; returns the number of rows."""
    rows = -1
    for line in csv_lines(sheet):
        into.write(line)
        rows += 1
    return rows


def _figures(table: Table) -> Iterator[tuple[Cell, ...]]:
    for row in table.rows:
        for column, value in zip(table.columns[1:], row[1:], strict=True):
            yield table.key, row[0], column.key, value


class _LastLine:
    """A file that holds only the last line written to it."""

    text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)
