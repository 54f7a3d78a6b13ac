"""How both workers run a job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import close_old_connections, connections

from mailer.config import log_context
from mailer.job_index import Job
from mailer.monitoring.job_runs import RECORDER
from mailer.telemetry import span
from mailer.worker.kept_connections import KeptConnections

log = logging.getLogger(__name__)


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
        except Exception:
            log.exception("action=job_failed job=%s", job.name)
            return False
        finally:
            connections.close_all()
    return True
