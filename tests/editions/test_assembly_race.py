"""Two workers, each with a connection of its own, come to the assembly of one period at the same time."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import programs
from tests.postgres import ROOT, Server

PROGRAM = [sys.executable, "-m", "tests.editions.assembling_process"]
Rows = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def on_sqlite(
    tmp_path: Path, django_db_setup: None, sqlite_template: Path
) -> Iterator[tuple[dict[str, str], Rows]]:
    file = tmp_path / "mailer.db"
    shutil.copyfile(sqlite_template, file)
    with closing(sqlite3.connect(file)) as database:
        yield _environment(f"sqlite:///{file}", tmp_path), lambda query: database.execute(query).fetchall()


@pytest.fixture
def on_postgresql(tmp_path: Path, postgres: Server) -> Iterator[tuple[dict[str, str], Rows]]:
    url = postgres.database(f"race-{tmp_path.name}")
    with psycopg.connect(url, autocommit=True) as database:
        yield _environment(url, tmp_path), lambda query: database.execute(query.encode()).fetchall()


def _environment(url: str, folder: Path) -> dict[str, str]:
    return os.environ | {"MAILER_DATABASE__URL": url, "MAILER_STORAGE__PATH": str(folder / "data")}


@pytest.mark.xdist_group("postgres")
@pytest.mark.parametrize("fixture", ["on_sqlite", "on_postgresql"])
def test_two_workers_that_come_at_once_make_one_draft(
    fixture: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    environment, rows = request.getfixturevalue(fixture)
    programs.run([*PROGRAM, "prepare"], cwd=ROOT, env=environment, check=True)
    made = _race(tmp_path / "race", environment)
    assert sorted(map(len, made)) == [0, 1]
    (created,) = next(filter(None, made))
    assert rows("SELECT id, period, number FROM mailer_edition") == [(created, "2021-12-06", 1)]
    plans = "SELECT period, state, edition_id FROM mailer_editionplan"
    assert rows(plans) == [("2021-12-06", "assembled", created)]


def _race(folder: Path, environment: dict[str, str]) -> list[list[int]]:
    """What each of two processes created."""
    folder.mkdir()
    workers = [
        programs.Popen([*PROGRAM, str(folder)], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    answers = [worker.communicate()[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    return [json.loads(answer) for answer in answers]
