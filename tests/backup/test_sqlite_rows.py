"""Reading the rows of an SQLite database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from mailer.backup.sqlite_rows import open_snapshot


def test_a_snapshot_has_the_rows_of_the_moment_in_which_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "mailer.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE pictures (id integer PRIMARY KEY)")
        with open_snapshot(path) as snapshot:
            # Such as a picture whose file came after the files were copied.
            writer.execute("INSERT INTO pictures VALUES (1)")
            assert snapshot._connection.execute("SELECT count(*) FROM pictures").fetchone() == (0,)
