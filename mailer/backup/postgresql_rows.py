"""Reads the rows of a PostgreSQL database in one consistent snapshot, and loads rows into a new database.

Triggers, indexes and foreign keys are dropped first and created again at the end. Until then rows can be
inserted unchanged, fast, and in any order of tables. A table of the database keeps the definitions of what
was dropped, so that loading can go on after a crash.
"""
# ruff: noqa: S608  (queries are joined from names of tables and columns)

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from mailer.backup.database_interface import DatabaseError
from mailer.backup.row_format import Table

if TYPE_CHECKING:
    import psycopg

_BLOCK = 1 << 20
# The advisory lock of a process that loads rows.
_LOADING = 0x6D61696C6C6F6164
# How PostgreSQL writes values into lines.
_SESSION = (
    "SET datestyle = 'ISO'; SET timezone = 'UTC'; SET bytea_output = 'hex'; SET extra_float_digits = 1; "
    # Files are copied for minutes within a transaction.
    "SET idle_in_transaction_session_timeout = 0"
)
# Definitions of what `prepare` dropped; the table exists while a database is being loaded.
PROGRESS = "mailer_load"
_DROPPED = f"""
CREATE TABLE {PROGRESS} AS
SELECT 1 AS step, c.relname AS name, i.relname AS dropped, 'INDEX' AS kind,
pg_get_indexdef(x.indexrelid) AS sql
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (%s)
AND NOT EXISTS
(SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x'))
UNION ALL
SELECT CASE k.contype WHEN 'f' THEN 3 ELSE 2 END, c.relname, k.conname, 'CONSTRAINT',
'ALTER TABLE ' || quote_ident(c.relname) || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' '
|| pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (%s) AND k.contype IN ('f', 'u')
"""
_HAS_TABLES = """
SELECT EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace
AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT EXISTS
(SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'))
"""
_OWN = "NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = x.oid AND d.deptype = 'e')"
_DROP_EVERYTHING = f"""
SELECT format('DROP %s IF EXISTS %I CASCADE', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, relname)
FROM pg_class x WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v') AND {_OWN}
UNION ALL
SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure)
FROM pg_proc x WHERE pronamespace = current_schema()::regnamespace AND prokind = 'f' AND {_OWN}
UNION ALL
SELECT format('DROP TYPE IF EXISTS %I CASCADE', typname)
FROM pg_type x WHERE typnamespace = current_schema()::regnamespace AND typtype = 'e' AND {_OWN}
"""
_COPY_CONTEXT = re.compile(r"COPY \w+, line (\d+)(?:, column (\w+))?")


class PostgresqlSnapshot:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def read(self, table: Table, after: int | None = None) -> Iterator[bytes]:
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        order = f'"{table.key}"' + (' COLLATE "C"' if table.key_kind == "text" else "")
        where = f'WHERE "{table.key}" > {int(after)}' if after is not None else ""
        query = f'COPY (SELECT {columns} FROM "{table.name}" {where} ORDER BY {order}) TO STDOUT'
        block = bytearray()
        with self._connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
            for line in copy:
                block += line
                if len(block) >= _BLOCK:
                    yield bytes(block)
                    block.clear()
        if block:
            yield bytes(block)

    def last_ids(self, tables: Iterable[Table]) -> dict[str, int]:
        found = {}
        for table in tables:
            if table.key_kind == "integer":
                found[table.name] = max(self._greatest(table), self._sequence(table))
        return found

    def _greatest(self, table: Table) -> int:
        row = self._connection.execute(f'SELECT max("{table.key}") FROM "{table.name}"'.encode()).fetchone()
        return int(row[0] or 0) if row else 0

    def _sequence(self, table: Table) -> int:
        row = self._connection.execute(
            "SELECT pg_get_serial_sequence(%s, %s)", [table.name, table.key]
        ).fetchone()
        if row is None or row[0] is None:
            return 0
        row = self._connection.execute(f"SELECT last_value, is_called FROM {row[0]}".encode()).fetchone()
        return int(row[0]) if row and row[1] else 0


@contextmanager
def open_snapshot(url: str) -> Iterator[PostgresqlSnapshot]:
    """The rows of the database at this URL, as they are now. Raises DatabaseError."""
    import psycopg

    with connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        # The first statement decides of which moment they are.
        connection.execute("SELECT 1")
        yield PostgresqlSnapshot(connection)


@contextmanager
def connect(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to PostgreSQL whose COPY writes values as lines have them. Raises DatabaseError, without
    the URL."""
    import psycopg

    try:
        connection = psycopg.connect(url, autocommit=True)
    except psycopg.Error as error:
        raise DatabaseError(f"PostgreSQL cannot be reached: {' '.join(str(error).split())}") from error
    with closing(connection):
        connection.execute(_SESSION.encode())
        connection.autocommit = False
        yield connection


class PostgresqlLoader:
    """Loads into a database; after a crash, loading goes on where it was."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._tables: Sequence[Table] = ()

    def hold(self) -> None:
        """Keep others from loading until the connection is closed. Raises DatabaseError where one does."""
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOADING]).fetchone()
        self._connection.commit()
        if not (row and row[0]):
            raise DatabaseError(
                "Another `mailer restore` or `mailer move-database` is writing to this database."
            )

    def has_tables(self) -> bool:
        """Whether the database is not empty."""
        row = self._connection.execute(_HAS_TABLES.encode()).fetchone()
        self._connection.commit()
        return bool(row and row[0])

    def drop_everything(self) -> None:
        """Empty a database that was empty before: drop all but what belongs to extensions."""
        with self._connection.transaction():
            for (statement,) in self._connection.execute(_DROP_EVERYTHING.encode()).fetchall():
                self._connection.execute(statement.encode())
        self._connection.commit()

    def is_prepared(self) -> bool:
        """Whether an earlier load did not finish."""
        row = self._connection.execute("SELECT to_regclass(%s)", [PROGRESS]).fetchone()
        self._connection.commit()
        return bool(row and row[0])

    def prepare(self, tables: Sequence[Table]) -> None:
        self._tables = tables
        names = [table.name for table in tables]
        quoted = ", ".join(f'"{name}"' for name in names)
        with self._connection.transaction():
            self._connection.execute(f"TRUNCATE {quoted} CASCADE".encode())
            self._connection.execute(_DROPPED.encode(), [names, names])
            for name, dropped, kind in self._connection.execute(
                f"SELECT name, dropped, kind FROM {PROGRESS} ORDER BY step DESC".encode()
            ).fetchall():
                self._connection.execute(
                    f'DROP INDEX "{dropped}"'.encode()
                    if kind == "INDEX"
                    else f'ALTER TABLE "{name}" DROP CONSTRAINT "{dropped}"'.encode()
                )
            for name in names:
                self._connection.execute(f'ALTER TABLE "{name}" DISABLE TRIGGER USER'.encode())
        self._connection.commit()

    def resume(self, tables: Sequence[Table]) -> None:
        """Go on with a load that `is_prepared`."""
        self._tables = tables

    def last_key(self, table: Table) -> int | None:
        """The greatest key that is loaded; None where there is none, or where keys are no numbers."""
        if table.key_kind != "integer":
            return None
        row = self._connection.execute(f'SELECT max("{table.key}") FROM "{table.name}"'.encode()).fetchone()
        self._connection.commit()
        return row[0] if row else None

    def empty(self, table: Table) -> None:
        """Take out what was loaded of a table. Raises DatabaseError where references to it are kept again."""
        import psycopg

        try:
            self._connection.execute(f'DELETE FROM "{table.name}"'.encode())
            self._connection.commit()
        except psycopg.Error as error:
            self._connection.rollback()
            raise DatabaseError(
                f"The table {table.name} was changed in the source after it was copied. Begin again with an "
                "empty target database."
            ) from error

    def load(self, table: Table, lines: bytes) -> None:
        import psycopg

        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        statement = f'COPY "{table.name}" ({columns}) FROM STDIN'.encode()
        try:
            with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(lines)
            self._connection.commit()
        except psycopg.Error as error:
            self._connection.rollback()
            raise DatabaseError(_explain(error, table, lines)) from error

    def finish(self, last_ids: Mapping[str, int]) -> None:
        import psycopg

        connection = self._connection
        connection.execute(b"SET maintenance_work_mem = '256MB'")
        query = f"SELECT dropped, sql FROM {PROGRESS} WHERE sql IS NOT NULL ORDER BY step, dropped".encode()
        for name, sql in connection.execute(query).fetchall():
            try:
                connection.execute(sql.encode())
                connection.execute(f"DELETE FROM {PROGRESS} WHERE dropped = %s".encode(), [name])
                connection.commit()
            except psycopg.Error as error:
                connection.rollback()
                reason = error.diag.message_primary or type(error).__name__
                raise DatabaseError(f"The index or constraint {name} cannot be created: {reason}.") from error
        with connection.transaction():
            for table in self._tables:
                connection.execute(f'ALTER TABLE "{table.name}" ENABLE TRIGGER USER'.encode())
                last = last_ids.get(table.name, 0)
                if last:
                    connection.execute(
                        "SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [table.name, table.key, last]
                    )
            connection.execute(f"DROP TABLE {PROGRESS}".encode())
        connection.commit()
        connection.autocommit = True
        connection.execute(b"ANALYZE")
        connection.autocommit = False

    def snapshot(self) -> PostgresqlSnapshot:
        return PostgresqlSnapshot(self._connection)


def _explain(error: psycopg.Error, table: Table, lines: bytes) -> str:
    """Which table, column and row, without their values."""
    reason = (error.diag.message_primary or type(error).__name__).partition(": ")[0]
    found = _COPY_CONTEXT.search(error.diag.context or "")
    if found is None:
        return f"The table {table.name} cannot be loaded: {reason}."
    place = [column.name for column in table.columns].index(table.key)
    line = lines.split(b"\n")[int(found[1]) - 1].split(b"\t")
    key = line[place].decode() if len(line) == len(table.columns) and table.key_kind == "integer" else "?"
    column = f", column {found[2]}" if found[2] else ""
    return f"The table {table.name} cannot be loaded: row {table.key} = {key}{column}: {reason}."
