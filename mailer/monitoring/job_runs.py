"""Records runs of jobs, and that a worker lives: in memory first, and every few seconds in the database.

A write for each run would keep a small machine's disk busy. What a killed worker had not written is lost.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import Error, connection, connections, transaction

from mailer.delivery.ledger.sql_helpers import to_db_datetime
from mailer.monitoring.models import WorkerProcess

log = logging.getLogger(__name__)

# Seconds between two writes, which are also a worker's signs of life.
WRITE_SECONDS = 15.0
# A worker without a sign of life for so long is dead, frozen, or cut off from the database.
ALIVE_WITHIN = timedelta(seconds=4 * WRITE_SECONDS)
# How long the last write may take.
_END_SECONDS = 5.0
_FORGOTTEN_AFTER = timedelta(days=1)
_ADD = """
INSERT INTO mailer_jobstats (job, runs, failures, seconds, succeeded_at, failed_at)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (job) DO UPDATE SET
    runs = mailer_jobstats.runs + excluded.runs,
    failures = mailer_jobstats.failures + excluded.failures,
    seconds = mailer_jobstats.seconds + excluded.seconds,
    succeeded_at = COALESCE(excluded.succeeded_at, mailer_jobstats.succeeded_at),
    failed_at = COALESCE(excluded.failed_at, mailer_jobstats.failed_at)
"""


@dataclass
class _Runs:
    runs: int = 0
    failures: int = 0
    seconds: float = 0.0
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None


class JobRecorder:
    """The runs that are not in the database yet. Thread-safe."""

    def __init__(self) -> None:
        self._runs: dict[str, _Runs] = {}
        self._lock = threading.Lock()

    @contextmanager
    def recording(self, job: str, now: Callable[[], datetime]) -> Iterator[None]:
        """Record what happens inside as a run of the job; one that raises an exception has failed."""
        started, failed = time.monotonic(), True
        try:
            yield
            failed = False
        finally:
            self._add(job, time.monotonic() - started, failed, now())

    def write(self) -> None:
        """Add the recorded runs to JobStats. If that fails they stay recorded; raises Error."""
        with self._lock:
            recorded, self._runs = self._runs, {}
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                # In a fixed order, so that two workers never deadlock.
                cursor.executemany(_ADD, [_row(job, runs) for job, runs in sorted(recorded.items())])
        except Error:
            with self._lock:
                for job, runs in recorded.items():
                    later = self._runs.setdefault(job, _Runs())
                    later.runs += runs.runs
                    later.failures += runs.failures
                    later.seconds += runs.seconds
                    later.succeeded_at = later.succeeded_at or runs.succeeded_at
                    later.failed_at = later.failed_at or runs.failed_at
            raise

    def _add(self, job: str, seconds: float, failed: bool, at: datetime) -> None:
        with self._lock:
            runs = self._runs.setdefault(job, _Runs())
            runs.runs += 1
            runs.seconds += seconds
            if failed:
                runs.failures += 1
                runs.failed_at = at
            else:
                runs.succeeded_at = at


def _row(job: str, runs: _Runs) -> tuple[Any, ...]:
    times = (to_db_datetime(runs.succeeded_at), to_db_datetime(runs.failed_at))
    return (job, runs.runs, runs.failures, runs.seconds, *times)


# Of this process.
RECORDER = JobRecorder()


@contextmanager
def write_runs_and_heartbeats(
    engine: str,
    now: Callable[[], datetime],
    recorder: JobRecorder = RECORDER,
    seconds: float = WRITE_SECONDS,
) -> Iterator[None]:
    """While inside, write the runs and this worker's sign of life every few seconds, in a thread."""
    machine = socket.gethostname()[:80]
    name = f"{machine[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
    started_at, ended = now(), threading.Event()

    def sign() -> None:
        recorder.write()
        columns = {"machine": machine, "engine": engine, "started_at": started_at, "seen_at": now()}
        WorkerProcess.objects.update_or_create(name=name, defaults=columns)
        WorkerProcess.objects.filter(seen_at__lt=now() - _FORGOTTEN_AFTER).delete()

    def end() -> None:
        recorder.write()
        WorkerProcess.objects.filter(name=name).delete()

    def repeat() -> None:
        while True:
            _try(sign)
            if ended.wait(seconds):
                _try(end)
                return

    thread = threading.Thread(target=repeat, name="worker-signs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        # The database may be away, and the process must end.
        thread.join(_END_SECONDS)


def _try(write: Callable[[], None]) -> None:
    try:
        write()
    except Error as error:
        # The next write has it too.
        log.info("action=worker_sign_not_written error=%s", type(error).__name__)
    finally:
        connections.close_all()
