"""The embedded worker: APScheduler in one process, running the jobs of every package."""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from django.conf import settings
from django.db import close_old_connections, connections
from django.utils import timezone

from mailer.delivery.smtp import dkim
from mailer.job_index import JOBS, Job
from mailer.worker.supervisor import limit_arenas, notify_systemd, start_trimming

log = logging.getLogger(__name__)


class WorkerAlreadyRunning(Exception):  # noqa: N818
    """Another worker holds this machine's lock."""


def run(
    stop: threading.Event, now: Callable[[], datetime] = timezone.now, jobs: Sequence[Job] = JOBS
) -> None:
    """Run every job until `stop` is set, then let the running ones finish.

    Raises WorkerAlreadyRunning when another worker uses the same storage folder, and ConfigError when mail
    cannot be signed with the configured key.
    """
    limit_arenas()
    dkim.configured()
    with worker_lock(settings.CONFIG.path(settings.CONFIG.storage.path)):
        # No job waits for another. Each runs once at a time, and a missed run is made up for at once.
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(jobs))},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
            timezone="UTC",
        )
        for job in jobs:
            scheduler.add_job(
                runner_of(job, now, stop), "interval", seconds=job.every, id=job.name, next_run_time=now()
            )
        scheduler.start()
        start_trimming()
        log.info("action=worker_started jobs=%d", len(jobs))
        notify_systemd("READY=1")
        stop.wait()
        notify_systemd("STOPPING=1")
        scheduler.shutdown(wait=True)
        log.info("action=worker_stopped")


def runner_of(job: Job, now: Callable[[], datetime], stop: threading.Event) -> Callable[[], None]:
    """The job as the scheduler calls it: a failure is logged, and the next run takes place as planned."""

    def run_once() -> None:
        close_old_connections()
        try:
            job.run(now, stop.is_set)
        except Exception:
            log.exception("action=job_failed job=%s", job.name)
        finally:
            connections.close_all()

    return run_once


@contextmanager
def worker_lock(storage: Path) -> Iterator[None]:
    """Hold the machine's worker lock; the kernel releases it whenever and however the process ends.

    Raises WorkerAlreadyRunning.
    """
    storage.mkdir(parents=True, exist_ok=True)
    with (storage / "worker.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise WorkerAlreadyRunning(f"a worker already runs with {storage}; stop it first.") from error
        yield
