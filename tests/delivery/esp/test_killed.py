"""kill -9 during a call to an ESP: no delivery is lost, and only messages in flight may be sent twice."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from mailer.delivery.esp.capabilities import CAPABILITIES
from tests.delivery.esp.api import Api
from tests.delivery.esp.documented import SERVICES
from tests.delivery.worker_process import Program

# The program uses a copy of the database that this mark creates.
pytestmark = pytest.mark.django_db
CONNECTIONS, KILLS, READERS = 2, 3, 80


@pytest.fixture
def program(tmp_path, sqlite_template):
    """program(api, in_doubt) starts the worker program with its own database and this ESP."""
    shutil.copy(sqlite_template, tmp_path / "mailer.db")
    with ExitStack() as stack:

        def start(api: Api, in_doubt: str) -> Program:
            service = {"name": api.documented.name, "url": api.url, "connections": CONNECTIONS}
            settings = {f"service__{key}": value for key, value in (service | api.documented.config).items()}
            settings |= {"sending__in_doubt": in_doubt, "sending__in_doubt_wait_minutes": 0}
            made = Program(tmp_path, f"sqlite:///{tmp_path}/mailer.db", **settings)
            stack.callback(made.close)
            return made

        yield start


def ended(pid: int) -> bool:
    """Whether the process did all there was to do: it waits for the program that started it to look."""
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z"


def killed_often(program: Program, api: Api, seed: int) -> int:
    """Run to the end with kills at random times; return how many processes were killed."""
    chance = random.Random(seed)
    hits = 0
    for _ in range(KILLS):
        pid = program.start()
        wanted, limit = len(api.calls) + chance.randint(1, 3), time.monotonic() + 60
        while len(api.calls) < wanted and not ended(pid) and time.monotonic() < limit:
            time.sleep(0.003)
        time.sleep(chance.random() * 0.02)
        hits += program.end(pid, signal.SIGKILL) == signal.SIGKILL
    assert program.end(program.start()) == 0
    return hits


# One recipient per call, a batch, an idempotency key: each kind, and each policy.
@pytest.mark.parametrize(
    "name, in_doubt", [("amazon_ses", "leave"), ("postmark", "resend"), ("resend", "resend")]
)
def test_a_killed_process_loses_no_delivery(name, in_doubt, program):
    with Api(SERVICES[name]()) as api:
        api.latency = 0.02
        worker = program(api, in_doubt)
        worker.ask(f"prepare {READERS}")
        hits = killed_often(worker, api, seed=3)
        report = worker.ask("report")
    counted = Counter(mail.to for mail in api.taken)
    repeats = sum(counted.values()) - len(counted)
    assert hits and report["balances"] and api.wrong == []
    assert report["state"] == "done" and report["journals"] == 0
    missing = {f"reader-{number}@example.net" for number in range(READERS)} - counted.keys()
    # A message in doubt for the second time is left for staff, even where neither call was complete.
    assert missing <= set(report["doubtful"])
    assert report["accepted"] + report["in_doubt"] == READERS
    if in_doubt == "leave":
        assert repeats == 0
        return
    under_a_key = bool(CAPABILITIES[name].idempotency)
    assert repeats <= (0 if under_a_key else hits * CONNECTIONS * CAPABILITIES[name].batch_size)
