"""Putting a file's rows into the database, where they wait: by COPY on PostgreSQL, row by row on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from itertools import islice
from types import TracebackType
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from subscribers.imports.models import ImportRefusal, ImportRow
from subscribers.imports.records import Figures, Person, Refusal

# Rows in one transaction: enough to be quick, and few enough that nobody waits long for SQLite's one lock.
_BATCH = 10_000
# Characters of a refused row that are kept.
_CELLS = 4_000


class Staging:
    """Takes rows one after another, counts them, and finds repeated addresses; memory does not grow."""

    def __init__(self, run: int, hold: Callable[[], None]) -> None:
        """`hold` is called in every transaction, and raises where the rows may not be kept any more."""
        self.figures = Figures()
        self._hold = hold
        self._run = run
        self._people: list[Person] = []
        self._cells: list[Sequence[str]] = []
        self._refusals: list[tuple[Refusal, str]] = []

    def __enter__(self) -> Staging:
        # An empty name is SQLite's private temporary database, on disk, gone when it is closed.
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("PRAGMA journal_mode=OFF")
        self._seen.execute("PRAGMA cache_size=-32768")
        self._seen.execute("CREATE TABLE seen (hash BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self._seen.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._seen.close()

    def take(self, row: Person | Refusal, cells: Sequence[str]) -> None:
        """Keep one row; `cells` are what stood in the file."""
        self.figures.read += 1
        if isinstance(row, Refusal):
            self.figures.refused += 1
            self.figures.gone += row.kind == ImportRefusal.Kind.GONE
            self._refuse(row, cells)
        else:
            self._people.append(row)
            self._cells.append(cells)
        if len(self._people) + len(self._refusals) >= _BATCH:
            self._flush()

    def _sift(self) -> None:
        """Take out of the batch who was named before, in it or in an earlier one."""
        before = self._seen.total_changes
        self._seen.executemany(
            "INSERT OR IGNORE INTO seen VALUES (?, ?)", [(row.address_hash, row.line) for row in self._people]
        )
        if self._seen.total_changes - before == len(self._people):
            return
        people, self._people = self._people, []
        for row, cells in zip(people, self._cells, strict=True):
            first = self._first(row)
            if first == row.line:
                self._people.append(row)
                continue
            self.figures.duplicates += 1
            reason = f"the address stands in line {first} already"
            self._refuse(Refusal(row.line, reason, ImportRefusal.Kind.DUPLICATE, row.address_hash), cells)

    def _first(self, row: Person) -> int:
        """The line that named the address first."""
        found = self._seen.execute("SELECT line FROM seen WHERE hash = ?", (row.address_hash,))
        return int(found.fetchone()[0])

    def _refuse(self, refusal: Refusal, cells: Sequence[str]) -> None:
        kept = json.dumps([cell.replace("\0", "") for cell in cells], ensure_ascii=False)
        self._refusals.append((refusal, kept if len(kept) <= _CELLS else "[]"))

    def _flush(self) -> None:
        self._sift()
        for flag in filter(None, (row.flag for row in self._people)):
            kind = flag.partition(" ")[0]
            self.figures.flagged[kind] = self.figures.flagged.get(kind, 0) + 1
        people = [(self._run, *one) for one in self._people]
        refusals = [
            (self._run, one.line, one.kind, one.reason, one.address_hash, cells)
            for one, cells in self._refusals
        ]
        with transaction.atomic():
            self._hold()
            _insert(ImportRow._meta.db_table, _ROW, people, _person_line)
            _insert(ImportRefusal._meta.db_table, _REFUSAL, refusals)
        self._people.clear()
        self._cells.clear()
        self._refusals.clear()


def refuse_flagged(run: int, kind: str) -> int:
    """Move the rows with this doubt to those that are not taken; how many. To be called in a transaction."""
    rows = ImportRow.objects.filter(Q(flag=kind) | Q(flag__startswith=f"{kind} "), run=run)
    reason = {
        "typo": "the address is probably mistyped",
        "disposable": "the mailbox is one to be thrown away",
        "role": "the mailbox is nobody's own",
    }[kind]
    refused = (
        (run, line, "refused", reason, bytes(known), json.dumps([email, name], ensure_ascii=False))
        for line, known, email, name in rows.values_list("line", "address_hash", "email", "name").iterator()
    )
    while batch := list(islice(refused, _BATCH)):
        _insert(ImportRefusal._meta.db_table, _REFUSAL, batch)
    return rows.delete()[0]


# After the run, in the order of Person.
_ROW = ("run_id", "line", "address_hash", "email", "name", "language", "countries", "flag", "notes")
_REFUSAL = ("run_id", "line", "kind", "reason", "address_hash", "cells")


def _insert(
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    as_line: Callable[[tuple[Any, ...]], str] | None = None,
) -> None:
    if not rows:
        return
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                copy.write("".join(map(as_line or _line, rows)))
        else:
            places = ", ".join(["%s"] * len(columns))
            # Names of our own tables and columns.
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)  # noqa: S608


def _person_line(row: tuple[Any, ...]) -> str:
    """As `_line`, for rows whose texts hold no control character: no name does that was checked."""
    run, line, known, *texts = row
    return f"{run}\t{line}\t\\\\x{known.hex()}\t" + "\t".join(texts).replace("\\", "\\\\") + "\n"


def _line(row: tuple[Any, ...]) -> str:
    return "\t".join(map(_cell, row)) + "\n"


def _cell(value: object) -> str:
    """A value as PostgreSQL's COPY reads it in text format."""
    if type(value) is str:
        if value.isprintable() and "\\" not in value:
            return value
        escaped = value.replace("\\", "\\\\").replace("\t", "\\t")
        return escaped.replace("\n", "\\n").replace("\r", "\\r")
    if type(value) is bytes:
        return f"\\\\x{value.hex()}"
    return "\\N" if value is None else str(value)
