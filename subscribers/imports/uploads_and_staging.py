"""What waits during an import: uploaded files until they are read, and their rows until they are applied.

Files are stored under a random name, previewed, and deleted once read. Rows are written by COPY on
PostgreSQL, and by executemany on SQLite; the rejected ones are listed.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from subscribers.addresses import address_hash
from subscribers.imports.column_mapping import Columns
from subscribers.imports.models import ImportJob, ImportRow, RejectedRow
from subscribers.imports.row_types import ImportStats, InvalidRow, UnreadableFile, ValidRow
from subscribers.imports.staff_questions import Question, Survey
from subscribers.imports.table_file import open_table
from subscribers.imports.validate import addresses_in
from subscribers.translate_stored_texts import stored

_NAME = re.compile(r"[A-Za-z0-9_-]{20,64}")
# Rows of a preview, and characters of each cell.
_PREVIEW_ROWS, _PREVIEW_CELL = 5, 80
# Rows in one transaction: enough to be quick, and few enough that other writers do not wait long on SQLite.
_BATCH_SIZE = 10_000
# Rows that are rejected by one statement after all were read.
_REJECTED_AT_ONCE = 500
# Characters of the rows in a batch, where they are long.
_MAX_HELD = 16_000_000
# Bytes of a file: far more than a list of a million people.
MAX_UPLOAD_BYTES = 200_000_000
# Characters of a rejected row that are kept; of a longer one the address is.
_MAX_CELLS = 4_000
_REJECTED_FOR = {
    "typo": stored("the email address is probably mistyped"),
    "disposable": stored("the email address is disposable"),
    "role": stored("the email address belongs to a role and not to a person"),
    "name": stored("letters of the name were replaced by “?” when the file was saved"),
}
# After the job, in the order of ValidRow.
_IMPORT_ROW = (
    *("job_id", "line", "address_hash", "email", "name", "language", "countries", "warning", "attributes"),
)
_REJECTED_ROW = ("job_id", "line", "kind", "reason", "address_hash", "cells", "status")


@dataclass(frozen=True)
class Preview:
    """How a file begins, as it would be read."""

    columns: Columns
    rows: tuple[tuple[str, ...], ...]
    # Empty for a workbook and an archive.
    encoding: str
    # What a person must decide, as far as the first rows show it.
    questions: tuple[Question, ...] = ()
    # Files of an archive that are not read.
    unread: tuple[str, ...] = ()


def store_upload(chunks: Iterable[bytes]) -> tuple[str, int]:
    """Write a file that only we may read; returns its random name, and its size in bytes. Raises OSError."""
    storage = _storage()
    name, size = secrets.token_urlsafe(24), 0
    try:
        if isinstance(storage, FileSystemStorage):
            Path(storage.location).mkdir(parents=True, exist_ok=True, mode=0o700)
            Path(storage.path(name)).touch(0o600)
        with storage.open(name, "wb") as target:
            for chunk in chunks:
                target.write(chunk)
                size += len(chunk)
    except BaseException as error:
        with suppress(Exception):
            storage.delete(name)
        if isinstance(error, OSError) or not isinstance(error, Exception):
            raise
        # An object storage has errors of its own.
        raise OSError(
            stored("the file cannot be stored on the server (%(name)s)", name=type(error).__name__)
        ) from error
    return name, size


def is_stored(name: str) -> bool:
    """Whether a file of this name is stored."""
    return _storage().exists(_checked(name))


def open_upload(job: ImportJob) -> BinaryIO:
    """The job's uploaded file. Raises UnreadableFile when it is gone."""
    try:
        return open_stored(job.upload)
    except FileNotFoundError:
        raise UnreadableFile(stored("The uploaded file is no longer stored; upload it again.")) from None


def open_stored(name: str) -> BinaryIO:
    """The stored file of this name. Raises FileNotFoundError."""
    opened: Any = _storage().open(_checked(name), "rb")
    # On disk: as it is there, or a copy of what is in an object storage.
    file: BinaryIO = opened.file
    return file


def preview(job: ImportJob, encoding: str = "", delimiter: str = "") -> Preview:
    """How the file begins, as it was mapped so far; encoding and delimiter are detected if empty.

    Raises UnreadableFile.
    """
    decided = (
        "words",
        "keys",
        *(("columns",) if has_encoding_and_delimiter(job, encoding, delimiter) else ()),
    )
    options = {
        **{name: job.options[name] for name in decided if name in job.options},
        "encoding": encoding,
        "delimiter": delimiter,
        "file_name": job.file_name,
    }
    with open_upload(job) as stream, open_table(stream, options, allow_missing_email=True) as table:
        survey = Survey(table.columns)
        survey.look(table.sample)
        rows = tuple(
            tuple(cell[:_PREVIEW_CELL] for cell in cells) for cells in islice(table.sample, _PREVIEW_ROWS)
        )
        return Preview(table.columns, rows, table.encoding, tuple(survey.questions()), table.unread)


def has_encoding_and_delimiter(job: ImportJob, encoding: str, delimiter: str) -> bool:
    """Whether the job's columns were mapped in this encoding and with this delimiter."""
    return (encoding, delimiter) == (job.options.get("encoding", ""), job.options.get("delimiter", ""))


def delete(name: str) -> None:
    """Delete a stored file; harmless when it is gone or the name is empty."""
    if name:
        _storage().delete(_checked(name))


def delete_files_older_than(age: timedelta) -> None:
    """Delete files that no job will read any more."""
    storage, before = _storage(), timezone.now() - age
    try:
        names = storage.listdir("")[1]
    except FileNotFoundError:
        return
    for name in names:
        with suppress(FileNotFoundError):
            if storage.get_modified_time(name) < before:
                storage.delete(name)


def _storage() -> Storage:
    """Where uploaded files are kept, for every machine that has a web process or a worker."""
    return storages["imports"]


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("not the name of a stored file")
    return name


class Staging:
    """Takes rows one after another, counts them, and finds repeated addresses; memory does not grow."""

    def __init__(self, job: int, before_write: Callable[[], None], email: int = 0) -> None:
        """`before_write` is called in every transaction, and raises where the rows may no longer be kept.

        `email`: the place of the column of addresses.
        """
        self._email = email
        self.stats = ImportStats()
        self._before_write = before_write
        self._job = job
        self._valid: list[ValidRow] = []
        self._cells: list[Sequence[str]] = []
        self._rejected: list[tuple[InvalidRow, str]] = []
        # Characters in `_cells`.
        self._held = 0

    def __enter__(self) -> Staging:
        # An empty name is SQLite's private temporary database, on disk, deleted when it is closed.
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("PRAGMA journal_mode=OFF")
        self._seen.execute("PRAGMA cache_size=-32768")
        self._seen.execute("CREATE TABLE seen (hash BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self._seen.execute("CREATE TABLE refused (hash BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self._seen.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
                self._reject_refused_elsewhere()
        finally:
            self._seen.close()

    def add(self, row: ValidRow | InvalidRow, cells: Sequence[str]) -> None:
        """Store one row; `cells` are as they are in the file."""
        self.stats.read += 1
        if isinstance(row, InvalidRow):
            self.stats.refused += 1
            self.stats.do_not_mail += row.kind == RejectedRow.Kind.DO_NOT_MAIL
            self._reject(row, cells)
        else:
            self._valid.append(row)
            self._cells.append(cells)
            self._held += sum(map(len, cells))
        if len(self._valid) + len(self._rejected) >= _BATCH_SIZE or self._held > _MAX_HELD:
            self._flush()

    def _reject_duplicates(self) -> None:
        """Reject rows of the batch whose address is in an earlier row."""
        before = self._seen.total_changes
        self._seen.executemany(
            "INSERT OR IGNORE INTO seen VALUES (?, ?)", [(row.address_hash, row.line) for row in self._valid]
        )
        if self._seen.total_changes - before == len(self._valid):
            return
        rows, self._valid = self._valid, []
        for row, cells in zip(rows, self._cells, strict=True):
            first = self._first_line(row)
            if first == row.line:
                self._valid.append(row)
                continue
            self.stats.duplicates += 1
            reason = stored("the same email address is already in line %(first)s", first=first)
            self._reject(InvalidRow(row.line, reason, RejectedRow.Kind.DUPLICATE, row.address_hash), cells)

    def _first_line(self, row: ValidRow) -> int:
        found = self._seen.execute("SELECT line FROM seen WHERE hash = ?", (row.address_hash,))
        return int(found.fetchone()[0])

    def _reject(self, row: InvalidRow, cells: Sequence[str]) -> None:
        kept = _as_json(cells)
        if len(kept) > _MAX_CELLS:
            # The address alone, by which the person is suppressed.
            kept = _as_json([*[""] * self._email, *cells[self._email : self._email + 1]])
        self._rejected.append((row, kept if len(kept) <= _MAX_CELLS else "[]"))

    def _flush(self) -> None:
        self._reject_duplicates()
        for warning in filter(None, (row.warning for row in self._valid)):
            kind = warning.partition(" ")[0]
            self.stats.warnings[kind] = self.stats.warnings.get(kind, 0) + 1
        valid = [(self._job, *row) for row in self._valid]
        rejected = [
            (self._job, row.line, row.kind, row.reason, row.address_hash, cells, row.status)
            for row, cells in self._rejected
        ]
        self._seen.executemany(
            "INSERT OR IGNORE INTO refused VALUES (?, ?)",
            [
                (one, row.line)
                for row, cells in self._rejected
                if row.status
                for one in self._hashes(row, cells)
            ],
        )
        with transaction.atomic():
            self._before_write()
            _insert(ImportRow._meta.db_table, _IMPORT_ROW, valid, _copy_valid_row)
            _insert(RejectedRow._meta.db_table, _REJECTED_ROW, rejected)
        self._valid.clear()
        self._cells.clear()
        self._held = 0
        self._rejected.clear()

    def _hashes(self, row: InvalidRow, kept: str) -> list[bytes]:
        """The hash of the row's address, or those of several in one cell."""
        if row.address_hash is not None:
            return [row.address_hash]
        cell = json.loads(kept)[self._email : self._email + 1]
        return [address_hash(address) for one in cell for address in addresses_in(one)]

    def _reject_refused_elsewhere(self) -> None:
        """Reject rows whose address is in another row that says that this person left."""
        found = self._seen.execute("SELECT seen.line, refused.line FROM refused JOIN seen USING (hash)")
        while some := dict(found.fetchmany(_REJECTED_AT_ONCE)):
            rows = ImportRow.objects.filter(job=self._job, line__in=some)
            rejected = []
            for row in rows:
                rejected.append(
                    (
                        self._job,
                        row.line,
                        RejectedRow.Kind.INVALID.value,
                        stored(
                            "line %(some)s says that this person unsubscribed, or never asked for emails",
                            some=some[row.line],
                        ),
                        bytes(row.address_hash),
                        json.dumps([*[""] * self._email, row.email], ensure_ascii=False),
                        "",
                    )
                )
                if kind := row.warning.partition(" ")[0]:
                    self.stats.warnings[kind] -= 1
            with transaction.atomic():
                self._before_write()
                _insert(RejectedRow._meta.db_table, _REJECTED_ROW, rejected)
                rows.delete()
            self.stats.refused += len(rejected)
        self.stats.warnings = {kind: count for kind, count in self.stats.warnings.items() if count}


def _as_json(cells: Sequence[str]) -> str:
    return json.dumps([cell.replace("\0", "") for cell in cells], ensure_ascii=False)


def reject_warned(job: ImportJob, kind: str) -> int:
    """Reject the rows with this kind of warning; returns how many. To be called in a transaction.

    Address and name are kept in their columns; the other cells were not stored with the row.
    """
    rows = ImportRow.objects.filter(Q(warning=kind) | Q(warning__startswith=f"{kind} "), job=job.pk)
    fields = job.options.get("fields", ["email", "name"])
    rejected = (
        (
            job.pk,
            line,
            RejectedRow.Kind.INVALID.value,
            _REJECTED_FOR[kind],
            bytes(address_hash),
            json.dumps(
                [{"email": email, "name": name}.get(field, "") for field in fields], ensure_ascii=False
            ),
            "",
        )
        for line, address_hash, email, name in rows.values_list(
            "line", "address_hash", "email", "name"
        ).iterator()
    )
    while batch := list(islice(rejected, _BATCH_SIZE)):
        _insert(RejectedRow._meta.db_table, _REJECTED_ROW, batch)
    return rows.delete()[0]


def headings_of_rejected_rows(job: ImportJob) -> list[str]:
    """The headings of `rejected_rows`: the reason, then the columns as they are in the file."""
    fields = job.options.get("fields", ["email"])
    theirs = job.options.get("headings") or [field if field != "ignore" else "" for field in fields]
    return ["line", "rejected as", "reason", *theirs]


def rejected_rows(job: ImportJob) -> Iterator[list[str]]:
    """The rejected rows in the order of the file, to be fixed and imported again; memory is flat."""
    email = job.options.get("fields", ["email"]).index("email")
    for row in RejectedRow.objects.filter(job=job.pk).order_by("line", "pk").iterator(chunk_size=2_000):
        cells = json.loads(row.cells)
        if row.kind in (RejectedRow.Kind.SUPPRESSED, RejectedRow.Kind.UNSUBSCRIBED):
            cells = [""] * email + cells
        yield [str(row.line), row.get_kind_display(), row.reason, *cells]


def _insert(
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    as_copy: Callable[[tuple[Any, ...]], str] | None = None,
) -> None:
    if not rows:
        return
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                copy.write("".join(map(as_copy or _copy_row, rows)))
        else:
            places = ", ".join(["%s"] * len(columns))
            # Names of our own tables and columns.
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)  # noqa: S608


def _copy_valid_row(row: tuple[Any, ...]) -> str:
    """As `_copy_row`, for rows whose texts hold no control character, which validation has excluded."""
    job, line, address_hash, *texts = row
    return f"{job}\t{line}\t\\\\x{address_hash.hex()}\t" + "\t".join(texts).replace("\\", "\\\\") + "\n"


def _copy_row(row: tuple[Any, ...]) -> str:
    return "\t".join(map(_copy_cell, row)) + "\n"


def _copy_cell(value: object) -> str:
    """A value as PostgreSQL's COPY reads it in text format."""
    if type(value) is str:
        if value.isprintable() and "\\" not in value:
            return value
        escaped = value.replace("\\", "\\\\").replace("\t", "\\t")
        return escaped.replace("\n", "\\n").replace("\r", "\\r")
    if type(value) is bytes:
        return f"\\\\x{value.hex()}"
    return "\\N" if value is None else str(value)
