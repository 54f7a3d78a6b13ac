"""The embedded engine: one worker process for the whole installation, in which APScheduler runs all jobs.

Several workers on several machines are the cluster engine's (cluster_worker).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from django.conf import settings
from django.utils import timezone

from mailer.delivery.smtp import dkim
from mailer.job_index import JOBS, Job
from mailer.monitoring.job_runs import write_runs_and_heartbeats
from mailer.worker.kept_connections import KeptConnections
from mailer.worker.machine_locks import worker_lock
from mailer.worker.run_job import run_and_log_failure
from mailer.worker.supervisor import (
    end_in_time,
    limit_own_malloc_arenas,
    notify_systemd,
    start_trimming,
    wait_for_stop,
)

log = logging.getLogger(__name__)

# A run that is planned this much further ahead than its period was planned before the clock was set back.
_TOLERANCE = timedelta(seconds=1)


def run(
    stop: threading.Event, now: Callable[[], datetime] = timezone.now, jobs: Sequence[Job] = JOBS
) -> None:
    """Run every job until `stop` is set, then let the running ones finish, as far as they do in time.

    Raises WorkerAlreadyRunning when another worker uses the same storage folder, and ConfigError when mail
    cannot be signed with the configured key.
    """
    limit_own_malloc_arenas()
    dkim.configured_signer()
    kept = KeptConnections()
    with (
        worker_lock(settings.CONFIG.path(settings.CONFIG.storage.path)),
        end_in_time(stop),
        write_runs_and_heartbeats("embedded", now),
        closing(kept),
    ):
        # No job waits for another. Each runs once at a time, and a missed run is made up for at once.
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(jobs))},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
            timezone="UTC",
        )
        for job in jobs:
            scheduler.add_job(
                scheduler_callback_of(job, now, stop, kept),
                "interval",
                seconds=job.every,
                id=job.name,
                next_run_time=now(),
            )
        scheduler.start()
        start_trimming()
        log.info("action=worker_started jobs=%d", len(jobs))
        notify_systemd("READY=1")
        wait_for_stop(stop, meanwhile=partial(plan_anew_if_clock_was_set_back, scheduler))
        scheduler.shutdown(wait=True)
        log.info("action=worker_stopped")


def plan_anew_if_clock_was_set_back(scheduler: BackgroundScheduler) -> None:
    """Run at once what is planned further ahead than its period.

    The scheduler plans by the clock. Where a machine started with a wrong one, which was corrected, it would
    do nothing until that shows the same time again.
    """
    now = datetime.now(UTC)
    for job in scheduler.get_jobs():
        if job.next_run_time - now > job.trigger.interval + _TOLERANCE:
            log.warning("action=clock_set_back job=%s", job.id)
            job.modify(next_run_time=now)


def scheduler_callback_of(
    job: Job, now: Callable[[], datetime], stop: threading.Event, kept: KeptConnections
) -> Callable[[], None]:
    """The job as the scheduler calls it."""

    def run() -> None:
        run_and_log_failure(job, now, stop.is_set, kept)

    return run
