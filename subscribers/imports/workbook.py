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
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
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
_NUMBER, _HIDDEN = re.compile(rb"""\br=["'](\d{1,8})["']"""), re.compile(rb"""\bhidden=["'](?:1|true)["']""")
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
        _check_parts(stream)
        with warnings.catch_warnings():
            # openpyxl warns about parts that it skips.
            warnings.simplefilter("ignore")
            book = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            with closing(book):
                # The first one that people see; a hidden one may list people who left.
                sheets = sorted(book.worksheets, key=lambda sheet: sheet.sheet_state != "visible")
                for sheet in sheets[:1] if first_only else sheets:
                    yield {"sheet": sheet.title, "hidden": list(_hidden_rows(sheet))}
                    # A sheet may claim to be wider than it is; every row would be filled up to that.
                    sheet.reset_dimensions()
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
                        if (joined := "".join(cells)) and not joined.isspace():
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


def _hidden_rows(sheet: Any) -> Iterator[int]:
    """The numbers of hidden rows with a value, which openpyxl does not tell of a sheet that is only read."""
    rest, number, hidden = b"", 0, False
    with sheet._get_source() as source:
        while piece := source.read(_PIECE):
            # No tag of a row is longer, and what is between two tags may be.
            *whole, rest = (rest[:_LONGEST_TAG] + piece).split(b"<")
            for tag in whole:
                if row := _ROW.match(tag):
                    given = _NUMBER.search(row[0])
                    number = int(given[1]) if given else number + 1
                    hidden = _HIDDEN.search(row[0]) is not None
                elif hidden and _VALUE.match(tag):
                    hidden = False
                    yield number


def _check_parts(stream: BinaryIO) -> None:
    """Raise UnreadableFile for another archive, and for one that would unpack to far more than a table."""
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
            if _STRICT in text.read(_PIECE):
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
