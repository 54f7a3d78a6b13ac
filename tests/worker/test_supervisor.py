"""The supervisor: restarts programs with a backoff, and terminates them."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from mailer.worker import supervisor
from mailer.worker.supervisor import HEALTHY_SECONDS, RESTART_BACKOFF, Child, terminate
from tests.waiting import until


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def wait_until_ended(child: Child) -> None:
    assert child.process is not None
    child.process.wait(300)


def test_restart_delays_double_up_to_half_a_minute() -> None:
    delays = [RESTART_BACKOFF.delay(failures) for failures in range(1, 12)]
    assert delays[:4] == [0.5, 1.0, 2.0, 4.0]
    assert delays == sorted(delays)
    assert delays[-1] == 30.0


def test_a_program_that_ends_is_restarted_after_its_delay() -> None:
    child = Child("short", python("pass"))
    child.check(100.0)
    wait_until_ended(child)
    child.check(100.1)
    assert child.process is None
    child.check(100.5)
    assert child.process is None
    child.check(100.7)
    assert child.process is not None
    wait_until_ended(child)


def test_after_a_healthy_run_the_first_delay_applies_again() -> None:
    child = Child("short", python("pass"), failures=6)
    child.check(0.0)
    wait_until_ended(child)
    child.check(HEALTHY_SECONDS + 1)
    assert child.failures == 1


def test_a_program_that_cannot_be_started_is_tried_again_after_its_delay(tmp_path: Path) -> None:
    program = tmp_path / "program"
    child = Child("missing", [str(program)])
    child.check(100.0)
    assert child.process is None and (child.failures, child.not_before) == (1, 100.5)
    program.symlink_to("/bin/true")
    child.check(100.4)
    assert child.process is None
    child.check(100.6)
    assert child.process is not None
    wait_until_ended(child)


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    ignoring = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    code = f"{ignoring}; print('on', flush=True); time.sleep(600)"
    with subprocess.Popen(python(code), stdout=subprocess.PIPE) as deaf:
        assert deaf.stdout is not None
        assert deaf.stdout.readline() == b"on\n"
        terminate([deaf], grace=0.3)
        assert deaf.returncode == -signal.SIGKILL


def test_stopping_terminates_every_program(tmp_path: Path) -> None:
    stop = threading.Event()
    mark = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    files = [tmp_path / "a", tmp_path / "b"]
    programs = {path.name: [*python(mark), str(path)] for path in files}
    running = threading.Thread(target=supervisor.supervise, args=(programs, stop))
    running.start()
    until(lambda: all(path.exists() and path.read_text() for path in files))
    stop.set()
    running.join(300)
    assert not running.is_alive()
    for path in files:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)


def test_the_supervisor_holds_no_django() -> None:
    modules = "sys, mailer.cli.processes, mailer.config, mailer.worker.supervisor"
    code = f"import {modules}; sys.exit('django' in sys.modules)"
    assert subprocess.run(python(code), check=False).returncode == 0


NOTIFY = "from mailer.worker.supervisor import notify_systemd; notify_systemd('READY=1 {}')"


def test_only_the_program_that_makes_all_ready_notifies_the_service_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(300)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        stop = threading.Event()
        programs = {name: python(f"{NOTIFY.format(name)}; import time; time.sleep(600)") for name in "ab"}
        thread = threading.Thread(target=supervisor.supervise, args=(programs, stop, "b"))
        thread.start()
        assert manager.recv(100) == b"READY=1 b"
        stop.set()
        thread.join()
        assert manager.recv(100) == b"STOPPING=1"


def test_without_a_service_manager_nothing_is_notified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    supervisor.notify_systemd("READY=1")
    assert not caplog.records
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    supervisor.notify_systemd("READY=1")
    assert "action=service_manager_not_notified" in caplog.text


def test_a_worker_whose_job_does_not_stop_ends_and_says_what_it_did() -> None:
    code = """
import threading, time
from mailer.worker import supervisor

def deaf_job():
    time.sleep(600)

supervisor._STOP_SECONDS = 0.1
stop = threading.Event()
supervisor.stop_on_signals(stop)
with supervisor.end_in_time(stop):
    print("on", flush=True)
    supervisor.wait_for_stop(stop)
    deaf_job()
"""
    with subprocess.Popen(python(code), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None and worker.stdout.readline() == "on\n"
        worker.send_signal(signal.SIGTERM)
        _, told = worker.communicate(timeout=300)
    assert worker.returncode == 1 and "deaf_job" in told


def test_a_worker_ends_also_where_nobody_reads_what_it_writes() -> None:
    code = """
import logging, threading
from mailer.worker import supervisor

logging.basicConfig()
supervisor._STOP_SECONDS = supervisor._LAST_WORDS_SECONDS = 0.1

def job():
    while True:
        logging.warning("x" * 1000)

stop = threading.Event()
supervisor.stop_on_signals(stop)
with supervisor.end_in_time(stop):
    threading.Thread(target=job).start()
    print("on", flush=True)
    supervisor.wait_for_stop(stop)
    threading.Event().wait()
"""
    with subprocess.Popen(python(code), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as worker:
        assert worker.stdout is not None and worker.stdout.readline() == b"on\n"
        pipe = worker.stderr
        assert pipe is not None
        # It is full: the job waits within the handler, which no other thread can use then.
        until(lambda: fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)) != bytes(4))
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(300) == 1


def test_a_service_manager_that_reads_nothing_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "_NOTIFY_SECONDS", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        # Until its queue is full, which the system limits.
        until(lambda: supervisor.notify_systemd("READY=1") or caplog.records, interval=0)
    assert "action=service_manager_not_notified" in caplog.text


def test_a_signal_that_comes_while_the_event_is_locked_sets_it_all_the_same() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    stop = threading.Event()
    try:
        supervisor.stop_on_signals(stop)
        # As where the signal interrupts the main thread in `Event.wait`.
        with stop._cond:
            signal.raise_signal(signal.SIGTERM)
        supervisor.wait_for_stop(stop)
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)
