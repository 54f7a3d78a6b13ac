"""Runs the tests that depend on the database on PostgreSQL as well."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.postgres import ROOT, Server

pytestmark = [pytest.mark.journey, pytest.mark.postgres, pytest.mark.xdist_group("both databases")]

MARK = "both_databases"
# With fewer tests something was not collected.
AT_LEAST = 700


def test_the_attacks_on_four_eyes_run_there_too() -> None:
    files = list((ROOT / "tests" / "approval").glob("test_*.py"))
    assert len(files) > 5
    assert [one.name for one in files if f"pytest.mark.{MARK}]" not in one.read_text()] == []


def test_tests_that_depend_on_the_database_pass_on_postgresql(postgres: Server) -> None:
    marked = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if MARK in path.read_text("utf-8"))
    # Django prefixes the name with "test_", and finds this database.
    address = postgres.database("test_mailer").replace("/test_mailer?", "/mailer?")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAILER_", "PYTEST_"))
    }
    environment["MAILER_DATABASE__URL"] = address
    # Tests that start a server of their own run once, in the outer run.
    which = ["-m", f"{MARK} and not sqlite and not postgres", *map(str, marked)]
    how = ["-q", "--tb=short", "--reuse-db", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *how, *which],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) >= AT_LEAST, done.stdout[-500:]
