"""The supervisor: starts web and worker as child processes, and restarts them when they end.

It runs for weeks beside them, so it imports no Django: it takes 20 MB where Django would take 130. All of
these processes keep their memory small, because glibc's allocator holds on to memory for every thread.
"""

from __future__ import annotations

import _thread
import ctypes
import faulthandler
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from mailer.backoff import BackoffPolicy

log = logging.getLogger(__name__)
# How long a child may take to end when asked; the sender needs ten.
GRACE_SECONDS = 15.0
# Seconds within which a worker ends when asked, also where a job does not; and for saying what it does then.
_STOP_SECONDS, _LAST_WORDS_SECONDS = 14.0, 0.8
# Seconds before a child that ended is started again.
RESTART_BACKOFF = BackoffPolicy(first=0.5, cap=30.0)
# A child that ran this long is healthy, and its next failure counts as the first.
HEALTHY_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 1.0
# glibc's malloc.h
_M_ARENA_MAX = -8
# By default nearly every thread has an arena of its own, and web and worker take some 15 MB more each.
# Python's own allocator serves most requests, so that threads hardly ever wait for one of two.
_ARENAS = 2
_TRIM_SECONDS = 60.0
# The variable of sd_notify(3), and the seconds that it may take.
_NOTIFY_SOCKET, _NOTIFY_SECONDS = "NOTIFY_SOCKET", 1.0


@dataclass
class Child:
    """One program that is kept running."""

    name: str
    command: Sequence[str]
    # Whether this program notifies the service manager when the system is ready.
    notifies: bool = False
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
            unset = () if self.notifies else (_NOTIFY_SOCKET,)
            environment = {name: value for name, value in os.environ.items() if name not in unset}
            self.started = clock
            try:
                self.process = subprocess.Popen(self.command, env=environment)  # noqa: S603  (our own modules)
            except OSError as error:
                # Such as no memory for it; the other programs go on.
                self._set_delay(clock)
                log.warning("action=child_not_started name=%s error=%s", self.name, error.strerror)
                return
            log.info("action=child_started name=%s pid=%d", self.name, self.process.pid)

    def _set_delay(self, clock: float) -> None:
        self.failures = 1 if clock - self.started > HEALTHY_SECONDS else self.failures + 1
        self.not_before = clock + RESTART_BACKOFF.delay(self.failures)
        self.process = None

    def _on_end(self, clock: float, status: int) -> None:
        self._set_delay(clock)
        log.warning(
            "action=child_ended name=%s status=%d restart_in=%.1f", self.name, status, self.not_before - clock
        )


def supervise(programs: Mapping[str, Sequence[str]], stop: threading.Event, ready_program: str = "") -> None:
    """Keep the programs running until `stop` is set, then terminate them.

    `ready_program`: the program with which all are ready, for a service manager that waits for that.
    """
    children = [Child(name, command, notifies=name == ready_program) for name, command in programs.items()]
    try:
        while not stop.is_set():
            for child in children:
                child.check(time.monotonic())
            stop.wait(0.2)
    finally:
        notify_systemd("STOPPING=1")
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
    """Let SIGTERM and SIGINT set `stop`. The main thread waits for it by `wait_for_stop`."""

    def handle(*_: object) -> None:
        # In a thread: this one may hold the lock of the event, which it would then wait for itself.
        _thread.start_new_thread(stop.set, ())

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def wait_for_stop(stop: threading.Event, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Wait in the main thread, and look again every second: Python handles a signal between two steps of this
    thread, and one that comes just before it sleeps would not wake it. `meanwhile` is called each time."""
    while not stop.wait(_LOOK_AGAIN_SECONDS):
        meanwhile()


@contextmanager
def end_in_time(stop: threading.Event) -> Iterator[None]:
    """End this process, a worker, _STOP_SECONDS after `stop` where jobs still run: each may be killed at any
    point.

    What its threads do then is written to standard error, unless nobody reads that: a job may be waiting for
    just that, and everything that writes waits with it.
    """
    ended = threading.Event()

    def end() -> None:
        stop.wait()
        if not ended.wait(_STOP_SECONDS + _LAST_WORDS_SECONDS):
            os._exit(1)

    def watch() -> None:
        stop.wait()
        notify_systemd("STOPPING=1")
        if not ended.wait(_STOP_SECONDS):
            log.warning("action=worker_killed")
            faulthandler.dump_traceback(sys.__stderr__ or 2)
            os._exit(1)

    for function in (watch, end):
        threading.Thread(target=function, name=f"stop-{function.__name__}", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def notify_systemd(state: str) -> None:
    """Send a state such as "READY=1" to the service manager, if one waits for it (sd_notify(3))."""
    address = os.environ.get(_NOTIFY_SOCKET, "")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            # A manager that reads nothing holds up no start and no stop.
            client.settimeout(_NOTIFY_SECONDS)
            # A leading @ stands for the null byte of an abstract address.
            client.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)
    except OSError as error:
        log.warning("action=service_manager_not_notified error=%s", error.strerror or type(error).__name__)


def mailer_command(*arguments: str) -> list[str]:
    """The command line that runs another `mailer` with the same interpreter."""
    return [sys.executable, "-m", "mailer", *arguments]


def limit_own_malloc_arenas() -> None:
    """Let all threads share a few arenas. Call it before threads are started; no effect without glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)


def trim_memory() -> None:
    """Return free memory to the system, some milliseconds' work; no effect without glibc."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


def start_trimming() -> None:
    """Trim once a minute, in a thread that ends with the process."""

    def repeat() -> None:
        while True:
            time.sleep(_TRIM_SECONDS)
            trim_memory()

    threading.Thread(target=repeat, name="trim-memory", daemon=True).start()
