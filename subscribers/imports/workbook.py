"""Reads an Excel workbook (XLSX) row by row, in a process of its own with limits (see `limited_process`).

`python -m subscribers.imports.workbook` is that process: it loads neither Django nor the configuration.
"""

from __future__ import annotations

import json
import lzma
import re
import struct
import sys
import tempfile
import warnings
import zipfile
import zlib
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

from subscribers.imports.row_types import MAX_COLUMNS, EmptyFile, TableRow, UnreadableFile, too_many_columns
from subscribers.limited_process import (
    LimitExceeded,
    ProcessLimits,
    limit_this_process,
    raise_if_out_of_memory,
    require_xml_depth_at_most,
    run_lines,
)
from subscribers.translate_stored_texts import stored

# Rows of a sheet in Excel.
_MAX_ROWS = 1_048_576
# Limits of the unpacked parts: their number, and bytes of all and of the largest that is not a sheet.
_MAX_PARTS, _MAX_BYTES, _MAX_OTHER_PART = 1_000, 1 << 30, 64 << 20
# The compression ratio of a part of so many bytes or more; a table of people never exceeds it.
_LARGE, _MAX_RATIO = 1 << 20, 60
# How a text writes its line breaks and tabs (ECMA-376, 22.9.2.19); openpyxl leaves them as they are.
_ESCAPED = re.compile("_x(000[9AaDd])_")
# Bytes of a sheet that are looked at together; the tags of a row and of a value, and what a row's tag says.
_PIECE, _LONGEST_TAG, _ROW = 1 << 16, 4_096, re.compile(rb"(?:\w+:)?row\b[^>]*>")
_VALUE = re.compile(rb"(?:\w+:)?[vt][ >]")
# The tags of a cell, of a formula in it, and of what its formula gave; and of cells that are merged.
_CELL, _FORMULA = re.compile(rb"(?:\w+:)?c[ >/]"), re.compile(rb"(?:\w+:)?f[ >/]")
_RESULT, _CELL_ENDS = re.compile(rb"(?:\w+:)?v(?:[ /][^>]*)?>(.*)", re.DOTALL), re.compile(rb"/(?:\w+:)?c>")
_IS_TEXT = re.compile(rb"""\bt=["']str["']""")
_MERGED = re.compile(
    rb"""(?:\w+:)?mergeCell\b[^>]*\bref=["']([A-Z]{1,3})(\d{1,8}):([A-Z]{1,3})(\d{1,8})["']"""
)
_NUMBER, _HIDDEN = re.compile(rb"""\br=["'](\d{1,8})["']"""), re.compile(rb"""\bhidden=["'](?:1|true)["']""")
# A workbook whose formulas Excel is to calculate when it opens it (ECMA-376, 18.2.2).
_TO_CALCULATE = re.compile(rb"""<(?:\w+:)?calcPr\b[^>]*\bfullCalcOnLoad=["'](?:1|true)["']""")
_SHEETS = "xl/worksheets/"
# The argument of the process that makes it read more than the first sheet.
_ALL_SHEETS = "all"
# The namespaces of Strict Open XML begin so (ISO/IEC 29500-1); openpyxl knows the transitional ones.
_STRICT = b"http://purl.oclc.org/ooxml/"
_DAMAGED = (
    # openpyxl's InvalidFileException is not here: it is about names of files, and a stream has none.
    *(zipfile.BadZipFile, ParseError, KeyError, ValueError, TypeError, IndexError),
    *(AttributeError, EOFError, OverflowError, OSError, zlib.error, lzma.LZMAError, struct.error),
    # Such as an encrypted part, or an unknown compression method.
    RuntimeError,
)
_TOO_COMPLEX = stored(
    "The workbook is too large or too complex for a list of subscribers; save the sheet as CSV."
)


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook."""

    name: str
    # Every row that is not blank, with its number from 1; all cells as text.
    rows: Iterator[TableRow]
    # Numbers of the rows that a filter hides, or a person.
    hidden: frozenset[int]


def read_workbook(stream: BinaryIO, size: int, closed_at_the_end: ExitStack) -> Sheet:
    """The first sheet, read while its rows are taken.

    `stream` has a file descriptor and `size` bytes. Raises UnreadableFile with the row.
    """
    found = closed_at_the_end.enter_context(closing(_read(stream, size)))
    about = next(found)
    assert isinstance(about, dict)
    rows = ((one[0], one[1]) for one in found if isinstance(one, list))
    return Sheet(about["sheet"], rows, frozenset(about["hidden"]))


def read_sheets(stream: BinaryIO, size: int, closed_at_the_end: ExitStack) -> list[Sheet]:
    """Every sheet, from temporary files. Raises UnreadableFile with the row."""
    sheets: list[tuple[dict[str, Any], BinaryIO]] = []
    written = 0
    for found in _read(stream, size, _ALL_SHEETS):
        if isinstance(found, dict):
            file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by the caller's stack)
            sheets.append((found, closed_at_the_end.enter_context(file)))
            continue
        written += sheets[-1][1].write(json.dumps(found).encode() + b"\n")
        if written > _MAX_BYTES:
            raise UnreadableFile(_TOO_COMPLEX)
    for _, sheet in sheets:
        sheet.flush()
        sheet.seek(0)
    return [Sheet(about["sheet"], _stored_rows(file), frozenset(about["hidden"])) for about, file in sheets]


def _stored_rows(file: BinaryIO) -> Iterator[TableRow]:
    for line in file:
        number, cells = json.loads(line)
        yield number, cells


def _read(stream: BinaryIO, size: int, *arguments: str) -> Generator[list[Any] | dict[str, Any], None, None]:
    """What the process writes: rows, and before each sheet {"sheet": name, "hidden": numbers of rows}."""
    # A sheet of numbers takes about four seconds a megabyte.
    limits = ProcessLimits(cpu_seconds=20 + 10 * (size >> 20))
    try:
        with closing(run_lines(__name__, stream, limits, *arguments)) as lines:
            for line in lines:
                found = json.loads(line)
                if isinstance(found, str):
                    raise UnreadableFile(found)
                yield found
    except LimitExceeded as error:
        raise UnreadableFile(_TOO_COMPLEX) from error


def rows_in_this_process(stream: BinaryIO) -> Generator[TableRow, None, None]:
    """The same in this process, with the limits of the archive but not of memory and time."""
    for found in _sheets(stream, first_only=True):
        if isinstance(found, tuple):
            yield found


def _sheets(stream: BinaryIO, *, first_only: bool) -> Iterator[TableRow | dict[str, Any]]:
    """Rows of each sheet after its name; a workbook whose only or first sheet is empty is refused."""
    # Imported here because it is slow to load, and the parent does not need it.
    from openpyxl import load_workbook

    number = 0
    try:
        calculated = _check_parts(stream)
        with warnings.catch_warnings():
            # openpyxl warns about parts that it skips.
            warnings.simplefilter("ignore")
            book = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            with closing(book):
                # The first one that people see; a hidden one may list people who left.
                sheets = sorted(book.worksheets, key=lambda sheet: sheet.sheet_state != "visible")
                for sheet in sheets[:1] if first_only else sheets:
                    layout = _layout(sheet, calculated=calculated)
                    if layout.uncalculated:
                        raise UnreadableFile(
                            stored(
                                "Row %(number)s of the sheet “%(sheet)s”: a formula has no calculated value. "
                                "Open the workbook in Excel or LibreOffice, save it, and import it again.",
                                number=layout.uncalculated,
                                sheet=sheet.title,
                            )
                        )
                    yield {"sheet": sheet.title, "hidden": layout.hidden}
                    # A sheet may claim to be wider than it is; every row would be filled up to that.
                    sheet.reset_dimensions()
                    fill = _MergedCells(layout.merged).fill
                    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
                        if number > _MAX_ROWS:
                            raise UnreadableFile(
                                stored(
                                    "Row %(number)s: a sheet of the workbook can have at "
                                    "most %(max_rows)s rows.",
                                    number=f"{number:,}",
                                    max_rows=f"{_MAX_ROWS:,}",
                                )
                            )
                        if len(values) > MAX_COLUMNS:
                            raise UnreadableFile(too_many_columns(number, len(values)))
                        cells = [_cell_text(value) for value in values]
                        blank = not (joined := "".join(cells)) or joined.isspace()
                        cells = fill(number, cells, blank=blank)
                        if not blank:
                            yield number, cells
    except _DAMAGED as error:
        raise_if_out_of_memory(error)
        raise UnreadableFile(
            stored("Row %(number)s: the workbook is damaged; save it again, or as CSV.", number=number + 1)
        ) from error
    if not number:
        raise EmptyFile(
            stored("The first sheet of the workbook is empty: its first row must name the columns.")
        )


@dataclass(frozen=True, order=True)
class _Merge:
    """Cells over several rows that are shown as one, with the value of the first; numbers from 1."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass
class _Layout:
    """What openpyxl does not tell of a sheet that is only read."""

    # Numbers of hidden rows with a value.
    hidden: list[int] = field(default_factory=list)
    merged: list[_Merge] = field(default_factory=list)
    # The first row with a formula whose value nobody has calculated; 0 where there is none.
    uncalculated: int = 0


def _layout(sheet: Any, *, calculated: bool) -> _Layout:
    """`calculated`: whether the values of formulas are calculated, and not left for when Excel opens it."""
    found, rest = _Layout(), b""
    number, hidden, cell, formula = 0, False, b"", False
    with sheet._get_source() as source:
        while piece := source.read(_PIECE):
            # No tag of a row is longer, and what is between two tags may be.
            *whole, rest = (rest[:_LONGEST_TAG] + piece).split(b"<")
            for tag in whole:
                if tag.startswith(b"/"):
                    if formula and _CELL_ENDS.match(tag):
                        found.uncalculated, formula = found.uncalculated or number, False
                elif row := _ROW.match(tag):
                    given = _NUMBER.search(row[0])
                    number = int(given[1]) if given else number + 1
                    hidden = _HIDDEN.search(row[0]) is not None
                elif _CELL.match(tag):
                    cell = tag
                elif _FORMULA.match(tag):
                    formula = True
                elif formula and (result := _RESULT.match(tag)):
                    # An empty text is a value. Without one, programs that cannot calculate write nothing, or
                    # 0 in a workbook that Excel is to calculate.
                    value = result[1].strip()
                    formula = not (_IS_TEXT.search(cell) or (value and (calculated or value != b"0")))
                elif merged := _MERGED.match(tag):
                    _add_merged(found.merged, *merged.groups())
                if hidden and _VALUE.match(tag):
                    hidden = False
                    found.hidden.append(number)
    return found


def _add_merged(merged: list[_Merge], left: bytes, top: bytes, right: bytes, bottom: bytes) -> None:
    """Keep cells that reach over several rows: in one row, a value is in the row that it is about anyway."""
    from openpyxl.utils import column_index_from_string

    if int(bottom) > int(top):
        columns = (column_index_from_string(letters.decode()) for letters in (left, right))
        merged.append(_Merge(int(top), int(bottom), *columns))


class _MergedCells:
    """Gives every row the values of the merged cells that reach over it, which only the first of them has."""

    def __init__(self, merged: list[_Merge]) -> None:
        self._waiting = deque(sorted(merged))
        # Those that reach over this row, with their values.
        self._open: list[tuple[_Merge, str]] = []
        self._width = 0

    def fill(self, number: int, cells: list[str], *, blank: bool) -> list[str]:
        """The cells of the next row; blank ones stay so. Raises UnreadableFile for a value that is hidden."""
        self._width = max(self._width, len(cells))
        while self._waiting and self._waiting[0].top <= number:
            merge = self._waiting.popleft()
            value = cells[merge.left - 1] if merge.left <= len(cells) else ""
            if value.strip():
                self._open.append((merge, value))
        if not self._open:
            return cells
        self._open = [one for one in self._open if one[0].bottom >= number]
        if blank:
            return cells
        filled = [*cells, *[""] * (self._width - len(cells))]
        for merge, value in self._open:
            for place in range(merge.left - 1, min(merge.right, self._width)):
                if filled[place].strip() not in ("", value.strip()):
                    raise UnreadableFile(
                        stored(
                            "Row %(number)s: merged cells hide the value of one of them. Unmerge the cells "
                            "of the sheet, write into each row what it is to have, and import it again.",
                            number=number,
                        )
                    )
                filled[place] = value
        return filled


def _check_parts(stream: BinaryIO) -> bool:
    """Whether the workbook says nothing of formulas that are yet to be calculated.

    Raises UnreadableFile for another archive, and for one that would unpack to far more than a table.
    """
    with zipfile.ZipFile(stream) as packed:
        parts = packed.infolist()
        if not any(part.filename == "xl/workbook.xml" for part in parts):
            raise UnreadableFile(
                stored("This is a ZIP archive: unpack it, and import the CSV or XLSX file in it.")
            )
        if (
            len(parts) > _MAX_PARTS
            or sum(part.file_size for part in parts) > _MAX_BYTES
            or any(_is_bomb(part) for part in parts)
        ):
            raise UnreadableFile(
                stored(
                    "The workbook is too large when unpacked. Save its sheet as a CSV file, and import that."
                )
            )
        with packed.open("xl/workbook.xml") as text:
            book = text.read()
            if _STRICT in book[:_PIECE]:
                raise UnreadableFile(
                    stored(
                        "The workbook is in the format Strict Open XML: save it as the type “Excel Workbook "
                        "(.xlsx)”, or as CSV."
                    )
                )
        for part in parts:
            if part.filename.endswith((".xml", ".rels")) and not part.filename.startswith(_SHEETS):
                with packed.open(part) as text:
                    require_xml_depth_at_most(iter(lambda text=text: text.read(1 << 16), b""))  # type: ignore[misc]
    stream.seek(0)
    return not _TO_CALCULATE.search(book)


def _is_bomb(part: zipfile.ZipInfo) -> bool:
    return part.file_size > _LARGE and (
        part.file_size > _MAX_RATIO * max(part.compress_size, 1)
        or (part.file_size > _MAX_OTHER_PART and not part.filename.startswith(_SHEETS))
    )


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        # A day: Excel knows only moments.
        value = value.date()
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def _main() -> None:
    """Write every row as a line of JSON, [number, cells]; an error as a text; an empty line at the end."""
    first_only = _ALL_SHEETS not in limit_this_process(sys.argv[1:])
    out = sys.stdout
    try:
        for row in _sheets(sys.stdin.buffer, first_only=first_only):
            out.write(json.dumps(row) + "\n")
    except UnreadableFile as error:
        out.write(json.dumps(str(error)) + "\n")
    out.write("\n")
    out.flush()


if __name__ == "__main__":
    _main()
