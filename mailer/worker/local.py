"""The embedded worker: APScheduler's clock in one process, over the jobs of every stage."""

from __future__ import annotations

import fcntl
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from django.conf import settings
from django.db import close_old_connections, connections
from django.utils import timezone

from mailer.delivery.smtp import dkim
from mailer.jobs import JOBS, Job

log = logging.getLogger(__name__)


class WorkerRuns(Exception):  # noqa: N818
    """Another worker holds this machine's lock."""


def run(stop: threading.Event, now: Callable[[], datetime] = timezone.now) -> None:
    """Run every job until `stop` is set; what is being sent is brought to a clean end first.

    Raises WorkerRuns when another worker works from the same storage folder, and ConfigError when what is
    configured cannot sign our mail.
    """
    dkim.configured()
    with only_worker(settings.CONFIG.path(settings.CONFIG.storage.path)):
        # No job waits for another; each runs once at a time, and a missed look is made up for at once.
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(JOBS))},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
            timezone="UTC",
        )
        for job in JOBS:
            scheduler.add_job(
                guarded(job, now, stop), "interval", seconds=job.every, id=job.name, next_run_time=now()
            )
        scheduler.start()
        log.info("action=worker_started jobs=%d", len(JOBS))
        stop.wait()
        scheduler.shutdown(wait=True)
        log.info("action=worker_stopped")


def guarded(job: Job, now: Callable[[], datetime], stop: threading.Event) -> Callable[[], None]:
    """The job as the scheduler calls it: a failure is logged and the next look is taken as planned."""

    def look() -> None:
        close_old_connections()
        try:
            job.run(now, stop.is_set)
        except Exception:
            log.exception("action=job_failed job=%s", job.name)
        finally:
            connections.close_all()

    return look


def stop_on_signals(stop: threading.Event) -> None:
    """SIGTERM and SIGINT ask the worker to finish."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


@contextmanager
def only_worker(storage: Path) -> Iterator[None]:
    """Hold the machine's worker lock; the kernel releases it when the process dies, however it dies."""
    storage.mkdir(parents=True, exist_ok=True)
    with (storage / "worker.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise WorkerRuns(f"a worker already runs from {storage}; stop it first.") from error
        yield
