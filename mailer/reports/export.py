"""Tables to take away: CSV line by line and XLSX row by row, harmless in a spreadsheet, with flat memory."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import IO, TextIO

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from mailer.reports.table import Cell, Column, Table
from subscribers.csv_injection import harmless

# Rows that a spreadsheet takes, its heading among them.
_MOST_ROWS = 1_048_576
# Characters in a sheet's name, and those that it must not have.
_NAME = 31
_NOT_IN_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\", "-"))
# Width of a column of text, and of one of numbers.
_WIDTHS = {"text": 40, "count": 14, "share": 14}


@dataclass(frozen=True)
class Sheet:
    """A table whose rows may be too many to hold."""

    name: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[Cell]]


def sheet_of(table: Table) -> Sheet:
    """The table without its last line, which a spreadsheet would count twice."""
    return Sheet(table.title, table.columns, table.rows)


def long_sheet(tables: Iterable[Table]) -> Sheet:
    """Every figure of several tables in a row of its own, for programs that join and filter."""
    columns = tuple(Column(name, name.capitalize(), "text") for name in ("table", "row", "column", "value"))
    return Sheet("Report", columns, chain.from_iterable(map(_figures, tables)))


def csv_lines(sheet: Sheet) -> Iterator[str]:
    """The heading, then a line a row; shares are numbers from 0 to 1."""
    line = _Line()
    writer = csv.writer(line)
    for row in chain([[column.label for column in sheet.columns]], sheet.rows):
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in row])
        yield line.text


def write_csv(sheet: Sheet, into: TextIO) -> int:
    """Write the lines; how many rows there were."""
    rows = -1
    for line in csv_lines(sheet):
        into.write(line)
        rows += 1
    return rows


def write_xlsx(sheets: Iterable[Sheet], into: IO[bytes]) -> int:
    """Write a workbook with these sheets; how many rows there were.

    What is too long for one goes on in a further sheet.
    """
    book = Workbook(write_only=True)
    names: set[str] = set()
    written = sum(_write(book, sheet, names) for sheet in sheets)
    book.save(into)
    return written


def _write(book: Workbook, sheet: Sheet, names: set[str]) -> int:
    rows, total = iter(sheet.rows), 0
    while True:
        page = book.create_sheet(_name(sheet.name, names))
        page.freeze_panes = "A2"
        for place, column in enumerate(sheet.columns, start=1):
            page.column_dimensions[get_column_letter(place)].width = _WIDTHS[column.kind]
        page.append([_heading(page, column) for column in sheet.columns])
        taken = 0
        for row in islice(rows, _MOST_ROWS - 1):
            page.append([_cell(page, cell, column) for cell, column in zip(row, sheet.columns, strict=True)])
            taken += 1
        total += taken
        if taken < _MOST_ROWS - 1:
            return total


def _name(wanted: str, names: set[str]) -> str:
    """A name for a sheet that no other sheet of the book has."""
    plain = wanted.translate(_NOT_IN_NAMES)
    for number in count(1):
        ending = f" ({number})" if number > 1 else ""
        name = plain[: _NAME - len(ending)] + ending
        if name.lower() not in names:
            break
    names.add(name.lower())
    return name


def _heading(page: object, column: Column) -> object:
    cell = WriteOnlyCell(page, value=column.label)
    cell.font = Font(bold=True)
    return cell


def _cell(page: object, value: Cell, column: Column) -> object:
    if isinstance(value, str):
        return harmless(ILLEGAL_CHARACTERS_RE.sub(" ", value))
    if column.kind != "share" or value is None:
        return value
    cell = WriteOnlyCell(page, value=value)
    cell.number_format = "0.0%"
    return cell


def _figures(table: Table) -> Iterator[tuple[Cell, ...]]:
    for row in table.rows:
        for column, value in zip(table.columns[1:], row[1:], strict=True):
            yield table.key, row[0], column.key, value


class _Line:
    """A file that holds the last line written to it."""

    text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)
