"""kill -9 during a call to an ESP: no delivery is lost, and only messages in flight may be sent twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mailer.delivery.esp.capabilities import CAPABILITIES
from tests.delivery.esp.api import Api
from tests.delivery.esp.documented import SERVICES

# The program uses a copy of the database that this mark creates.
pytestmark = pytest.mark.django_db
CONNECTIONS, KILLS, READERS = 2, 3, 80


class Program:
    """The worker program with its own database and this ESP. A context manager."""

    def __init__(self, folder: Path, api: Api, in_doubt: str) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAILER_")}
        environment |= {
            "MAILER_CONFIG": "tests/config.toml",
            "DJANGO_SETTINGS_MODULE": "mailer.settings",
            "MAILER_STORAGE__PATH": str(folder / "data"),
            "MAILER_DATABASE__URL": f"sqlite:///{folder}/mailer.db",
            "MAILER_SENDING__IN_DOUBT": in_doubt,
            "MAILER_SENDING__IN_DOUBT_WAIT_MINUTES": "0",
            "MAILER_SERVICE__NAME": api.documented.name,
            "MAILER_SERVICE__URL": api.url,
            "MAILER_SERVICE__CONNECTIONS": str(CONNECTIONS),
        }
        environment |= {
            f"MAILER_SERVICE__{key.upper()}": value for key, value in api.documented.config.items()
        }
        self._log = (folder / "log").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.delivery.killable_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
            cwd=Path(__file__).parents[3],
        )

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()
        self._log.close()

    def ask(self, command: str) -> dict:
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or "{}")
        assert answer and "failed" not in answer, Path(self._log.name).read_text()
        return answer

    def end(self, pid: int, how: signal.Signals | None = None) -> int:
        if how:
            os.kill(pid, how)
        return self.ask(f"wait {pid}")["status"]


def killed_often(program: Program, api: Api, seed: int) -> int:
    """Run to the end with kills at random times; return how many processes were killed."""
    chance = random.Random(seed)
    hits = 0
    for _ in range(KILLS):
        pid = program.ask("run")["pid"]
        wanted, limit = len(api.calls) + chance.randint(1, 3), time.monotonic() + 60
        while len(api.calls) < wanted and time.monotonic() < limit:
            time.sleep(0.001)
        time.sleep(chance.random() * 0.02)
        hits += program.end(pid, signal.SIGKILL) == signal.SIGKILL
    assert program.end(program.ask("run")["pid"]) == 0
    return hits


# One recipient per call, a batch, an idempotency key: each kind, and each policy.
@pytest.mark.parametrize(
    "name, in_doubt", [("amazon_ses", "leave"), ("postmark", "resend"), ("resend", "resend")]
)
def test_a_killed_process_loses_no_delivery(name, in_doubt, tmp_path, sqlite_template):
    shutil.copy(sqlite_template, tmp_path / "mailer.db")
    with Api(SERVICES[name]()) as api, Program(tmp_path, api, in_doubt) as program:
        api.latency = 0.02
        program.ask(f"prepare {READERS}")
        hits = killed_often(program, api, seed=3)
        report = program.ask("report")
    counted = Counter(mail.to for mail in api.taken)
    repeats = sum(counted.values()) - len(counted)
    assert hits and report["balances"] and api.wrong == []
    assert report["state"] == "done" and report["journals"] == 0
    if in_doubt == "leave":
        missing = {f"reader-{number}@example.net" for number in range(READERS)} - counted.keys()
        assert repeats == 0 and missing <= set(report["doubtful"])
        assert report["accepted"] + report["in_doubt"] == READERS
        return
    # A message in doubt for the second time is left for staff.
    assert len(counted) == READERS and report["accepted"] + report["in_doubt"] == READERS
    under_a_key = bool(CAPABILITIES[name].idempotency)
    assert repeats <= (0 if under_a_key else hits * CONNECTIONS * CAPABILITIES[name].batch_size)
