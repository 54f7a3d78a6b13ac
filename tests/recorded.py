"""Rows that many tests begin with: made once in a while, and then made again by the statements alone.

Saving the same stories through Wagtail took most of the time of many tests. What such a function writes
depends on its arguments, on the configuration, and on what it reads in the database. So its statements are
recorded with what they returned. The next time they are executed without it; if one of them returns anything
else, the function itself runs.
"""

from __future__ import annotations

import copy
import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

P = ParamSpec("P")
R = TypeVar("R")

_INSERT = re.compile(r"\bINSERT INTO \"?(\w+)")
# Folders and ports in the configuration, which are in no row.
_OF_ONE_TEST = {"Config": ("storage", "smtp", "demo"), "Service": ("url",)}
# "Now" in a recording is not long ago.
_USED_FOR_SECONDS = 120.0


@dataclass(frozen=True)
class _Statement:
    sql: str
    params: Any
    many: bool
    # What it returned; None if it returns no rows.
    rows: list[Any] | None
    count: int


@dataclass
class _Recording:
    statements: list[_Statement] = field(default_factory=list)
    # The function's result and the rows among its arguments, as it left them.
    result: Any = None
    arguments: list[Model] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    # On PostgreSQL, by table the id that its sequence gave first.
    first_ids: dict[str, int] = field(default_factory=dict)


class _DiffersError(Exception):
    """The database is not as it was when the statements were recorded."""


def recorded(build: Callable[P, R]) -> Callable[P, R]:
    """Of a function that leaves rows in the database, and nothing elsewhere."""
    recordings: dict[str, _Recording] = {}

    @wraps(build)
    def built(*args: P.args, **kwargs: P.kwargs) -> R:
        # Within a function that is being recorded, the one that it calls is a part of it.
        if isinstance(connection.make_cursor, _Recorder):
            return build(*args, **kwargs)
        given = list(_rows([*args, *kwargs.values()]))
        # Where a test has transactions of its own, what waits for their end is done, too.
        key = repr(_key([*args, *sorted(kwargs.items()), settings.CONFIG, connection.in_atomic_block]))
        found = recordings.get(key)
        if found and time.monotonic() - found.since < _USED_FOR_SECONDS:
            with suppress(_DiffersError, IntegrityError), transaction.atomic():
                _execute(found)
                return _returned(found, given)
        recording, next_ids = _Recording(), _next_ids()
        with _recording(recording.statements):
            result = build(*args, **kwargs)
        recording.result, recording.arguments = copy.deepcopy((result, given))
        recording.statements = list(_needed(recording.statements))
        written = {found[1] for one in recording.statements for found in _INSERT.finditer(one.sql)}
        recording.first_ids = {table: first for table, first in next_ids.items() if table in written}
        recordings[key] = recording
        return result

    return built


def _fields(value: Any) -> list[Any]:
    return [getattr(value, one.name) for one in dataclasses.fields(value)]


def _rows(value: Any) -> Iterator[Model]:
    """The model instances in an argument."""
    if isinstance(value, Model):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _rows(one)
    elif dataclasses.is_dataclass(value):
        yield from _rows(_fields(value))


def _key(value: Any) -> Any:
    """What two calls have in common that can share a recording."""
    if isinstance(value, Model):
        columns = (getattr(value, one.attname) for one in value._meta.concrete_fields)
        return value._meta.label, [one for one in columns if not isinstance(one, datetime)]
    if isinstance(value, list | tuple):
        return [_key(one) for one in value]
    if dataclasses.is_dataclass(value):
        own = _OF_ONE_TEST.get(type(value).__name__, ())
        return [_key(getattr(value, one.name)) for one in dataclasses.fields(value) if one.name not in own]
    return value


def _returned(recording: _Recording, given: list[Model]) -> Any:
    """The function's result; the rows among its arguments become as it left them."""
    known: dict[int, Any] = {id(kept): own for kept, own in zip(recording.arguments, given, strict=True)}
    for kept, own in zip(recording.arguments, given, strict=True):
        own.__dict__ = copy.deepcopy(kept.__dict__, known)
    return copy.deepcopy(recording.result, known)


class _RecordingCursor(CursorWrapper):
    """Keeps each statement and what it returned, all of which it reads at once."""

    statements: list[_Statement]

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
            self.statements.append(_Statement(sql, params, many, rows, self.cursor.rowcount))

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

    statements: list[_Statement]

    def __call__(self, raw: Any) -> CursorWrapper:
        made = _RecordingCursor(raw, connection)
        made.statements = self.statements
        return made


@contextmanager
def _recording(statements: list[_Statement]) -> Iterator[None]:
    names = ("make_cursor", "make_debug_cursor")
    for name in names:
        setattr(connection, name, _Recorder(statements))
    try:
        yield
    finally:
        for name in names:
            delattr(connection, name)


def _needed(statements: list[_Statement]) -> Iterator[_Statement]:
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


def _execute(recording: _Recording) -> None:
    """Execute the statements; raises _DiffersError as soon as one returns what it did not return before."""
    with closing(connection.create_cursor()) as cursor:
        if connection.vendor == "postgresql":
            _set_sequences(cursor, recording.first_ids)
        for one in recording.statements:
            if one.many:
                cursor.executemany(one.sql, one.params)
            else:
                cursor.execute(one.sql, one.params)
            rows = cursor.fetchall() if one.rows is not None else None
            if rows != one.rows and _timeless(rows) != _timeless(one.rows):
                raise _DiffersError
            if rows is None and cursor.rowcount != one.count:
                raise _DiffersError


def _timeless(rows: list[Any] | None) -> Any:
    """Rows without their moments, which are others each time in rows that the test itself made."""
    return rows and [[None if isinstance(one, datetime) else one for one in row] for row in rows]


def _next_ids() -> dict[str, int]:
    """On PostgreSQL, by table the id that its next row gets."""
    if connection.vendor != "postgresql":
        return {}
    # A process of a test may not have asked the database anything yet.
    connection.ensure_connection()
    with closing(connection.create_cursor()) as cursor:
        cursor.execute(
            "SELECT c.relname, coalesce(s.last_value + 1, s.start_value) FROM pg_sequences s"
            " JOIN pg_depend d ON d.objid = s.sequencename::regclass AND d.deptype IN ('a', 'i')"
            " JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
            " JOIN pg_class c ON c.oid = d.refobjid WHERE s.schemaname = 'public' AND a.attname = 'id'"
        )
        return dict(cursor.fetchall())


def _set_sequences(cursor: Any, first_ids: dict[str, int]) -> None:
    """PostgreSQL goes on counting after a rollback: let the same ids come again, where none is taken."""
    for table, first in first_ids.items():
        cursor.execute(f'SELECT 1 FROM "{table}" WHERE id >= %s LIMIT 1', [first])
        if cursor.fetchone():
            raise _DiffersError
    for table, first in first_ids.items():
        cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s, false)", [f'"{table}"', first])
