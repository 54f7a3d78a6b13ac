"""Reads the rows of an SQLite database in one consistent snapshot, and loads rows into a new file."""
# ruff: noqa: S608  (queries are joined from names of tables and columns)

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mailer.backup.database_interface import DatabaseError
from mailer.backup.row_format import Column, Kind, Table, parse_line
from subscribers.search import search_index

_FETCH = 2000


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
def open_snapshot(path: Path) -> Iterator[SqliteSnapshot]:
    """The rows of the database in this file, as they are now."""
    # Writers go on meanwhile: this reads the database as it was at its first query (WAL).
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
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
    "time": "CASE WHEN instr({0}, '.') THEN rtrim(rtrim({0}, '0'), '.') ELSE {0} END",
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
    "time": _to_sqlite_time,
    "uuid": lambda text: text.replace("-", ""),
}


class SqliteLoader:
    """Loads into a file that no other process has open; a crash leaves a file that cannot be used."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA foreign_keys=OFF")
        self._connection.execute("PRAGMA synchronous=OFF")
        # Triggers and indexes, in the order in which they are created again.
        self._dropped: list[str] = []
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
                self._dropped.append(sql)
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
            for sql in self._dropped:
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
