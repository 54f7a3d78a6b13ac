"""The supervisor: keeps programs running, waits longer after each failure, and ends them in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mailer.worker import supervisor
from mailer.worker.supervisor import Child, end, restart_pause


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def wait_until_ended(child: Child) -> None:
    assert child.process is not None
    child.process.wait(20)


def test_pauses_grow_and_stay_bounded() -> None:
    pauses = [restart_pause(failures) for failures in range(1, 12)]
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == supervisor.LONGEST_PAUSE_SECONDS


def test_a_program_that_ends_is_started_again_after_its_pause() -> None:
    child = Child("short", python("pass"))
    child.tend(100.0)
    wait_until_ended(child)
    child.tend(100.1)
    assert child.process is None
    child.tend(100.5)
    assert child.process is None
    child.tend(100.7)
    assert child.process is not None
    wait_until_ended(child)


def test_a_program_that_was_well_starts_with_the_first_pause_again() -> None:
    child = Child("short", python("pass"), failures=6)
    child.tend(0.0)
    wait_until_ended(child)
    child.tend(supervisor.WELL_AFTER_SECONDS + 1)
    assert child.failures == 1


def test_what_does_not_end_when_asked_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.3)
    ignoring = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    code = f"{ignoring}; print('on', flush=True); time.sleep(60)"
    with subprocess.Popen(python(code), stdout=subprocess.PIPE) as deaf:
        assert deaf.stdout is not None
        assert deaf.stdout.readline() == b"on\n"
        end([deaf])
        assert deaf.returncode == -signal.SIGKILL


def test_stopping_ends_every_program(tmp_path: Path) -> None:
    stop = threading.Event()
    mark = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    files = [tmp_path / "a", tmp_path / "b"]
    programs = {path.name: [*python(mark), str(path)] for path in files}
    running = threading.Thread(target=supervisor.supervise, args=(programs, stop))
    running.start()
    deadline = time.monotonic() + 20
    while not all(path.exists() and path.read_text() for path in files) and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    running.join(20)
    for path in files:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)
