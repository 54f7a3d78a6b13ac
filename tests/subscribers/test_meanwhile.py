from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.postgres import ROOT, Server

pytestmark = pytest.mark.both_databases


@pytest.mark.journey
@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_whoever_leaves_while_they_are_put_on_a_list_is_put_on_none_or_leaves_that_too(
    postgres: Server,
) -> None:
    command = [sys.executable, "-m", "tests.subscribers.meanwhile"]
    environment = {**os.environ, "MAILER_DATABASE__URL": postgres.database("meanwhile")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "heard": [True, "waits", "waits", True],
        "left": 1,
        "before@example.org": [],
        "during@example.org": [],
        "stays@example.org": ["old", "new", "third"],
    }
