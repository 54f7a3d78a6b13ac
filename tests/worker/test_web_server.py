"""The running web process: clicks of its last second are not lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from mailer.bench.clicks import serving
from mailer.bench.databases import open_database
from mailer.bench.send import run_measured, write_config

pytestmark = pytest.mark.journey


def test_clicks_of_the_last_second_are_written_in_spite_of_repeated_signals(
    tmp_path: Path,
) -> None:
    write_config(tmp_path)
    with open_database("sqlite", tmp_path) as database:
        run_measured(tmp_path, database.origin, "prepare", 3, 5_000)
        run_measured(tmp_path, database.origin, "plan")
        with serving(tmp_path, database.origin) as (port, process):
            assert run_measured(tmp_path, database.origin, "follow", port, 40, 4)["done"] == 40
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
                os.kill(process, number)
        assert run_measured(tmp_path, database.origin, "written")["done"] == 40
