"""Reads a CSV file, or a list of members, row by row with flat memory."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator, Iterator
from typing import Any, BinaryIO, TextIO

from subscribers.imports.row_types import MAX_COLUMNS, EmptyFile, TableRow, UnreadableFile, too_many_columns
from subscribers.translate_stored_texts import stored

DELIMITERS = (",", ";", "\t", "|")
# Characters; a longer line is not part of a table of people.
MAX_LINE_LENGTH = 1_000_000
# What is looked at to detect the delimiter, in characters and rows.
_SAMPLE, _SAMPLE_ROWS = 64 * 1024, 20
# A line of a Mailman list: an address, or a name and an address in angle brackets.
_MEMBER = re.compile(r"[^@\s,;|<>]+@[^@\s,;|<>]+|[^<>@;|\t]*<[^@\s<>]+@[^@\s<>]+>")
# Excel writes the delimiter as a first line of its own: "sep=;".
_SEP = re.compile(r'"?sep=(.)"?\r?\n?\Z', re.IGNORECASE)
# Rows, and characters of a row: a cell may have many lines.
_MAX_ROWS, _MAX_ROW_LENGTH = 5_000_000, 1_000_000


def read_csv(stream: BinaryIO, encoding: str, delimiter: str = "") -> Generator[TableRow, None, None]:
    """Every row that is not blank with the line on which it begins, from 1; an empty delimiter is detected.

    The bytes must be valid in the encoding. Raises UnreadableFile with the line.
    """
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    begins, rows = 1, 0
    try:
        separator = None if delimiter else _member_separator(text)
        delimiter, skipped = _delimiter(text, delimiter)
        lines = _lines(text)
        for _ in range(skipped):
            next(lines)
        begins += skipped
        if separator is not None:
            reader: Any = _MemberList(lines, separator)
        else:
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        for cells in reader:
            if (joined := "".join(cells)) and not joined.isspace():
                if len(cells) > MAX_COLUMNS:
                    raise UnreadableFile(too_many_columns(begins, len(cells)))
                if len(joined) > _MAX_ROW_LENGTH:
                    raise UnreadableFile(
                        stored(
                            "Line %(begins)s of the file: the row is longer than "
                            "%(max_row_length)s characters, so the file is not a list of "
                            "subscribers.",
                            begins=begins,
                            max_row_length=f"{_MAX_ROW_LENGTH:,}",
                        )
                    )
                rows += 1
                if rows > _MAX_ROWS:
                    raise UnreadableFile(
                        stored(
                            "Line %(begins)s of the file: at most %(max_rows)s rows are "
                            "read; import the file in parts.",
                            begins=begins,
                            max_rows=f"{_MAX_ROWS:,}",
                        )
                    )
                yield begins, cells
            begins = reader.line_num + skipped + 1
    except csv.Error as error:
        one_line = reader.line_num + skipped <= begins
        raise UnreadableFile(
            stored(
                "Line %(begins)s of the file: %(error)s",
                begins=begins,
                error=_csv_message(str(error), one_line),
            )
        ) from error
    finally:
        text.detach()
    if not rows:
        raise EmptyFile(
            stored("The file is empty: its first line must name the columns, such as: email,name,countries")
        )


def _lines(text: TextIO) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: text.readline(MAX_LINE_LENGTH), ""), start=1):
        if len(line) >= MAX_LINE_LENGTH:
            raise UnreadableFile(
                stored(
                    "Line %(number)s is longer than %(max_line_length)s characters: this is not a table "
                    "of people. Save it as CSV again, with a row on each line.",
                    number=number,
                    max_line_length=f"{MAX_LINE_LENGTH:,}",
                )
            )
        if "\0" in line:
            raise UnreadableFile(
                stored(
                    "Line %(number)s holds a NUL byte, which text never does: the file is damaged or not "
                    "a CSV file. Save it as “CSV UTF-8” and try again.",
                    number=number,
                )
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


# An address, or headings with another delimiter.
_NO_TITLE = re.compile(
    r"@|mail[^,;\t|]*[,;\t|]|[,;\t|][^,;\t|]*mail|почт[^,;\t|]*[,;\t|]|[,;\t|][^,;\t|]*почт", re.IGNORECASE
)


def _likelihood(sample: str, delimiter: str) -> tuple[int, int]:
    """How many rows have as many cells as the first below titles, where those are several; how many cells."""
    # The last line may be cut off.
    lines = io.StringIO(sample if len(sample) < _SAMPLE else sample[: sample.rfind("\n") + 1], newline="")
    rows: list[int] = []
    try:
        for cells in csv.reader(lines, delimiter=delimiter):
            # A title has one cell, whatever divides the cells of the table.
            is_title = not rows and len(cells) == 1 and not _NO_TITLE.search(cells[0])
            if any(cells) and not is_title:
                rows.append(len(cells))
            if len(rows) == _SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    if not rows or rows[0] == 1:
        return 0, 0
    return sum(count == rows[0] for count in rows), rows[0]


class _MemberList:
    """A list of members, one on a line as Mailman writes it, or several: each is a row of one cell.

    Where a line has several, members are counted instead of lines.
    """

    def __init__(self, lines: Iterator[str], separator: str) -> None:
        """`separator`: between the members on a line; empty where there is one on each."""
        self._lines = lines
        self._separator = separator
        self.line_num = 0

    def __iter__(self) -> Iterator[list[str]]:
        if not self._separator:
            for self.line_num, line in enumerate(self._lines, start=1):  # noqa: B020  (as csv.reader counts)
                yield [line.strip()]
            return
        for line in self._lines:
            for member in filter(None, map(str.strip, line.split(self._separator))):
                self.line_num += 1
                yield [member]


def _member_separator(text: TextIO) -> str | None:
    """What separates the members of a list on a line: "" for one on each; None for another file.

    The text is rewound. Two addresses on each line are no list: they may be those of one person.
    """
    sample = text.read(_SAMPLE)
    text.seek(0)
    lines = [line.strip() for line in sample.splitlines()[:_SAMPLE_ROWS] if line.strip()]
    if lines and all(_MEMBER.fullmatch(line) for line in lines):
        return ""
    for separator in (";", ","):
        parts = [[part.strip() for part in line.split(separator) if part.strip()] for line in lines]
        if len(sample) == _SAMPLE and len(lines) < _SAMPLE_ROWS:
            # It may be cut off.
            parts[-1] = parts[-1][:-1]
        most = max(map(len, parts), default=0)
        if most > (1 if len(lines) == 1 else 2) and all(
            _MEMBER.fullmatch(one) for line in parts for one in line
        ):
            return separator
    return None


def _csv_message(error: str, one_line: bool) -> str:
    """What is wrong with a row; `one_line`: it is on a single line."""
    if "field larger" in error and one_line:
        return stored(
            "a cell is longer than %(field_size_limit)s characters; check that the file is a "
            "table of subscribers.",
            field_size_limit=f"{csv.field_size_limit():,}",
        )
    if "field larger" in error or "unexpected end" in error:
        return stored("a quotation mark is opened here and not closed.")
    if "expected after" in error:
        return stored("there is a quotation mark inside a quoted cell; write it twice.")
    return f"{error}."
