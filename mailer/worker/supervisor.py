"""The supervisor: starts web and worker as child processes, and starts them again when they end."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

# A child gets this long to finish what it is doing; the sender needs ten.
GRACE_SECONDS = 15.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# A child that has run this long is taken to be well, and its next failure starts with the first pause again.
WELL_AFTER_SECONDS = 60.0


def restart_pause(failures: int) -> float:
    """Seconds to wait before the start that follows so many failures in a row."""
    return float(min(FIRST_PAUSE_SECONDS * 2 ** max(failures - 1, 0), LONGEST_PAUSE_SECONDS))


@dataclass
class Child:
    """One program that is kept running."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started: float = field(default=0.0)
    # Monotonic time before which it is not started again.
    not_before: float = 0.0

    def tend(self, clock: float) -> None:
        """Start it if it does not run and its pause is over."""
        if self.process is not None and self.process.poll() is not None:
            self._note_end(clock, self.process.returncode)
        if self.process is None and clock >= self.not_before:
            self.process = subprocess.Popen(self.command)  # noqa: S603  (our own modules)
            self.started = clock
            log.info("action=child_started name=%s pid=%d", self.name, self.process.pid)

    def _note_end(self, clock: float, status: int) -> None:
        self.failures = 1 if clock - self.started > WELL_AFTER_SECONDS else self.failures + 1
        self.not_before = clock + restart_pause(self.failures)
        self.process = None
        log.warning(
            "action=child_ended name=%s status=%d again_in=%.1f", self.name, status, self.not_before - clock
        )


def supervise(programs: Mapping[str, Sequence[str]], stop: threading.Event) -> None:
    """Keep the programs running until `stop` is set, then ask them to end, and kill what does not."""
    children = [Child(name, command) for name, command in programs.items()]
    try:
        while not stop.is_set():
            for child in children:
                child.tend(time.monotonic())
            stop.wait(0.2)
    finally:
        end([child.process for child in children if child.process is not None])


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask every process to end, and kill what has not after GRACE_SECONDS."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def itself(*arguments: str) -> list[str]:
    """The command line of another `mailer` with the same interpreter."""
    return [sys.executable, "-m", "mailer", *arguments]
