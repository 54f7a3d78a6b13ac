"""Reading a table row by row from an Excel workbook (XLSX), and none that would fill the memory."""

from __future__ import annotations

import lzma
import struct
import warnings
import zipfile
import zlib
from collections.abc import Generator
from contextlib import closing
from datetime import date, datetime
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

from subscribers.imports.csv_file import MOST_COLUMNS, Row, too_wide
from subscribers.imports.records import BrokenFile

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# Rows of a sheet, as Excel has them.
_MOST_ROWS = 1_048_576
# Of the unpacked parts: how many, bytes of all, and bytes of the texts that many cells share.
_PARTS, _BYTES, _SHARED = 2_000, 1 << 30, 128 << 20
# From this many bytes on, a part may not be more times as large as it is packed: a table of people never is.
_LARGE, _TIMES = 10 << 20, 100
_DAMAGED = (
    *(zipfile.BadZipFile, ParseError, KeyError, ValueError, TypeError, IndexError),
    *(AttributeError, EOFError, OverflowError, OSError, zlib.error, lzma.LZMAError, struct.error),
    # Among others that a part is encrypted, or packed in a way that is not known.
    RuntimeError,
)


def is_workbook(stream: BinaryIO) -> bool:
    """Whether it is an XLSX file; the stream is rewound. Raises BrokenFile for what only looks like one."""
    start = stream.read(4)
    stream.seek(0)
    if start == _OLE:
        raise BrokenFile(
            "This is an old Excel file, or one with a password: save it as XLSX or CSV without one."
        )
    if start != _ZIP:
        return False
    try:
        with zipfile.ZipFile(stream) as packed:
            found = "xl/workbook.xml" in packed.namelist()
    except zipfile.BadZipFile as error:
        raise BrokenFile("The file is damaged: it begins as a workbook and does not end as one.") from error
    finally:
        stream.seek(0)
    if not found:
        raise BrokenFile("This is a ZIP archive: unpack it, and import the CSV or XLSX file in it.")
    return True


def read_workbook(stream: BinaryIO) -> Generator[Row, None, None]:
    """Every row of the first sheet that is not blank, with its number from 1; all cells as text.

    Raises BrokenFile with the row.
    """
    # Slow to load, and only needed for workbooks.
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    number = 0
    try:
        _weigh(stream)
        with warnings.catch_warnings():
            # openpyxl tells of parts that it leaves out.
            warnings.simplefilter("ignore")
            book = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            with closing(book):
                sheet = book.worksheets[0]
                # A sheet may claim to be wider than it is, and would be filled up to that.
                sheet.reset_dimensions()
                for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
                    if number > _MOST_ROWS:
                        raise BrokenFile(f"Row {number:,}: a sheet has no more than {_MOST_ROWS:,} rows.")
                    if len(values) > MOST_COLUMNS:
                        raise BrokenFile(too_wide(number, len(values)))
                    cells = [_text(value) for value in values]
                    if (joined := "".join(cells)) and not joined.isspace():
                        yield number, cells
    except (*_DAMAGED, InvalidFileException) as error:
        raise BrokenFile(f"Row {number + 1}: the workbook is damaged; save it again, or as CSV.") from error
    if not number:
        raise BrokenFile("The first sheet is empty: its first row must name the columns.")


def _weigh(stream: BinaryIO) -> None:
    """Refuse what would unpack to more than a table of people is."""
    with zipfile.ZipFile(stream) as packed:
        parts = packed.infolist()
    stream.seek(0)
    shared = sum(part.file_size for part in parts if part.filename.endswith("sharedStrings.xml"))
    swollen = any(
        part.file_size > _LARGE and part.file_size > _TIMES * max(part.compress_size, 1) for part in parts
    )
    if swollen or len(parts) > _PARTS or sum(part.file_size for part in parts) > _BYTES or shared > _SHARED:
        raise BrokenFile(
            "Row 1: the workbook would unpack to far more than a table of people is; save the sheet as CSV."
        )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
