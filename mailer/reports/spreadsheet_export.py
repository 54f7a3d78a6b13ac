"""Exports of tables as sheets: as CSV line by line, and as Excel workbooks row by row, with flat memory."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import IO, TextIO

from django.utils.translation import gettext

from mailer.reports.tables import Cell, Column, Table
from subscribers.csv_cells import escape
from subscribers.exports import COLUMNS, export_rows
from subscribers.imports import uploads_and_staging
from subscribers.imports.models import ImportJob
from subscribers.models import MailingList


@dataclass(frozen=True)
class Sheet:
    """A table whose rows may be too many to hold in memory."""

    name: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[Cell]]


def table_sheet_without_totals(table: Table) -> Sheet:
    """The table without its last line, which a spreadsheet would count twice."""
    return Sheet(table.title, table.columns, table.rows)


def long_format_sheet(tables: Iterable[Table]) -> Sheet:
    """Every figure of several tables in a row of its own, for programs that join and filter."""
    columns = tuple(Column(name, name.capitalize(), "text") for name in ("table", "row", "column", "value"))
    return Sheet(gettext("Report"), columns, chain.from_iterable(map(_figures, tables)))


def csv_lines(sheet: Sheet) -> Iterator[str]:
    """The heading, then a line for each row; shares are numbers from 0 to 1."""
    last_line = _LastLine()
    writer = csv.writer(last_line)
    for row in chain([[str(column.label) for column in sheet.columns]], sheet.rows):
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


# Rows of a sheet in Excel, heading included.
MAX_ROWS = 1_048_576
# Longest name of a sheet, and the characters that it must not contain.
_MAX_NAME = 31
_NOT_IN_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\", "-"))
# Widths of columns, by the kind of their values.
_WIDTHS = {"text": 40, "count": 14, "share": 14}


def write_xlsx(sheets: Iterable[Sheet], into: IO[bytes], max_rows: int = MAX_ROWS) -> int:
    """Write a workbook with these sheets and return the number of rows.

    A sheet with more than `max_rows` rows, heading included, is continued in a further sheet.
    """
    book = _Workbook(max_rows)
    written = sum(book.add(sheet) for sheet in sheets)
    book.save(into)
    return written


class _Workbook:
    """A workbook that is written row by row."""

    def __init__(self, max_rows: int) -> None:
        # Loading openpyxl takes 50 ms and 8 MB, and few pages and commands write workbooks.
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
        from openpyxl.styles import Font
        from openpyxl.utils import get_column_letter

        self._max_rows = max_rows
        self._book, self._names = Workbook(write_only=True), set[str]()
        self._styled_cell, self._bold = WriteOnlyCell, Font(bold=True)
        self._illegal, self._letter = ILLEGAL_CHARACTERS_RE, get_column_letter

    def add(self, sheet: Sheet) -> int:
        """Add a sheet, continued in further ones where it is too long; returns the number of rows."""
        rows, total = iter(sheet.rows), 0
        while True:
            page = self._book.create_sheet(_unique_name(sheet.name, self._names))
            page.freeze_panes = "A2"
            for place, column in enumerate(sheet.columns, start=1):
                page.column_dimensions[self._letter(place)].width = _WIDTHS[column.kind]
            page.append([self._heading(page, column) for column in sheet.columns])
            taken = 0
            for row in islice(rows, self._max_rows - 1):
                cells = zip(row, sheet.columns, strict=True)
                page.append([self._cell(page, cell, column) for cell, column in cells])
                taken += 1
            total += taken
            if taken < self._max_rows - 1:
                return total

    def save(self, into: IO[bytes]) -> None:
        self._book.save(into)

    def _heading(self, page: object, column: Column) -> object:
        cell = self._styled_cell(page, value=str(column.label))
        cell.font = self._bold
        return cell

    def _cell(self, page: object, value: Cell, column: Column) -> object:
        if isinstance(value, str):
            return escape(self._illegal.sub(" ", value))
        if column.kind != "share" or value is None:
            return value
        cell = self._styled_cell(page, value=value)
        cell.number_format = "0.0%"
        return cell


def _unique_name(wanted: str, names: set[str]) -> str:
    """A valid sheet name that is unique in the workbook."""
    plain = wanted.translate(_NOT_IN_NAMES)
    for number in count(1):
        ending = f" ({number})" if number > 1 else ""
        name = plain[: _MAX_NAME - len(ending)] + ending
        if name.lower() not in names:
            break
    names.add(name.lower())
    return name


def subscribers_sheet(mailing_list: MailingList | None) -> Sheet:
    """A sheet of the subscribers of one list, or of all lists."""
    name = mailing_list.name if mailing_list else gettext("Subscribers")
    return Sheet(name, _columns(COLUMNS), export_rows(mailing_list))


def rejected_rows_sheet(job: ImportJob) -> Sheet:
    """A sheet of the rows that an import rejected, with reasons."""
    return Sheet(
        gettext("Rejected rows of the file"),
        _columns(uploads_and_staging.headings_of_rejected_rows(job)),
        uploads_and_staging.rejected_rows(job),
    )


def _columns(names: Iterable[str]) -> tuple[Column, ...]:
    return tuple(Column(name, name, "text") for name in names)
