"""The worker program as tests drive it: started, killed at a moment, asked for its totals."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests import programs
from tests.delivery.relay import Relay

CONNECTIONS = 3


class Program:
    """The worker program against a database of its own."""

    def __init__(
        self, folder: Path, url: str, program: str = "tests.delivery.killable_worker", **settings: object
    ) -> None:
        """A setting of a section is SECTION__KEY."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAILER_")}
        environment |= {
            "MAILER_CONFIG": "tests/config.toml",
            "DJANGO_SETTINGS_MODULE": "mailer.settings",
            "MAILER_STORAGE__PATH": str(folder / "data"),
            "MAILER_DATABASE__URL": url,
        }
        environment |= {f"MAILER_{key.upper()}": str(value) for key, value in settings.items()}
        self._log = (folder / "log").open("w+")
        self._process = programs.Popen(
            [sys.executable, "-m", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
            cwd=Path(__file__).parents[2],
        )

    def ask(self, command: str) -> dict[str, Any]:
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or "{}")
        self._log.flush()
        assert answer and "failed" not in answer, Path(self._log.name).read_text()
        return answer

    def start(self, *limits: str) -> int:
        return self.ask(" ".join(("run", *limits)))["pid"]

    def end(self, pid: int, how: signal.Signals | None = None) -> int:
        """Send it a signal, or none; wait for its end; the status with which it ended."""
        if how:
            os.kill(pid, how)
        return self.ask(f"wait {pid}")["status"]

    def report(self) -> dict[str, Any]:
        for _ in range(20):
            found = self.ask("report")
            # A worker may record between the reading of the counts and that of the rows.
            if found["counted"] == found["rows"]:
                break
        assert found["balances"] and found["counted"] == found["rows"], found
        return found

    def close(self) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(60)
        finally:
            self._process.kill()
            self._process.stdout.close()
            self._log.close()


def until_taken(relay: Relay, count: int) -> None:
    """Wait until the server has so many messages, or for a minute: there may be no more to send."""
    limit = time.monotonic() + 60
    while len(relay.taken) < count and time.monotonic() < limit:
        time.sleep(0.003)


def killed_often(program: Program, relay: Relay, kills: int, readers: int, seed: int) -> None:
    """Run the program to its end, killing it so often at random moments; the totals balance at each."""
    moments = random.Random(seed)
    latency = relay.script.latency
    pid = program.start()
    for _ in range(kills):
        until_taken(relay, len(relay.taken) + moments.randint(1, max(1, readers // kills - 3)))
        # However late this process is, the program cannot finish before it is killed.
        relay.script.latency = 600
        time.sleep(moments.random() * 0.02)
        assert program.end(pid, signal.SIGKILL) == signal.SIGKILL
        relay.script.latency = latency
        program.report()
        pid = program.start()
    assert program.end(pid) == 0


def repeats(relay: Relay) -> int:
    """Messages kept beyond one for each reader; each repeat must carry the names of the first."""
    names: dict[str, set[tuple[str, str]]] = {}
    for taken in relay.kept():
        names.setdefault(taken.recipient, set()).add((taken.message_id, taken.sender))
    assert all(len(one) == 1 for one in names.values())
    return len(relay.kept()) - len(names)
