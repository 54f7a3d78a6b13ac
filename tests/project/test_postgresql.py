"""The same tests on PostgreSQL: whatever leans on the database holds on the other one too."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.postgres import ROOT, Server

pytestmark = [pytest.mark.journey, pytest.mark.postgres, pytest.mark.xdist_group("postgres")]

# Fewer than this many have passed: something was not collected.
AT_LEAST = 300


def test_what_leans_on_the_database_holds_on_postgresql(postgres: Server) -> None:
    # Django puts "test_" before the name, and finds the database already made.
    address = postgres.database("test_mailer").replace("/test_mailer?", "/mailer?")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAILER_", "PYTEST_"))
    }
    environment["MAILER_DATABASE__URL"] = address
    # Those with a server of their own run once, beside these.
    which = ["-m", "both_databases and not sqlite and not postgres"]
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
