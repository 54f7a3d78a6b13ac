"""Reading a table row by row from a CSV file of any size; nothing of it is kept in memory."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator, Iterator
from typing import Any, BinaryIO, TextIO

from subscribers.imports.records import BrokenFile

Row = tuple[int, list[str]]

DELIMITERS = (",", ";", "\t", "|")
# Characters of a line, and columns of a table; more are no table of people.
MOST_CHARACTERS = 1_000_000
MOST_COLUMNS = 500
# What is looked at to find the delimiter, in characters and rows.
_SAMPLE, _SAMPLE_ROWS = 64 * 1024, 20
# A member: an address, or a name and an address in angle brackets.
_MEMBER = re.compile(r"[^@\s,;|<>]+@[^@\s,;|<>]+|[^<>@;|\t]*<[^@\s<>]+@[^@\s<>]+>")
# Excel writes it as a first line of its own: "sep=;".
_SEP = re.compile(r'"?sep=(.)"?\r?\n?\Z', re.IGNORECASE)


def read_csv(stream: BinaryIO, encoding: str, delimiter: str = "") -> Generator[Row, None, None]:
    """Every row that is not blank with the line on which it begins, from 1; an empty delimiter is detected.

    The bytes must be valid in the encoding. Raises BrokenFile with the line.
    """
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    begins, rows = 1, 0
    try:
        listed = not delimiter and _is_list(text)
        delimiter, skipped = _delimiter(text, delimiter)
        lines = _lines(text)
        for _ in range(skipped):
            next(lines)
        begins += skipped
        if listed:
            reader: Any = _Members(lines)
        else:
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        for cells in reader:
            if (joined := "".join(cells)) and not joined.isspace():
                if len(cells) > MOST_COLUMNS:
                    raise BrokenFile(too_wide(begins, len(cells)))
                rows += 1
                yield begins, cells
            begins = reader.line_num + skipped + 1
    except csv.Error as error:
        alone = reader.line_num + skipped <= begins
        raise BrokenFile(f"Line {begins}: {_in_words(str(error), alone)}") from error
    finally:
        text.detach()
    if not rows:
        raise BrokenFile(
            "The file is empty: its first line must name the columns, such as: email,name,countries"
        )


def too_wide(line: int, columns: int) -> str:
    """What is said of a table with too many columns."""
    return f"Line {line}: there are {columns:,} columns, and no more than {MOST_COLUMNS} are read."


def _lines(text: TextIO) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: text.readline(MOST_CHARACTERS), ""), start=1):
        if len(line) >= MOST_CHARACTERS:
            raise BrokenFile(
                f"Line {number} is longer than {MOST_CHARACTERS:,} characters: this is no table of people. "
                "Save it as CSV again, with a row on each line."
            )
        if "\0" in line:
            raise BrokenFile(
                f"Line {number} holds a NUL byte, which no text does: the file is damaged or no CSV file. "
                "Save it as “CSV UTF-8” and try again."
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


class _Members:
    """A list of members as Mailman writes it, one on a line: each line is a row of one cell."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.line_num = 0

    def __iter__(self) -> Iterator[list[str]]:
        for self.line_num, line in enumerate(self._lines, start=1):  # noqa: B020  (as csv.reader counts)
            yield [line.strip()]


def _is_list(text: TextIO) -> bool:
    """Whether the text begins with such lines, and nothing else; it is rewound."""
    lines = [line.strip() for line in text.read(_SAMPLE).splitlines()[:_SAMPLE_ROWS]]
    text.seek(0)
    return any(lines) and all(_MEMBER.fullmatch(line) for line in lines if line)


def _in_words(error: str, alone: bool) -> str:
    """What is wrong with a row; `alone`: it has no more than one line."""
    if "field larger" in error and alone:
        return f"a cell is longer than {csv.field_size_limit():,} characters; this is no table of people."
    if "field larger" in error or "unexpected end" in error:
        return "a quotation mark opens here and is not closed."
    if "expected after" in error:
        return "a quotation mark stands inside a quoted cell; write it twice."
    return f"{error}."
