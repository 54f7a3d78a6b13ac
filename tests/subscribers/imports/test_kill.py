from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import programs
from tests.postgres import ROOT, Server

pytestmark = pytest.mark.both_databases


def killed(url: str, seed: int) -> dict[str, Any]:
    """The report of a program that imports 90 people and undoes it, killed at random statements."""
    command = [sys.executable, "-m", "tests.subscribers.imports.killed", str(seed), "5"]
    environment = {**os.environ, "MAILER_DATABASE__URL": url}
    done = programs.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def check(report: dict[str, Any]) -> None:
    assert report.pop("deaths") + report.pop("undo_deaths") > 6
    assert report == {
        "people": 90,
        "consents": 90,
        "added": 90,
        "removed": 90,
        "restored": 0,
        "kept": 0,
        "left": 0,
    }


@pytest.mark.sqlite
@pytest.mark.usefixtures("django_db_setup")
def test_an_import_that_is_killed_at_any_statement_adds_everyone_once(
    sqlite_template: Path, tmp_path: Path
) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "mailer.db")
    check(killed(f"sqlite:///{tmp_path / 'mailer.db'}", 1))


@pytest.mark.journey
@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_an_import_that_is_killed_adds_everyone_once_on_postgresql(postgres: Server) -> None:
    check(killed(postgres.database("killed"), 3))
