"""Opens a CSV file, an Excel workbook (XLSX) or a ZIP archive of them as a table, with flat memory.

A file that no table of people can be, or that would fill the memory, is refused with a message.
"""

from __future__ import annotations

import hashlib
import re
import struct
import tempfile
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, BinaryIO

from subscribers.imports import encodings, other_systems_formats, zip_archive
from subscribers.imports.column_mapping import (
    Choices,
    Columns,
    email_place,
    find_columns,
    guess_headings,
    is_headed,
    normalise_heading,
)
from subscribers.imports.csv_file import read_csv
from subscribers.imports.json_columns import JsonColumns
from subscribers.imports.row_types import EmptyFile, TableRow, UnreadableFile
from subscribers.imports.staff_questions import parse_status_words
from subscribers.imports.status_cells import Status, word_status
from subscribers.imports.status_columns import (
    file_name_status_and_certainty,
    status_column_of_heading,
    title_status_or_subscribed,
)
from subscribers.imports.workbook import Sheet, read_sheets, read_workbook
from subscribers.translate_stored_texts import stored

# Bytes at the end of an archive that say where its directory is (APPNOTE.TXT §4.3.16).
_MAX_ZIP_END = 22 + 65_535
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# How other files with people begin: contacts of a phone or mail program (RFC 6350), and OpenDocument, whose
# first member says so uncompressed (OpenDocument 1.3 part 2, §3.3).
_VCARD, _OPENDOCUMENT = b"begin:vcard", b"mimetypeapplication/vnd.oasis.opendocument."
# Web pages and XML, which many programs save with the ending .xls; after comments.
_WEB_PAGE = re.compile(
    rb"(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|meta|title|style|body|div|center|table)(?=[\s>])"
    rb"|<\?xml\b.*<html(?=[\s>])|mime-version:",
    re.DOTALL,
)
_XML = re.compile(rb"<\?xml\b|<(?:\w+:)?workbook(?=[\s>])")
# What may be before that: byte order marks, and spaces.
_BLANK = b"\xef\xbb\xbf\xff\xfe \t\r\n"
# Rows that are read before the columns are known; and those of which one may name them.
_PEEKED, _PEEKED_FOR_HEADINGS = 2_000, 10
# Characters of a title that a message shows.
_TITLE_LENGTH = 80
# The heading of the column that says what the names of files say about the people in them.
STATUS_BY_NAME = "status by file name"
# The same of the column that says which rows of a sheet are hidden, and what it says.
HIDDEN_ROW, _HIDDEN = "status by hidden rows", "not subscribed (hidden row)"


@dataclass(frozen=True)
class Table:
    """The rows below the headings, one after another, and what is known beforehand."""

    columns: Columns
    rows: Iterator[TableRow]
    # The first of these rows.
    sample: Sequence[Sequence[str]]
    # SHA-256 of the file's bytes, hexadecimal, and how many there are.
    sha256: str
    size: int
    # Empty for a workbook and an archive.
    encoding: str
    # Files of an archive that are not read.
    unread: tuple[str, ...] = ()
    # Keys of JSON objects that the first rows do not have, with a value; complete after the last row.
    late_keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Source:
    """Rows with their headings, where the file has any."""

    rows: Iterator[TableRow]
    sha256: str
    size: int
    encoding: str = ""
    unread: tuple[str, ...] = ()
    # Headings of columns that are made here, and about which a person must decide.
    doubtful: tuple[str, ...] = ()


# Its name, its rows below the headings, and the headings.
_NamedTable = tuple[str, Iterator[TableRow], list[str]]


@contextmanager
def open_table(
    stream: BinaryIO, options: Mapping[str, Any], *, allow_missing_email: bool = False
) -> Iterator[Table]:
    """The table in a CSV file, a workbook or an archive of them, read as far as its first rows.

    `options` may hold encoding, delimiter, file_name, columns (heading to field), words (word to Status), and
    keys (headings of JSON keys). Raises UnreadableFile, also without a column of addresses unless
    `allow_missing_email`.
    """
    stream.seek(0)
    with ExitStack() as closed_at_the_end:
        source = _open(stream, options, closed_at_the_end)
        rows = source.rows
        try:
            line, first = next(rows)
        except StopIteration:
            raise EmptyFile(stored("The file is empty: its first line must name the columns.")) from None
        begin, rows = _peek(rows)
        chosen = options.get("columns") or {}
        expanded = JsonColumns(first, [cells for _, cells in begin], [*options.get("keys", ()), *chosen])
        keys: Mapping[int, str] = {}
        if expanded.places and is_headed(first):
            first, keys = [*first, *expanded.headings], expanded.names()
            begin, rows = [(at, expanded.add(cells)) for at, cells in begin], expanded.rows(rows)
        choices = Choices(chosen, parse_status_words(options.get("words") or {}))
        sample = [cells for _, cells in begin]
        columns = find_columns(
            first,
            sample,
            choices,
            require_email=not allow_missing_email,
            recognised_names=keys,
            expanded=frozenset(expanded.places) if keys else frozenset(),
        )
        made = {columns.headings.index(heading) for heading in source.doubtful} - columns.settled
        # They are statuses also where the first rows have none.
        fields = tuple("status" if place in made else name for place, name in enumerate(columns.fields))
        columns = replace(columns, fields=fields, doubtful=columns.doubtful | made)
        yield Table(
            columns,
            chain([] if columns.headed else [(line, first)], begin, rows),
            sample if columns.headed else [first, *sample],
            source.sha256,
            source.size,
            source.encoding,
            source.unread,
            expanded.late,
        )


def _open(
    stream: BinaryIO, options: Mapping[str, Any], closed_at_the_end: ExitStack, *, nested: bool = False
) -> _Source:
    if _is_zip(stream):
        digest, size = hashlib.sha256(), 0
        # A file with a descriptor of its own, for the process that reads it.
        copy = closed_at_the_end.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
            size += copy.write(chunk)
        copy.flush()
        source = _Source(iter(()), digest.hexdigest(), size)
        sheets = _count_sheets(copy, size)
        if sheets != 1:
            name = options.get("file_name", "")
            if sheets:
                return _open_sheets(read_sheets(copy, size, closed_at_the_end), source, name)
            if nested:
                raise UnreadableFile(
                    stored("An archive inside an archive is not read: unpack the inner one first.")
                )
            unpacked = zip_archive.unpack(copy, size, closed_at_the_end)
            return _open_archive(unpacked, options, closed_at_the_end, source)
        sheet = read_workbook(copy, size, closed_at_the_end)
        rows = _with_hidden(_without_titles(sheet.rows), sheet.hidden)
        source = replace(source, rows=rows, doubtful=(HIDDEN_ROW,) if sheet.hidden else ())
    else:
        text = encodings.detect_encoding(stream, options.get("encoding", ""))
        lines = read_csv(stream, text.encoding, options.get("delimiter", ""))
        closed_at_the_end.enter_context(closing(lines))
        source = _Source(_without_titles(lines), text.sha256, text.size, text.encoding)
    # Closed here, and not when the garbage collector runs: the generator holds the stream.
    closed_at_the_end.enter_context(closing(source.rows))  # type: ignore[type-var]
    word, sure = file_name_status_and_certainty(options.get("file_name", ""))
    if word in ("", "subscribed"):
        return source
    doubtful = (*source.doubtful, *([] if sure else [STATUS_BY_NAME]))
    return replace(source, rows=_with_status(source.rows, word), doubtful=doubtful)


def _open_archive(
    unpacked: zip_archive.Archive, options: Mapping[str, Any], closed_at_the_end: ExitStack, whole: _Source
) -> _Source:
    """The tables of an archive as one: all their headings, and the status that each file's name gives."""
    tables: list[_NamedTable] = []
    unread = list(unpacked.others)
    for name, file in unpacked.tables:
        try:
            within = {**options, "file_name": "", "encoding": ""}
            rows = _headed(_open(file, within, closed_at_the_end, nested=True).rows)
            tables.append((name, rows, next(rows)[1]))
        except (StopIteration, EmptyFile):
            unread.append(name)
        except UnreadableFile as error:
            raise UnreadableFile(f"{name}: {error}") from error
    wanted = _wanted(tables)
    unread += [name for name, _, _ in tables if name not in wanted]
    tables = [one for one in tables if one[0] in wanted]
    if not tables:
        raise UnreadableFile(stored("No file in the archive has a column of email addresses."))
    return _as_one(tables, unread, whole, options.get("file_name", ""))


def _open_sheets(sheets: Sequence[Sheet], whole: _Source, file_name: str) -> _Source:
    """The first sheet of a workbook, together with others that list people who left."""
    tables: list[_NamedTable] = []
    for sheet in sheets:
        headed = _headed(_with_hidden(_without_titles(sheet.rows), sheet.hidden))
        try:
            first = next(headed, None)
        except UnreadableFile as error:
            raise UnreadableFile(f"{sheet.name}: {error}") from error
        if first is not None:
            tables.append((sheet.name, headed, first[1]))
    if not tables:
        raise EmptyFile(
            stored("The first sheet of the workbook is empty: its first row must name the columns.")
        )
    wanted = {tables[0][0], *_leaving(tables)}
    unread = [f"sheet “{name}”" for name, _, _ in tables if name not in wanted]
    return _as_one([one for one in tables if one[0] in wanted], unread, whole, file_name)


def _as_one(tables: Sequence[_NamedTable], unread: Sequence[str], whole: _Source, file_name: str) -> _Source:
    said = {name: _path_status_and_certainty(name) for name, _, _ in tables}
    # The name of the whole file speaks for tables whose own name says nothing.
    said = {name: one if one[0] else file_name_status_and_certainty(file_name) for name, one in said.items()}
    words = {name: word for name, (word, _) in said.items()}
    doubtful = [] if all(sure for _, sure in said.values()) else [STATUS_BY_NAME]
    if any(HIDDEN_ROW in first for _, _, first in tables):
        doubtful.append(HIDDEN_ROW)
    return replace(whole, rows=_joined(tables, words), unread=tuple(unread), doubtful=tuple(doubtful))


def _path_status_and_certainty(path: str) -> tuple[str, bool]:
    """As `file_name_status_and_certainty`; where its name says nothing, the folders of the file speak."""
    name, *folders = reversed(path.replace("\\", "/").split("/"))
    said = file_name_status_and_certainty(name)
    for folder in folders:
        if said[0]:
            break
        said = file_name_status_and_certainty(folder)
    return said


def _leaving(tables: Sequence[_NamedTable]) -> set[str]:
    """Names of the tables with addresses that say something about leaving, by their names or headings."""
    return {
        name
        for name, _, first in tables
        if email_place([normalise_heading(cell) for cell in first]) is not None
        and (
            _path_status_and_certainty(name)[0]
            or any((kind := status_column_of_heading(cell)) and kind.field == "opted_out" for cell in first)
        )
    }


def _wanted(tables: Sequence[_NamedTable]) -> set[str]:
    """Names of the tables that are lists of people.

    Where some of them are known exports, others are left out, such as the statistics of each mailing: unless
    they have an address and say something about leaving.
    """
    names = {name: [normalise_heading(cell) for cell in first] for name, _, first in tables}
    with_email = {name for name, headings in names.items() if email_place(headings) is not None}
    known = {name for name in with_email if other_systems_formats.recognise(names[name]) is not None}
    return known | _leaving(tables) if known else with_email


def _joined(tables: Sequence[_NamedTable], words: Mapping[str, str]) -> Generator[TableRow, None, None]:
    """The rows of several tables under all their headings; lines are counted on from file to file."""
    headings: dict[tuple[str, int], str] = {}
    keys = {name: _numbered(first) for name, _, first in tables}
    for name, _, first in tables:
        for key, cell in zip(keys[name], first, strict=True):
            headings.setdefault(key, cell)
    places = {key: place for place, key in enumerate(headings)}
    yield 1, [*headings.values(), STATUS_BY_NAME]
    before = 1
    for name, rows, _ in tables:
        at, line = [places[key] for key in keys[name]], 0
        for line, cells in rows:
            row = [""] * len(places)
            for place, cell in zip(at, cells, strict=False):
                row[place] = cell
            # Cells beyond the headings make the row invalid.
            yield before + line, [*row, words[name], *cells[len(at) :]]
        before += line


def _numbered(first: Sequence[str]) -> list[tuple[str, int]]:
    """Each heading, and how many of the same are before it: a file may have two.

    The addresses have the same heading in all files, "" and -1, whatever each file calls them.
    """
    names = [normalise_heading(cell) for cell in first]
    numbered = [(name, names[:place].count(name)) for place, name in enumerate(names)]
    if (email := email_place(names)) is not None:
        numbered[email] = "", -1
    return numbered


def _without_titles(rows: Iterator[TableRow]) -> Generator[TableRow, None, None]:
    """The rows from the one that names the columns on, which is one of the first.

    Raises UnreadableFile where more than titles is above it, and as `_without_sections`.
    """
    begin, rows = _peek(_without_sections(rows), _PEEKED_FOR_HEADINGS)
    place = _headings_place([cells for _, cells in begin])
    if any(len(set(map(str.strip, cells)) - {""}) > 1 for _, cells in begin[:place]):
        raise UnreadableFile(
            stored(
                "The headings are in line %(line)s of the file: delete the lines above it, and write what "
                "they say of the columns into the headings.",
                line=begin[place][0],
            )
        )
    yield from begin[place:]
    yield from rows


def _headings_place(rows: Sequence[Sequence[str]]) -> int:
    """The place of the row that names the column of addresses, before any address; else that of the first."""
    for place, cells in enumerate(rows):
        if not is_headed(cells):
            break
        names = [normalise_heading(cell) for cell in cells]
        if email_place(names) is not None or other_systems_formats.recognise(names) is not None:
            return place
    return 0


def _without_sections(rows: Iterator[TableRow]) -> Generator[TableRow, None, None]:
    """The same rows. Raises UnreadableFile for people below a row that says of all of them that they left."""
    # By place of the cell: its line, and its text.
    titles: dict[int, tuple[int, str]] = {}
    for line, cells in rows:
        if "@" not in "".join(cells):
            texts = [cell.strip() for cell in cells]
            if len(set(texts) - {""}) == 1:
                place = next(place for place, text in enumerate(texts) if text)
                if title_status_or_subscribed(texts[place]) is not Status.SUBSCRIBED:
                    titles.setdefault(place, (line, texts[place]))
            yield line, cells
            continue
        # Where the next person has a status in the same column, the row is one of them, without an address.
        titles = titles and {place: title for place, title in titles.items() if not _has_status(cells, place)}
        if titles:
            at, text = min(titles.values())
            raise UnreadableFile(
                stored(
                    "Line %(line)s of the file has only “%(text)s”: it may say who must get no emails, "
                    "but not how far below. Add a column “Status” that says it in the row of each of these "
                    "people, and delete this line; if the line means something else, only delete it.",
                    line=at,
                    text=text[:_TITLE_LENGTH],
                )
            )
        yield line, cells


def _has_status(cells: Sequence[str], place: int) -> bool:
    return place < len(cells) and bool(cells[place].strip()) and word_status(cells[place]) is not None


def _with_status(rows: Iterator[TableRow], word: str) -> Generator[TableRow, None, None]:
    """The rows with one more column: what the file's name says about all of them."""
    rows = _headed(rows)
    line, first = next(rows, (1, []))
    if not first:
        return
    if STATUS_BY_NAME in first:
        # Rejected rows that are imported again.
        yield line, first
        yield from rows
        return
    yield line, [*first, STATUS_BY_NAME]
    for line, cells in rows:
        row = [*cells, *[""] * (len(first) - len(cells))]
        yield line, [*row[: len(first)], word, *row[len(first) :]]


def _with_hidden(rows: Iterator[TableRow], hidden: Collection[int]) -> Generator[TableRow, None, None]:
    """The rows with one more column where some are hidden: who filters a sheet may mean the others only."""
    rows = _headed(rows) if hidden else rows
    line, first = next(rows, (1, []))
    if first:
        yield line, [*first, HIDDEN_ROW] if hidden else first
    for line, cells in rows:
        row = [*cells, *[""] * (len(first) - len(cells))] if hidden else cells
        word = _HIDDEN if line in hidden else ""
        yield line, [*row[: len(first)], word, *row[len(first) :]] if hidden else row


def _headed(rows: Iterator[TableRow]) -> Generator[TableRow, None, None]:
    """The rows with a first one of headings, made up where the file has none."""
    line, first = next(rows, (1, []))
    if first and not is_headed(first):
        yield line - 1, guess_headings(first)
    if first:
        yield line, first
    yield from rows


def _peek(rows: Iterator[TableRow], count: int = _PEEKED) -> tuple[list[TableRow], Iterator[TableRow]]:
    """The first rows, and the rest; an error in them is raised when the rest is read."""
    begin: list[TableRow] = []
    try:
        for row in rows:
            begin.append(row)
            if len(begin) == count:
                break
    except UnreadableFile as error:
        return begin, _raising(error)
    return begin, rows


def _raising(error: UnreadableFile) -> Iterator[TableRow]:
    yield from ()
    raise error


def _is_zip(stream: BinaryIO) -> bool:
    """Whether it is an archive, as XLSX files are; it is rewound.

    Raises UnreadableFile for files of programs that can save the same as XLSX or CSV.
    """
    start = stream.read(512)
    stream.seek(0)
    if start.startswith(_OLE):
        raise UnreadableFile(
            stored("This is an old Excel file, or one with a password: save it as XLSX or CSV without one.")
        )
    # Without the zeros of UTF-16.
    text = start.replace(b"\0", b"").lstrip(_BLANK).lower()
    if _WEB_PAGE.match(text):
        raise UnreadableFile(
            stored(
                "This is a web page, even if its name ends in .xls: open it in Excel or LibreOffice, save it "
                "as XLSX, and import that file."
            )
        )
    if _XML.match(text):
        raise UnreadableFile(
            stored(
                "This is an XML file, even if its name ends in .xls: open it in Excel or LibreOffice, save "
                "it as XLSX, and import that file."
            )
        )
    if text.startswith(_VCARD):
        raise UnreadableFile(
            stored("This is a file of contacts (vCard): export the contacts as CSV, and import that file.")
        )
    if start.startswith(_ZIP) and _OPENDOCUMENT in start:
        raise UnreadableFile(
            stored("This is an OpenDocument file, as LibreOffice saves it: save it as XLSX or CSV.")
        )
    return start.startswith(_ZIP)


def _count_sheets(stream: BinaryIO, size: int) -> int:
    """How many sheets the archive's directory names, 0 for another archive; only that is read here.

    Raises UnreadableFile for a workbook whose parts are not XML.
    """
    stream.seek(max(size - _MAX_ZIP_END, 0))
    end = stream.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) < at + 20:
        return 0
    length, start = struct.unpack("<II", end[at + 12 : at + 20])
    stream.seek(min(start, size))
    names = stream.read(min(length, 1 << 20))
    if b"xl/workbook.bin" in names:
        raise UnreadableFile(stored("This is a binary Excel file (XLSB): save it as XLSX or CSV."))
    if b"xl/workbook.xml" not in names:
        return 0
    # Each program names its sheets as it likes.
    return max(names.count(b"xl/worksheets/") - names.count(b"xl/worksheets/_rels/"), 1)
