"""Tables as Excel workbooks, written row by row with flat memory.

Loading openpyxl takes 50 ms and 8 MB, so this module is imported only where a workbook is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count, islice
from typing import IO

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from mailer.reports.export import Sheet
from mailer.reports.tables import Cell, Column
from subscribers.csv_injection import escape

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
    book = Workbook(write_only=True)
    names: set[str] = set()
    written = sum(_write(book, sheet, names, max_rows) for sheet in sheets)
    book.save(into)
    return written


def _write(book: Workbook, sheet: Sheet, names: set[str], max_rows: int) -> int:
    rows, total = iter(sheet.rows), 0
    while True:
        page = book.create_sheet(_unique_name(sheet.name, names))
        page.freeze_panes = "A2"
        for place, column in enumerate(sheet.columns, start=1):
            page.column_dimensions[get_column_letter(place)].width = _WIDTHS[column.kind]
        page.append([_heading(page, column) for column in sheet.columns])
        taken = 0
        for row in islice(rows, max_rows - 1):
            page.append([_cell(page, cell, column) for cell, column in zip(row, sheet.columns, strict=True)])
            taken += 1
        total += taken
        if taken < max_rows - 1:
            return total


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


def _heading(page: object, column: Column) -> object:
    cell = WriteOnlyCell(page, value=column.label)
    cell.font = Font(bold=True)
    return cell


def _cell(page: object, value: Cell, column: Column) -> object:
    if isinstance(value, str):
        return escape(ILLEGAL_CHARACTERS_RE.sub(" ", value))
    if column.kind != "share" or value is None:
        return value
    cell = WriteOnlyCell(page, value=value)
    cell.number_format = "0.0%"
    return cell
