"""A file opened as a table, whatever it is: its rows, and what one look at all its bytes tells."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

from subscribers.imports import encodings
from subscribers.imports.csv_file import Row, read_csv
from subscribers.imports.mapping import Columns, find_columns
from subscribers.imports.records import BrokenFile
from subscribers.imports.xlsx import is_workbook, read_workbook


@dataclass(frozen=True)
class Table:
    """The rows below the headings, one after another, and all that is known beforehand."""

    columns: Columns
    rows: Iterator[Row]
    # SHA-256 of the file's bytes, hexadecimal, and how many there are.
    sha256: str
    size: int
    # Of a text file.
    encoding: str


@contextmanager
def opened(stream: BinaryIO, how: Mapping[str, Any], *, told_later: bool = False) -> Iterator[Table]:
    """The table in a CSV file or a workbook, read as far as its headings.

    `how` may say encoding, delimiter and columns (heading: field). Raises BrokenFile; `told_later`: not for
    want of a column of addresses, which a person may name.
    """
    stream.seek(0)
    encoding = ""
    rows: Generator[Row, None, None]
    if is_workbook(stream):
        sha256, size = hashlib.sha256(), 0
        while chunk := stream.read(1 << 20):
            sha256.update(chunk)
            size += len(chunk)
        stream.seek(0)
        known, rows = sha256.hexdigest(), read_workbook(stream)
    else:
        found = encodings.survey(stream, how.get("encoding", ""))
        known, size, encoding = found.sha256, found.size, found.encoding
        rows = read_csv(stream, encoding, how.get("delimiter", ""))
    # Closed here, and not whenever the collector comes by: they hold the stream.
    with closing(rows):
        try:
            first = next(rows)
        except StopIteration:
            raise BrokenFile("The file is empty: its first line must name the columns.") from None
        columns = find_columns(first[1], how.get("columns"), complete=not told_later)
        yield Table(columns, rows if columns.headed else chain([first], rows), known, size, encoding)
