"""How both workers run a job."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from types import CodeType
from typing import NamedTuple

from django.db import close_old_connections, connections

from mailer.config import log_context
from mailer.job_index import Job
from mailer.monitoring.job_runs import RECORDER
from mailer.telemetry import span
from mailer.worker.kept_connections import KeptConnections

log = logging.getLogger(__name__)

# A job that goes on failing in the same way is logged in one line for so many seconds: without the database,
# all jobs together would write gigabytes a day, perhaps to the disk that is full.
_BRIEF_SECONDS = 600.0


class _Failure(NamedTuple):
    """How a job failed, and when that was last logged in full, in seconds of time.monotonic()."""

    error: type[BaseException]
    code: CodeType | None
    line: int
    logged_at: float


# By job; those that succeeded last are not in it.
_failures: dict[str, _Failure] = {}


def run_and_log_failure(
    job: Job, now: Callable[[], datetime], stop: Callable[[], bool], kept: KeptConnections | None = None
) -> bool:
    """Run the job in this thread; False if it failed. That is logged, and its next run is as planned.

    Its connection to the database is one of `kept`, and goes there; without that, it is closed.
    """
    with log_context.job_run(job.name):
        if kept is not None:
            kept.lend()
        close_old_connections()
        try:
            with RECORDER.recording(job.name, now), span(f"job {job.name}"):
                job.run(now, stop)
            if kept is not None:
                kept.take_back()
        except Exception as error:  # noqa: BLE001  (logged)
            _log_failure(job, error)
            return False
        finally:
            connections.close_all()
    _failures.pop(job.name, None)
    return True


def _log_failure(job: Job, error: Exception) -> None:
    """Log the error that a job raised; in one line where its last run raised the same one."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    before = _failures.get(job.name)
    found = _Failure(
        type(error), trace and trace.tb_frame.f_code, trace.tb_lineno if trace else 0, time.monotonic()
    )
    if before is not None and before[:3] == found[:3] and found.logged_at < before.logged_at + _BRIEF_SECONDS:
        log.error("action=job_failed job=%s again=%s", job.name, type(error).__name__)
        return
    _failures[job.name] = found
    log.error("action=job_failed job=%s", job.name, exc_info=error)
