"""The statements of a function that tests/recorded.py records: kept as they run, and executed again."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from tests.settings_reads import Reads

_INSERT = re.compile(r"\b(?:INSERT INTO|COPY) \"?(\w+)")


@dataclass(frozen=True)
class _Statement:
    sql: str
    params: Any
    many: bool
    # What it returned; None if it returns no rows.
    rows: list[Any] | None
    count: int


class _Message(NamedTuple):
    """Statements that PostgreSQL gets together, as one text; "" for a COPY."""

    text: str
    statements: list[_Statement]


@dataclass
class Recording:
    statements: list[_Statement] = field(default_factory=list)
    # The function's result and the rows among its arguments, as it left them.
    result: Any = None
    arguments: list[Model] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    # What of the configuration it depends on.
    reads: Reads = field(default_factory=dict)
    # On PostgreSQL, by table the id that its sequence gave first.
    first_ids: dict[str, int] = field(default_factory=dict)
    # Likewise: the statements as they are sent there, once that was needed.
    messages: list[_Message] = field(default_factory=list)

    def tables(self) -> set[str]:
        """Those that it writes rows to."""
        return {found[1] for one in self.statements for found in _INSERT.finditer(one.sql)}


class DiffersError(Exception):
    """The database is not as it was when the statements were recorded."""


@dataclass
class _RecordingCopy:
    copy: Any
    written: list[Any]

    def write_row(self, row: Any) -> None:
        self.written.append(row)
        self.copy.write_row(row)


class _RecordingCursor(CursorWrapper):
    """Keeps each statement and what it returned, all of which it reads at once."""

    recordings: list[Recording]

    def _execute(self, sql: str, params: Any, *ignored: Any) -> None:
        super()._execute(sql, params, *ignored)
        self._keep(sql, params, many=False)

    def _executemany(self, sql: str, param_list: Any, *ignored: Any) -> None:
        param_list = list(param_list)
        super()._executemany(sql, param_list, *ignored)
        self._keep(sql, param_list, many=True)

    def _keep(self, sql: str, params: Any, *, many: bool) -> None:
        rows = self.cursor.fetchall() if not many and self.cursor.description else None
        self._left: list[Any] = list(rows or ())
        with suppress(TypeError):
            # Bytes of SQLite cannot be copied, and do not change.
            params = copy.deepcopy(params)
        if not sql.startswith("BEGIN"):
            self._append(_Statement(sql, params, many, rows, self.cursor.rowcount))

    def _append(self, statement: _Statement) -> None:
        for recording in self.recordings:
            recording.statements.append(statement)

    @contextmanager
    def copy(self, sql: str) -> Iterator[Any]:
        """PostgreSQL's COPY, of rows."""
        written: list[Any] = []
        with self.cursor.copy(sql) as copy:
            yield _RecordingCopy(copy, written)
        self._append(_Statement(sql, written, False, None, self.cursor.rowcount))

    def fetchone(self) -> Any:
        return self._left.pop(0) if self._left else None

    def fetchmany(self, size: int = 1) -> list[Any]:
        found, self._left = self._left[:size], self._left[size:]
        return found

    def fetchall(self) -> list[Any]:
        return self.fetchmany(len(self._left))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


@dataclass
class _Recorder:
    """Makes the cursors of a connection meanwhile."""

    # That of the outer function first, then those of functions that it calls.
    recordings: list[Recording]

    def __call__(self, raw: Any) -> CursorWrapper:
        made = _RecordingCursor(raw, connection)
        made.recordings = self.recordings
        return made


def recorder() -> _Recorder | None:
    made = connection.make_cursor
    return made if isinstance(made, _Recorder) else None


@contextmanager
def recording_into(recording: Recording) -> Iterator[None]:
    outer = recorder()
    if outer:
        outer.recordings.append(recording)
        try:
            yield
        finally:
            outer.recordings.pop()
        return
    names = ("make_cursor", "make_debug_cursor")
    made = _Recorder([recording])
    for name in names:
        setattr(connection, name, made)
    try:
        yield
    finally:
        for name in names:
            delattr(connection, name)


def needed(statements: list[_Statement]) -> Iterator[_Statement]:
    """Without reads that repeat another, and savepoints to which nothing returned: half of all statements.

    After the same writes, a read returns what it returned before.
    """
    returns = any(one.sql.startswith("ROLLBACK") for one in statements)
    read: dict[tuple[str, str], Any] = {}
    for one in statements:
        if one.sql.startswith(("SAVEPOINT", "RELEASE")) and not returns:
            continue
        # One without a table is a call of a function.
        if one.sql.startswith("SELECT") and ' FROM "' in one.sql:
            key = one.sql, repr(one.params)
            if key in read and read[key] == one.rows:
                continue
            read[key] = one.rows
        yield one


def execute(recording: Recording) -> None:
    """Execute the statements; raises DiffersError as soon as one returns what it did not return before."""
    with connection.cursor() if recorder() else closing(connection.create_cursor()) as cursor:
        if connection.vendor == "postgresql":
            _set_sequences(cursor, recording.first_ids)
            if not recorder():
                _execute_together(cursor, recording)
                return
        for one in recording.statements:
            if one.sql.startswith("COPY "):
                _copy(cursor, one)
            elif one.many:
                cursor.executemany(one.sql, one.params)
            else:
                cursor.execute(one.sql, one.params)
            _compare(one, cursor.fetchall() if one.rows is not None else None, cursor.rowcount)


def _copy(cursor: Any, one: _Statement) -> None:
    with cursor.copy(one.sql) as copied:
        for row in one.params:
            copied.write_row(row)


def _compare(one: _Statement, rows: list[Any] | None, count: int) -> None:
    """Raises DiffersError if the statement returned other rows, or changed more or fewer."""
    if rows != one.rows and not _alike(one.sql, rows, one.rows):
        raise DiffersError
    if rows is None and count != one.count:
        raise DiffersError


# The first message is short: where the database is another one, that shows in the first statements.
_FIRST, _TOGETHER = 4, 1_000


def _execute_together(cursor: Any, recording: Recording) -> None:
    """In few messages: one by one, most of the time goes to sending them and to waiting for answers."""
    if not recording.messages:
        recording.messages = list(_messages(cursor, recording.statements))
    for text, statements in recording.messages:
        if not text:
            _copy(cursor, statements[0])
            _compare(statements[0], None, cursor.rowcount)
            continue
        try:
            cursor.execute(text)
        except psycopg.Error as error:
            # After one that returned something else; the last ones were executed before that was seen.
            raise DiffersError from error
        for one in statements:
            # Of a statement with several parameters, as many results.
            rows, count = None, 0
            for number in range(len(one.params) if one.many else 1):
                if (number or one is not statements[0]) and not cursor.nextset():
                    raise DiffersError
                rows = cursor.fetchall() if cursor.description else None
                count += cursor.rowcount
            _compare(one, rows, count)


def _messages(cursor: Any, statements: list[_Statement]) -> Iterator[_Message]:
    texts: list[str] = []
    together: list[_Statement] = []
    most = _FIRST
    for one in statements:
        copies = one.sql.startswith("COPY ")
        if together and (copies or len(together) >= most):
            yield _Message("\n;\n".join(texts), together)
            texts, together, most = [], [], _TOGETHER
        if copies:
            yield _Message("", [one])
            continue
        together.append(one)
        for params in one.params if one.many else [one.params]:
            texts.append(one.sql if params is None else cursor.mogrify(one.sql, params))
    if together:
        yield _Message("\n;\n".join(texts), together)


def _alike(sql: str, rows: list[Any] | None, before: list[Any] | None) -> bool:
    """Whether it returned the same rows, but for their moments, and for an order that it does not ask for."""
    if rows is None or before is None or len(rows) != len(before):
        return False
    found, known = _timeless(rows), _timeless(before)
    return found == known or (
        " ORDER BY " not in sql and sorted(map(repr, found)) == sorted(map(repr, known))
    )


def _timeless(rows: list[Any]) -> list[Any]:
    """Rows without their moments, which are others each time in rows that the test itself made."""
    return [[None if isinstance(one, datetime) else one for one in row] for row in rows]


_SEQUENCES = """
SELECT c.relname, coalesce(s.last_value + 1, s.start_value) FROM pg_sequences s
JOIN pg_depend d ON d.objid = s.sequencename::regclass AND d.deptype IN ('a', 'i')
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
JOIN pg_class c ON c.oid = d.refobjid WHERE s.schemaname = 'public' AND a.attname = 'id'
"""


def next_ids() -> dict[str, int]:
    """On PostgreSQL, by table the id that its next row gets."""
    if connection.vendor != "postgresql":
        return {}
    # A process of a test may not have asked the database anything yet.
    connection.ensure_connection()
    with closing(connection.create_cursor()) as cursor:
        cursor.execute(_SEQUENCES)
        return dict(cursor.fetchall())


def _set_sequences(cursor: Any, first_ids: dict[str, int]) -> None:
    """PostgreSQL goes on counting after a rollback: let the same ids come again, where none is taken."""
    if not first_ids:
        return
    taken = " UNION ALL ".join(
        f'(SELECT 1 FROM "{table}" WHERE id >= {first} LIMIT 1)' for table, first in first_ids.items()
    )
    cursor.execute(f"{taken} LIMIT 1")
    if cursor.fetchone():
        raise DiffersError
    set_sequences(cursor, first_ids)


def restart_sequences() -> None:
    """On PostgreSQL, let the first row of each empty table get 1, so that recordings go with each other."""
    gone_on = [table for table, number in next_ids().items() if number > 1]
    if not gone_on:
        return
    with closing(connection.create_cursor()) as cursor:
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{table}' WHERE NOT EXISTS (SELECT 1 FROM \"{table}\")" for table in gone_on
            )
        )
        if empty := cursor.fetchall():
            set_sequences(cursor, {table: 1 for (table,) in empty})


def set_sequences(cursor: Any, next_by_table: dict[str, int]) -> None:
    """The ids of the next rows. A sequence shows its last number only if that was given to a row."""
    calls = (
        f"setval(pg_get_serial_sequence('\"{table}\"', 'id'), {max(1, number - 1)}, {number > 1})"
        for table, number in next_by_table.items()
    )
    cursor.execute(f"SELECT {', '.join(calls)}")
