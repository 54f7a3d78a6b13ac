"""The supervisor: starts web and worker as child processes, and restarts them when they end.

It runs for weeks beside them, so it imports no Django: it takes 20 MB where Django would take 130.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailer.backoff import BackoffPolicy

log = logging.getLogger(__name__)

# How long a child may take to end when asked; the sender needs ten.
GRACE_SECONDS = 15.0
# Seconds before a child that ended is started again.
RESTART_BACKOFF = BackoffPolicy(first=0.5, cap=30.0)
# A child that ran this long is healthy, and its next failure counts as the first.
HEALTHY_SECONDS = 60.0


@dataclass
class Child:
    """One program that is kept running."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    # Ends in a row, without a healthy run between them.
    failures: int = 0
    # Monotonic time of the last start.
    started: float = field(default=0.0)
    # Monotonic time before which it is not started again.
    not_before: float = 0.0

    def check(self, clock: float) -> None:
        """Start the program if it does not run and its backoff is over; `clock` is monotonic time."""
        if self.process is not None and self.process.poll() is not None:
            self._on_end(clock, self.process.returncode)
        if self.process is None and clock >= self.not_before:
            self.process = subprocess.Popen(self.command)  # noqa: S603  (our own modules)
            self.started = clock
            log.info("action=child_started name=%s pid=%d", self.name, self.process.pid)

    def _on_end(self, clock: float, status: int) -> None:
        self.failures = 1 if clock - self.started > HEALTHY_SECONDS else self.failures + 1
        self.not_before = clock + RESTART_BACKOFF.delay(self.failures)
        self.process = None
        log.warning(
            "action=child_ended name=%s status=%d restart_in=%.1f", self.name, status, self.not_before - clock
        )


def supervise(programs: Mapping[str, Sequence[str]], stop: threading.Event) -> None:
    """Keep the programs running until `stop` is set, then terminate them."""
    children = [Child(name, command) for name, command in programs.items()]
    try:
        while not stop.is_set():
            for child in children:
                child.check(time.monotonic())
            stop.wait(0.2)
    finally:
        terminate([child.process for child in children if child.process is not None])


def terminate(processes: Sequence[subprocess.Popen[bytes]], grace: float = GRACE_SECONDS) -> None:
    """Ask every process to end, and kill those that still run after `grace` seconds."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + grace
    for process in processes:
        try:
            process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def stop_on_signals(stop: threading.Event) -> None:
    """Let SIGTERM and SIGINT set `stop`."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def mailer_command(*arguments: str) -> list[str]:
    """The command line that runs another `mailer` with the same interpreter."""
    return [sys.executable, "-m", "mailer", *arguments]
