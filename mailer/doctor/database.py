"""The database: reached, of a version that works, up to date, and where it can be safe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from mailer.doctor.local_checks import space
from mailer.doctor.records import Finding

# The oldest PostgreSQL that Django 5.2 speaks to.
_OLDEST_POSTGRESQL = 140000
# SQLite's locks and shared memory do not work over these.
_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "glusterfs")


def database() -> Iterator[Finding]:
    """Reached, of a version that works, and up to date. Belongs to the thread of the caller's connection."""
    kind = "SQLite" if connection.vendor == "sqlite" else "PostgreSQL"
    try:
        connection.ensure_connection()
        version = connection.pg_version if kind == "PostgreSQL" else 0  # type: ignore[attr-defined]
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        words = " ".join(str(error).split()) or type(error).__name__
        yield Finding(
            "database",
            kind,
            "problem",
            f"It cannot be used: {words}",
            "Mend [database] url, or start the database server.",
        )
        return
    if waiting:
        yield Finding(
            "database",
            kind,
            "problem",
            f"{len(waiting)} changes to its tables are waiting.",
            "Run: mailer migrate",
        )
    if version and version < _OLDEST_POSTGRESQL:
        yield Finding(
            "database",
            kind,
            "problem",
            f"Version {version // 10000} is too old.",
            f"Upgrade it to {_OLDEST_POSTGRESQL // 10000} or newer.",
        )
    if kind == "SQLite":
        yield from _sqlite_file()
    if not waiting:
        yield Finding("database", kind, "ok", "It answers, and its tables are up to date.")


def _sqlite_file() -> Iterator[Finding]:
    name = str(connection.settings_dict["NAME"])
    if name == ":memory:" or name.startswith("file:"):
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        (mode,) = cursor.fetchone()
    if mode != "wal":
        yield Finding(
            "database",
            "SQLite",
            "problem",
            f"It keeps its journal as “{mode}”, not as WAL, so that pages wait while mail is sent.",
            "Move it to a local disk that it may write to.",
        )
    system = _file_system(Path(name))
    if system in _REMOTE:
        yield Finding(
            "database",
            "SQLite",
            "problem",
            f"{name} lies on a network file system ({system}), where SQLite's locks do not hold.",
            "Move it to a local disk, or use PostgreSQL.",
        )
    yield from space("database", Path(name).parent)


def _file_system(path: Path) -> str:
    """The type of file system under a path, as the kernel names it; empty where it does not tell."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    except OSError:
        return ""
    under = [mount for mount in mounts if path.resolve().is_relative_to(mount[0].replace("\\040", " "))]
    return max(under, key=lambda mount: len(mount[0]), default=["", ""])[1]
