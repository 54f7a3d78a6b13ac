"""Reading the rows of a PostgreSQL database."""

from __future__ import annotations

import psycopg
import pytest

from mailer.backup.postgresql_rows import open_snapshot
from tests.postgres import Server


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_a_snapshot_has_the_rows_of_the_moment_in_which_it_was_opened(postgres: Server) -> None:
    url = postgres.empty("snapshot")
    with psycopg.connect(url, autocommit=True) as writer:
        writer.execute("CREATE TABLE pictures (id integer PRIMARY KEY)")
        with open_snapshot(url) as snapshot:
            # Such as a picture whose file came after the files were copied.
            writer.execute("INSERT INTO pictures VALUES (1)")
            assert snapshot._connection.execute("SELECT count(*) FROM pictures").fetchone() == (0,)
