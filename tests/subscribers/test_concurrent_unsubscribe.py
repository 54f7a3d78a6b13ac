from __future__ import annotations

import json
import os
import sys

import pytest

from tests import programs
from tests.postgres import ROOT, Server

pytestmark = pytest.mark.both_databases


@pytest.mark.journey
@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_who_unsubscribes_while_they_are_added_is_on_no_list(postgres: Server) -> None:
    command = [sys.executable, "-m", "tests.subscribers.concurrent_unsubscribe"]
    environment = {**os.environ, "MAILER_DATABASE__URL": postgres.database("concurrent_unsubscribe")}
    done = programs.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "outcomes": [True, "locked", "locked", True],
        "unsubscribed": 1,
        "before@example.org": [],
        "during@example.org": [],
        "stays@example.org": ["old", "new", "third"],
    }
