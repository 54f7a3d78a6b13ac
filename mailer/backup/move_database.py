"""Moves an installation from SQLite to PostgreSQL: every row is copied, and compared with what was copied.

It may be killed at any point, and goes on where it was. While it runs, and until it has finished, no process
uses either database. Nothing is deleted in the source, which sends nothing any more afterwards.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from mailer.backup.create import sqlite_path
from mailer.backup.database_interface import DatabaseError
from mailer.backup.postgresql_rows import PostgresqlLoader, connect
from mailer.backup.row_format import Table, TableDigest, tables
from mailer.backup.sqlite_rows import SqliteSnapshot, open_snapshot
from mailer.instance import models as instances
from mailer.instance.models import Instance

if TYPE_CHECKING:
    import psycopg

# Bytes of rows in one transaction, at least.
_BATCH = 8 << 20
# Marks the target until the move has finished: which installation is moved there, and how far.
MARKER = "mailer_move"
_LOADED = "loaded"

# The name of a table, its rows so far, and all of them.
OnProgress = Callable[[str, int, int], None]


class MoveError(Exception):
    """The installation cannot be moved."""


@dataclass(frozen=True)
class MovedTable:
    """A table whose rows are equal in both databases."""

    name: str
    rows: int
    # SHA-256 of the rows in the form of mailer.backup.row_format.
    digest: str
    # Seconds for copying, of the rows that this run copied, and for comparing.
    copied: int
    copy_seconds: float
    check_seconds: float


def move_sqlite_to_postgresql(
    url: str, now: datetime, on_progress: OnProgress = lambda *_: None
) -> list[MovedTable]:
    """Copy the configured SQLite database to the PostgreSQL database at `url`, which must be empty.

    Raises MoveError and DatabaseError, without the URL. Call it with the lock that keeps web and worker out.
    """
    path = sqlite_path(settings.CONFIG)
    if path is None:
        raise MoveError("the configured database is not SQLite; it is PostgreSQL already.")
    _check_source()
    row = instances.load_instance()
    if row is None:
        raise MoveError("this database was never used; configure PostgreSQL and run: mailer init")
    with _no_writers(path) as release, connect(url) as target:
        PostgresqlLoader(target).hold()
        stage = _begin(target, row.identity)
        if stage != _LOADED:
            if not PostgresqlLoader(target).is_prepared():
                _run_django(url, "migrate", "--verbosity", "0", "--no-input")
            moved = _copy(path, target, on_progress)
            _set_stage(target, _LOADED)
        else:
            moved = []
        _run_django(url, "migrate", "--verbosity", "0", "--no-input")
        _run_django(url, "update_index", "--verbosity", "0")
        release()
        instances.begin_or_replace_no_send(Instance.Reason.MOVED, now)
        with target.transaction():
            target.execute(f"DROP TABLE {MARKER}".encode())
        target.commit()
    return moved


@contextmanager
def _no_writers(path: Path) -> Iterator[Callable[[], None]]:
    """Let commands that would write to the source wait, until the function that this yields is called."""
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as blocking:
        blocking.execute("BEGIN IMMEDIATE")
        yield lambda: blocking.rollback()


def _check_source() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise MoveError("the database is not up to date with this version; run: mailer migrate")


def _begin(target: psycopg.Connection[Any], identity: str) -> str:
    """Mark an empty database as the target of this move; how far an earlier run of it came."""
    row = target.execute("SELECT to_regclass(%s)", [MARKER]).fetchone()
    if row and row[0]:
        found = target.execute(f"SELECT source, stage FROM {MARKER}".encode()).fetchone()  # noqa: S608
        target.commit()
        if found is None or found[0] != identity:
            raise MoveError("another installation was being moved to this database; use an empty one.")
        return str(found[1])
    if PostgresqlLoader(target).has_tables():
        raise MoveError("the target database is not empty; create another one.")
    with target.transaction():
        target.execute(f"CREATE TABLE {MARKER} (source text, stage text)".encode())
        target.execute(f"INSERT INTO {MARKER} VALUES (%s, '')".encode(), [identity])  # noqa: S608
    target.commit()
    return ""


def _set_stage(target: psycopg.Connection[Any], stage: str) -> None:
    target.execute(f"UPDATE {MARKER} SET stage = %s".encode(), [stage])  # noqa: S608
    target.commit()


def _run_django(url: str, *command: str) -> None:
    """Run a command of Django for the target, in a process of its own. Raises MoveError."""
    environment = {**os.environ, "MAILER_DATABASE__URL": url, "DJANGO_SETTINGS_MODULE": "mailer.settings"}
    done = subprocess.run(  # noqa: S603  (our own interpreter)
        [sys.executable, "-m", "django", *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MoveError(f"`django {command[0]}` failed in the target: {reason.replace(url, '…')}")


def _copy(path: Path, target: psycopg.Connection[Any], on_progress: OnProgress) -> list[MovedTable]:
    found = tables()
    loader = PostgresqlLoader(target)
    if loader.is_prepared():
        loader.resume(found)
    else:
        loader.prepare(found)
    with open_snapshot(path) as snapshot:
        counts = {table.name: snapshot.count(table) for table in found}
        moved = [_copy_table(snapshot, loader, table, counts[table.name], on_progress) for table in found]
        loader.finish(snapshot.last_ids(found))
    # Not a copy that must not send, but the installation itself: it takes note of its new server.
    target.execute(f"UPDATE {Instance._meta.db_table} SET database = ''".encode())  # noqa: S608
    target.commit()
    return moved


def _copy_table(
    snapshot: SqliteSnapshot, loader: PostgresqlLoader, table: Table, count: int, on_progress: OnProgress
) -> MovedTable:
    """Copy the rows that the target lacks, and compare all of them."""
    started = time.monotonic()
    after = loader.last_key(table)
    if table.key_kind != "integer":
        # Small tables, such as sessions: nothing says how far they were copied.
        loader.empty(table)
    digest, copied = _load(snapshot, loader, table, after, count, on_progress)
    copying = time.monotonic()
    if after is not None:
        # An earlier run copied a part.
        digest = _digest(snapshot.read(table), table)
    if not _equals(loader, table, digest):
        # The source was used after an earlier run.
        loader.empty(table)
        digest, copied = _load(snapshot, loader, table, None, count, on_progress)
        if not _equals(loader, table, digest):
            raise DatabaseError(f"The rows of {table.name} are not equal after they were copied.")
    return MovedTable(
        table.name,
        digest.rows,
        digest.hexdigest(),
        copied,
        copying - started,
        time.monotonic() - copying,
    )


def _load(
    snapshot: SqliteSnapshot,
    loader: PostgresqlLoader,
    table: Table,
    after: int | None,
    count: int,
    on_progress: OnProgress,
) -> tuple[TableDigest, int]:
    """Copy the rows behind the key `after`; their digest, and how many."""
    digest = TableDigest(table)
    before = 0 if after is None else snapshot.count(table, up_to=after)
    batch = bytearray()
    for block in snapshot.read(table, after):
        digest.update(block)
        batch += block
        if len(batch) >= _BATCH:
            loader.load(table, bytes(batch))
            batch.clear()
        on_progress(table.name, before + digest.rows, count)
    if batch:
        loader.load(table, bytes(batch))
    on_progress(table.name, before + digest.rows, count)
    return digest, digest.rows


def _equals(loader: PostgresqlLoader, table: Table, digest: TableDigest) -> bool:
    found = _digest(loader.snapshot().read(table), table)
    return (found.rows, found.hexdigest()) == (digest.rows, digest.hexdigest())


def _digest(blocks: Any, table: Table) -> TableDigest:
    digest = TableDigest(table)
    for block in blocks:
        digest.update(block)
    return digest


def copied_and_compared_per_second(moved: Sequence[MovedTable]) -> tuple[float, float]:
    """Rows a second: copied, and compared."""
    copied, checked = sum(one.copied for one in moved), sum(one.rows for one in moved)
    copying = sum(one.copy_seconds for one in moved)
    checking = sum(one.check_seconds for one in moved)
    return copied / copying if copying else 0.0, checked / checking if checking else 0.0
