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
from mailer.reports.table import Cell, Column
from subscribers.csv_injection import harmless

# Rows that a spreadsheet takes, its heading among them.
_MOST_ROWS = 1_048_576
# Characters in a sheet's name, and those that it must not have.
_NAME = 31
_NOT_IN_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\", "-"))
# Width of a column of text, and of one of numbers.
_WIDTHS = {"text": 40, "count": 14, "share": 14}


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
