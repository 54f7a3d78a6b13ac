"""Opens a CSV file or an Excel workbook (XLSX) as a table, and reads it row by row with flat memory.

A file that no table of people can be, or that would fill the memory, is refused with a message.
"""

from __future__ import annotations

import csv
import hashlib
import io
import lzma
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any, BinaryIO, TextIO
from xml.etree.ElementTree import ParseError

from subscribers.imports import encodings
from subscribers.imports.column_mapping import Columns, find_columns
from subscribers.imports.rows import UnreadableFile

# The line or row number, from 1, and its cells.
TableRow = tuple[int, list[str]]

# A table of people has no more.
MAX_COLUMNS = 500
DELIMITERS = (",", ";", "\t", "|")
# Characters; a longer line is not part of a table of people.
MAX_LINE_LENGTH = 1_000_000
# What is looked at to detect the delimiter, in characters and rows.
_SAMPLE, _SAMPLE_ROWS = 64 * 1024, 20
# A line of a Mailman list: an address, or a name and an address in angle brackets.
_MEMBER = re.compile(r"[^@\s,;|<>]+@[^@\s,;|<>]+|[^<>@;|\t]*<[^@\s<>]+@[^@\s<>]+>")
# Excel writes the delimiter as a first line of its own: "sep=;".
_SEP = re.compile(r'"?sep=(.)"?\r?\n?\Z', re.IGNORECASE)
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# Rows of a sheet in Excel.
_MAX_ROWS = 1_048_576
# Limits of the unpacked parts: their number, their bytes, and the bytes of the texts that cells share.
_MAX_PARTS, _MAX_BYTES, _MAX_SHARED = 2_000, 1 << 30, 128 << 20
# The compression ratio of a part of so many bytes or more; a table of people never exceeds it.
_LARGE, _MAX_RATIO = 10 << 20, 100
_DAMAGED = (
    # openpyxl's InvalidFileException is not here: it is about names of files, and a stream has none.
    *(zipfile.BadZipFile, ParseError, KeyError, ValueError, TypeError, IndexError),
    *(AttributeError, EOFError, OverflowError, OSError, zlib.error, lzma.LZMAError, struct.error),
    # Such as an encrypted part, or an unknown compression method.
    RuntimeError,
)


@dataclass(frozen=True)
class Table:
    """The rows below the headings, one after another, and what is known beforehand."""

    columns: Columns
    rows: Iterator[TableRow]
    # SHA-256 of the file's bytes, hexadecimal, and how many there are.
    sha256: str
    size: int
    # Empty for a workbook.
    encoding: str


@contextmanager
def open_table(
    stream: BinaryIO, options: Mapping[str, Any], *, allow_missing_email: bool = False
) -> Iterator[Table]:
    """The table in a CSV file or a workbook, read as far as its headings.

    `options` may hold encoding, delimiter and columns (heading to field). Raises UnreadableFile, also without
    a column of addresses unless `allow_missing_email`.
    """
    stream.seek(0)
    encoding = ""
    rows: Generator[TableRow, None, None]
    if _is_xlsx(stream):
        digest, size = hashlib.sha256(), 0
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
        stream.seek(0)
        sha256, rows = digest.hexdigest(), _read_xlsx(stream)
    else:
        text = encodings.detect(stream, options.get("encoding", ""))
        sha256, size, encoding = text.sha256, text.size, text.encoding
        rows = _read_csv(stream, encoding, options.get("delimiter", ""))
    # Closed here, and not when the garbage collector runs: the generator holds the stream.
    with closing(rows):
        try:
            first = next(rows)
        except StopIteration:
            raise UnreadableFile("The file is empty: its first line must name the columns.") from None
        columns = find_columns(first[1], options.get("columns"), require_email=not allow_missing_email)
        yield Table(columns, rows if columns.headed else chain([first], rows), sha256, size, encoding)


def _read_csv(stream: BinaryIO, encoding: str, delimiter: str = "") -> Generator[TableRow, None, None]:
    """Every row that is not blank with the line on which it begins, from 1; an empty delimiter is detected.

    The bytes must be valid in the encoding. Raises UnreadableFile with the line.
    """
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    begins, rows = 1, 0
    try:
        is_list = not delimiter and _is_member_list(text)
        delimiter, skipped = _delimiter(text, delimiter)
        lines = _lines(text)
        for _ in range(skipped):
            next(lines)
        begins += skipped
        if is_list:
            reader: Any = _MemberList(lines)
        else:
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        for cells in reader:
            if (joined := "".join(cells)) and not joined.isspace():
                if len(cells) > MAX_COLUMNS:
                    raise UnreadableFile(_too_many_columns(begins, len(cells)))
                rows += 1
                yield begins, cells
            begins = reader.line_num + skipped + 1
    except csv.Error as error:
        one_line = reader.line_num + skipped <= begins
        raise UnreadableFile(f"Line {begins}: {_csv_message(str(error), one_line)}") from error
    finally:
        text.detach()
    if not rows:
        raise UnreadableFile(
            "The file is empty: its first line must name the columns, such as: email,name,countries"
        )


def _lines(text: TextIO) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: text.readline(MAX_LINE_LENGTH), ""), start=1):
        if len(line) >= MAX_LINE_LENGTH:
            raise UnreadableFile(
                f"Line {number} is longer than {MAX_LINE_LENGTH:,} characters: "
                "this is not a table of people. Save it as CSV again, with a row on each line."
            )
        if "\0" in line:
            raise UnreadableFile(
                f"Line {number} holds a NUL byte, which text never does: "
                "the file is damaged or not a CSV file. Save it as “CSV UTF-8” and try again."
            )
        yield line


def _delimiter(text: TextIO, chosen: str) -> tuple[str, int]:
    """The delimiter, and how many lines there are before the table; the text is rewound."""
    first = text.readline(_SAMPLE)
    named = _SEP.match(first)
    sample = first + text.read(_SAMPLE) if not named else text.read(_SAMPLE)
    text.seek(0)
    if chosen:
        return chosen, bool(named)
    if named:
        return named[1], 1
    return max(DELIMITERS, key=lambda one: _likelihood(sample, one)), 0


def _likelihood(sample: str, delimiter: str) -> tuple[int, int]:
    """How many rows have as many cells as the first, where those are several; then how many cells."""
    # The last line may be cut off.
    lines = io.StringIO(sample if len(sample) < _SAMPLE else sample[: sample.rfind("\n") + 1], newline="")
    rows: list[int] = []
    try:
        for cells in csv.reader(lines, delimiter=delimiter):
            if any(cells):
                rows.append(len(cells))
            if len(rows) == _SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    if not rows or rows[0] == 1:
        return 0, 0
    return sum(count == rows[0] for count in rows), rows[0]


class _MemberList:
    """A list of members as Mailman writes it, one on a line: each line is a row of one cell."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.line_num = 0

    def __iter__(self) -> Iterator[list[str]]:
        for self.line_num, line in enumerate(self._lines, start=1):  # noqa: B020  (as csv.reader counts)
            yield [line.strip()]


def _is_member_list(text: TextIO) -> bool:
    """Whether the text begins with such lines, and nothing else; it is rewound."""
    lines = [line.strip() for line in text.read(_SAMPLE).splitlines()[:_SAMPLE_ROWS]]
    text.seek(0)
    return any(lines) and all(_MEMBER.fullmatch(line) for line in lines if line)


def _csv_message(error: str, one_line: bool) -> str:
    """What is wrong with a row; `one_line`: it is on a single line."""
    if "field larger" in error and one_line:
        return f"a cell is longer than {csv.field_size_limit():,} characters; this is not a table of people."
    if "field larger" in error or "unexpected end" in error:
        return "a quotation mark opens here and is not closed."
    if "expected after" in error:
        return "a quotation mark is inside a quoted cell; write it twice."
    return f"{error}."


def _too_many_columns(line: int, columns: int) -> str:
    """The message about a row with more than MAX_COLUMNS cells."""
    return f"Line {line}: there are {columns:,} columns; at most {MAX_COLUMNS} are read."


def _is_xlsx(stream: BinaryIO) -> bool:
    """Whether it is an XLSX file; it is rewound. Raises UnreadableFile for another Excel file or archive."""
    start = stream.read(4)
    stream.seek(0)
    if start == _OLE:
        raise UnreadableFile(
            "This is an old Excel file, or one with a password: save it as XLSX or CSV without one."
        )
    if start != _ZIP:
        return False
    try:
        with zipfile.ZipFile(stream) as packed:
            found = "xl/workbook.xml" in packed.namelist()
    except zipfile.BadZipFile as error:
        raise UnreadableFile(
            "The file is damaged: it begins like a workbook but does not end like one."
        ) from error
    finally:
        stream.seek(0)
    if not found:
        raise UnreadableFile("This is a ZIP archive: unpack it, and import the CSV or XLSX file in it.")
    return True


def _read_xlsx(stream: BinaryIO) -> Generator[TableRow, None, None]:
    """Every row of the first sheet that is not blank, with its number from 1; all cells as text.

    Raises UnreadableFile with the row.
    """
    # Imported here because it is slow to load, and few files are workbooks.
    from openpyxl import load_workbook

    number = 0
    try:
        _check_xlsx_size(stream)
        with warnings.catch_warnings():
            # openpyxl warns about parts that it skips.
            warnings.simplefilter("ignore")
            book = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            with closing(book):
                sheet = book.worksheets[0]
                # A sheet may claim to be wider than it is; every row would be filled up to that.
                sheet.reset_dimensions()
                for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
                    if number > _MAX_ROWS:
                        raise UnreadableFile(f"Row {number:,}: a sheet has no more than {_MAX_ROWS:,} rows.")
                    if len(values) > MAX_COLUMNS:
                        raise UnreadableFile(_too_many_columns(number, len(values)))
                    cells = [_cell_text(value) for value in values]
                    if (joined := "".join(cells)) and not joined.isspace():
                        yield number, cells
    except _DAMAGED as error:
        raise UnreadableFile(
            f"Row {number + 1}: the workbook is damaged; save it again, or as CSV."
        ) from error
    if not number:
        raise UnreadableFile("The first sheet is empty: its first row must name the columns.")


def _check_xlsx_size(stream: BinaryIO) -> None:
    """Raise UnreadableFile for a workbook that would unpack to far more than a table of people."""
    with zipfile.ZipFile(stream) as packed:
        parts = packed.infolist()
    stream.seek(0)
    shared = sum(part.file_size for part in parts if part.filename.endswith("sharedStrings.xml"))
    bomb = any(
        part.file_size > _LARGE and part.file_size > _MAX_RATIO * max(part.compress_size, 1) for part in parts
    )
    if (
        bomb
        or len(parts) > _MAX_PARTS
        or sum(part.file_size for part in parts) > _MAX_BYTES
        or shared > _MAX_SHARED
    ):
        raise UnreadableFile(
            "Row 1: the workbook would unpack to far more than a table of people; save the sheet as CSV."
        )


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
