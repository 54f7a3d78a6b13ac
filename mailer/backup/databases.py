"""Reads rows from SQLite and PostgreSQL in one consistent snapshot, and loads rows into a new database.

Loading needs a migrated database that nothing else uses: triggers, indexes and references are taken away
first and created again at the end, so that rows come in as they were written, and in any order of tables.
"""
# ruff: noqa: S608  (queries are joined from names of tables and columns)

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mailer.backup.row_format import Column, Kind, Table, parse_line
from subscribers.search import search_index

if TYPE_CHECKING:
    import psycopg

_BLOCK = 1 << 20
_FETCH = 2000


class DatabaseError(Exception):
    """The database cannot be read or loaded; the text is for the operator and holds no values of rows."""


class Snapshot(Protocol):
    """The rows of a database as they were when it was opened."""

    def read(self, table: Table, after: int | None = None) -> Iterator[bytes]:
        """The rows in the order of the primary key, as blocks of whole lines; only those with a greater
        integer key than `after`."""

    def last_ids(self, tables: Iterable[Table]) -> dict[str, int]:
        """By table, the last id that was given out, also where that row was deleted since."""


class Loader(Protocol):
    """A migrated database that rows are loaded into."""

    def prepare(self, tables: Sequence[Table]) -> None:
        """Empty the tables, and take away what would change, refuse or slow down their loading."""

    def load(self, table: Table, lines: bytes) -> None:
        """Add rows. Raises DatabaseError."""

    def finish(self, last_ids: Mapping[str, int]) -> None:
        """Create again what `prepare` took away, and let new rows get ids above `last_ids`. Raises
        DatabaseError where a reference or a unique key is violated."""

    def snapshot(self) -> Snapshot:
        """What is there now, to be compared with what was loaded."""


def open_snapshot(url: str, path: Path | None) -> Any:
    """A context manager for the Snapshot of a database: SQLite in the file `path`, else PostgreSQL."""
    return _sqlite_snapshot(path) if path is not None else _postgresql_snapshot(url)


# SQLite


def _blocks(rows: Iterator[list[tuple[str, ...]]]) -> Iterator[bytes]:
    for fetched in rows:
        yield ("\n".join(map("\t".join, fetched)) + "\n").encode()


class SqliteSnapshot:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.create_function("float_line", 1, repr, deterministic=True)

    def read(self, table: Table, after: int | None = None) -> Iterator[bytes]:
        columns = ", ".join(map(_sqlite_expression, table.columns))
        where = f'WHERE "{table.key}" > {int(after)}' if after is not None else ""
        query = f'SELECT {columns} FROM "{table.name}" {where} ORDER BY "{table.key}"'
        with closing(self._connection.execute(query)) as cursor:
            yield from _blocks(iter(lambda: cursor.fetchmany(_FETCH), []))

    def count(self, table: Table, up_to: int | None = None) -> int:
        """The number of rows; with a key, of those up to it."""
        where = f'WHERE "{table.key}" <= {int(up_to)}' if up_to is not None else ""
        (count,) = self._connection.execute(f'SELECT count(*) FROM "{table.name}" {where}').fetchone()
        return int(count)

    def last_ids(self, tables: Iterable[Table]) -> dict[str, int]:
        used = dict(self._connection.execute("SELECT name, seq FROM sqlite_sequence"))
        found = {}
        for table in tables:
            if table.key_kind == "integer":
                (last,) = self._connection.execute(
                    f'SELECT max("{table.key}") FROM "{table.name}"'
                ).fetchone()
                found[table.name] = max(last or 0, used.get(table.name, 0))
        return found


@contextmanager
def _sqlite_snapshot(path: Path) -> Iterator[SqliteSnapshot]:
    # Writers go on meanwhile: this reads the database as it was at its first query (WAL).
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")
        yield SqliteSnapshot(connection)


_TEXT = (
    "CASE WHEN {0} GLOB '*[\x08-\x0d\\]*' THEN replace(replace(replace(replace(replace(replace(replace({0},"
    " '\\', '\\\\'), char(8), '\\b'), char(9), '\\t'), char(10), '\\n'), char(11), '\\v'), char(12), '\\f'),"
    " char(13), '\\r') ELSE {0} END"
)
_UUID = "lower(substr({0}, 1, 8) || '-' || substr({0}, 9, 4) || '-' || substr({0}, 13, 4) || '-' ||"
_UTC = "replace({0}, '+00:00', '')"
_SQLITE: dict[Kind, str] = {
    "integer": "CAST({0} AS TEXT)",
    # SQLite itself would print 15 digits.
    "float": "CASE WHEN {0} IS NOT NULL THEN float_line(CAST({0} AS REAL)) END",
    "text": _TEXT,
    "json": _TEXT,
    "network_address": _TEXT,
    "bytes": "'\\\\x' || lower(hex({0}))",
    "boolean": "CASE {0} WHEN 1 THEN 't' WHEN 0 THEN 'f' END",
    # PostgreSQL leaves out zeros at the end of a fraction. Django writes no zone, and reads it where one is.
    "timestamp": f"CASE WHEN instr({{0}}, '.') THEN rtrim(rtrim({_UTC}, '0'), '.') ELSE {_UTC} END || '+00'",
    "date": "{0}",
    "uuid": f"{_UUID} substr({{0}}, 17, 4) || '-' || substr({{0}}, 21))",
}


def _sqlite_expression(column: Column) -> str:
    name = f'"{column.name}"'
    text = _SQLITE[column.kind].format(name)
    if column.kind == "bytes":
        # The hexadecimal form of NULL is an empty text.
        return f"CASE WHEN {name} IS NULL THEN '\\N' ELSE {text} END"
    return f"COALESCE({text}, '\\N')"


def _to_sqlite_time(text: str) -> str:
    """As Django writes it: in UTC without a zone, with six digits of a fraction or none."""
    whole, _, fraction = text.removesuffix("+00").partition(".")
    return f"{whole}.{fraction:0<6}" if fraction else whole


_TO_SQLITE: dict[Kind, Callable[[str], Any]] = {
    "integer": int,
    "float": float,
    "text": str,
    "json": str,
    "network_address": str,
    "bytes": lambda text: bytes.fromhex(text[2:]),
    "boolean": lambda text: text == "t",
    "timestamp": _to_sqlite_time,
    "date": str,
    "uuid": lambda text: text.replace("-", ""),
}


class SqliteLoader:
    """Loads into a file that no other process has open; a crash leaves a file that cannot be used."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA foreign_keys=OFF")
        self._connection.execute("PRAGMA synchronous=OFF")
        # Triggers and indexes, in the order in which they are created again.
        self._taken_away: list[str] = []
        self._tables: Sequence[Table] = ()

    def prepare(self, tables: Sequence[Table]) -> None:
        self._tables = tables
        names = {table.name for table in tables}
        self._connection.execute("BEGIN")
        found = self._connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master"
            " WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type, name"
        ).fetchall()
        for kind, name, table, sql in found:
            if table in names:
                self._connection.execute(f'DROP {kind.upper()} "{name}"')
                self._taken_away.append(sql)
        for name in sorted(names):
            self._connection.execute(f'DELETE FROM "{name}"')

    def load(self, table: Table, lines: bytes) -> None:
        converters = [_TO_SQLITE[column.kind] for column in table.columns]
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        places = ", ".join("?" * len(table.columns))
        rows = (parse_line(line, converters) for line in lines.split(b"\n") if line)
        try:
            self._connection.executemany(f'INSERT INTO "{table.name}" ({columns}) VALUES ({places})', rows)
        except sqlite3.Error as error:
            raise DatabaseError(f"The table {table.name} cannot be loaded: {error}.") from error

    def finish(self, last_ids: Mapping[str, int]) -> None:
        connection = self._connection
        try:
            for sql in self._taken_away:
                connection.execute(sql)
        except sqlite3.Error as error:
            raise DatabaseError(f"An index cannot be created: {error}.") from error
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            raise DatabaseError(f"A row of {broken[0]} refers to a row of {broken[2]} that does not exist.")
        counting = "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'"
        for (name,) in connection.execute(counting).fetchall():
            if name in last_ids:
                connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", [name])
                connection.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", [name, last_ids[name]])
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if search_index.TABLE in tables:
            connection.execute(f"INSERT INTO {search_index.TABLE} ({search_index.TABLE}) VALUES ('rebuild')")
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def snapshot(self) -> SqliteSnapshot:
        return SqliteSnapshot(self._connection)

    def close(self) -> None:
        """Close the file, with or without what was loaded, and write it to the disk."""
        (_, _, path) = self._connection.execute("PRAGMA database_list").fetchone()
        self._connection.close()
        with Path(path).open("rb") as file:
            os.fsync(file.fileno())


# PostgreSQL

# How PostgreSQL writes values into lines.
_SESSION = "SET datestyle = 'ISO'; SET timezone = 'UTC'; SET bytea_output = 'hex'; SET extra_float_digits = 1"
# What `prepare` took away; the table exists while a database is being loaded.
PROGRESS = "mailer_load"
_TAKEN_AWAY = f"""
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
def _postgresql_snapshot(url: str) -> Iterator[PostgresqlSnapshot]:
    import psycopg

    with connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
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
            self._connection.execute(_TAKEN_AWAY.encode(), [names, names])
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
