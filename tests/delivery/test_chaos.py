"""kill -9 at seeded moments: nobody is lost, and nothing comes twice but what was between dot and reply."""

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

from tests.delivery.relay import Relay, Script

# The program has a database of its own; it is copied from the one that the mark has made.
pytestmark = pytest.mark.django_db
CONNECTIONS = 3
KILLS = 8


class Program:
    """The worker program against a database of its own."""

    def __init__(self, folder: Path, url: str, port: int, in_doubt: str) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAILER_")}
        environment |= {
            "MAILER_CONFIG": "tests/config.toml",
            "DJANGO_SETTINGS_MODULE": "mailer.settings",
            "MAILER_STORAGE__PATH": str(folder / "data"),
            "MAILER_DATABASE__URL": url,
            "MAILER_SMTP__PORT": str(port),
            "MAILER_SMTP__CONNECTIONS": str(CONNECTIONS),
            "MAILER_SENDING__IN_DOUBT": in_doubt,
        }
        self._log = (folder / "log").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.delivery.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
            cwd=Path(__file__).parents[2],
        )

    def ask(self, command: str) -> dict:
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or "{}")
        self._log.flush()
        assert answer and "failed" not in answer, Path(self._log.name).read_text()
        return answer

    def start(self) -> int:
        return self.ask("run")["pid"]

    def end(self, pid: int, how: signal.Signals | None = None) -> int:
        if how:
            os.kill(pid, how)
        return self.ask(f"wait {pid}")["status"]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()
        self._log.close()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.xdist_group("postgres")]),
    ]
)
def url(request, tmp_path):
    """The address of a database with every table and nobody in it."""
    if request.param == "postgresql":
        name = "".join(filter(str.isalnum, request.node.name))[-50:]
        return request.getfixturevalue("postgres").database(name)
    shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "mailer.db")
    return f"sqlite:///{tmp_path}/mailer.db"


@pytest.fixture
def program(tmp_path, url):
    """program(relay, in_doubt) starts the program."""
    started = []

    def start(relay: Relay, in_doubt: str = "resend") -> Program:
        started.append(Program(tmp_path, url, relay.port, in_doubt))
        return started[-1]

    yield start
    for one in started:
        one.close()


def until_taken(relay: Relay, count: int) -> None:
    """Wait until the server has so many messages; not for ever: the sender may have had no more to send."""
    limit = time.monotonic() + 10
    while len(relay.taken) < count and time.monotonic() < limit:
        time.sleep(0.001)


def killed_often(program: Program, relay: Relay, seed: int, readers: int) -> int:
    """Run the program to its end, killing it at KILLS random moments; how many kills hit."""
    moments = random.Random(seed)
    hits = 0
    pid = program.start()
    for _ in range(KILLS):
        wanted = len(relay.taken) + moments.randint(1, max(1, readers // KILLS - 2))
        until_taken(relay, min(wanted, readers))
        time.sleep(moments.random() * 0.02)
        status = program.end(pid, signal.SIGKILL)
        hits += status == signal.SIGKILL
        assert program.ask("report")["balances"]
        pid = program.start()
    assert program.end(pid) == 0
    return hits


def test_killed_again_and_again_everybody_is_mailed_and_repeats_are_few_and_the_same(program):
    readers = 120
    with Relay(Script(latency=0.02)) as relay:
        worker = program(relay)
        worker.ask(f"prepare {readers}")
        kills = killed_often(worker, relay, seed=2021, readers=readers)
        report = worker.ask("report")
    copies = Counter(taken.recipient for taken in relay.taken)
    assert kills >= KILLS - 2
    assert len(copies) == readers
    assert sum(copies.values()) - readers <= CONNECTIONS * kills
    names: dict[str, set[str]] = {}
    for taken in relay.taken:
        names.setdefault(taken.recipient, set()).add(taken.message_id + taken.sender)
    assert all(len(one) == 1 for one in names.values())
    assert report["state"] == "done" and report["balances"] and report["journals"] == 0
    assert report["accepted"] + report["in_doubt"] == readers


def test_where_doubt_is_left_nobody_is_mailed_twice_and_each_doubtful_reader_is_listed(program):
    readers = 120
    with Relay(Script(latency=0.02)) as relay:
        worker = program(relay, "leave")
        worker.ask(f"prepare {readers}")
        kills = killed_often(worker, relay, seed=12, readers=readers)
        report = worker.ask("report")
    copies = Counter(taken.recipient for taken in relay.taken)
    assert set(copies.values()) == {1}
    missing = {f"reader-{number}@example.net" for number in range(readers)} - copies.keys()
    assert missing <= set(report["doubtful"])
    assert len(report["doubtful"]) <= CONNECTIONS * kills
    assert report["accepted"] + report["in_doubt"] == readers and report["balances"]


def test_two_workers_at_once_send_nobody_two(program):
    readers = 1200
    with Relay(Script(latency=0.003)) as relay:
        worker = program(relay)
        worker.ask(f"prepare {readers}")
        first, second = worker.start(), worker.start()
        assert (worker.end(first), worker.end(second)) == (0, 0)
        report = worker.ask("report")
    assert len(relay.taken) == len({taken.recipient for taken in relay.taken}) == readers
    assert report["accepted"] == readers and relay.most_open > CONNECTIONS


def test_asked_to_stop_the_program_ends_in_order(program):
    with Relay(Script(latency=0.05)) as relay:
        worker = program(relay)
        worker.ask("prepare 100")
        pid = worker.start()
        until_taken(relay, 10)
        started = time.monotonic()
        assert worker.end(pid, signal.SIGTERM) == 0
        assert time.monotonic() - started < 10
        report = worker.ask("report")
    assert report["accepted"] == len(relay.taken) and report["planned"] == 100 - len(relay.taken)
    assert report["in_doubt"] == report["claimed"] == report["journals"] == 0
