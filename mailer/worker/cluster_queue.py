"""The queue of the cluster engine: who puts a job into it, and what becomes of jobs whose worker died.

A job is due once in every period, of `job.every` seconds or more, by the database's clock. Procrastinate's
table of periodic deferrals has one row for a job and a period, so that only the first worker that notices
defers it; and a job that still waits is not queued a second time. Changes of tables queue jobs as well
(job_queueing_triggers.py).
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from zlib import crc32

from procrastinate import App, exceptions, manager
from procrastinate.jobs import Job as QueuedJob
from procrastinate.jobs import Status
from procrastinate.worker import Worker

from mailer.job_index import JOBS, Job
from mailer.worker.job_queueing_triggers import CHANGES

log = logging.getLogger(__name__)

# Seconds without a heartbeat after which a worker counts as dead, and heartbeats in that time.
STALLED_SECONDS, HEARTBEATS = 30.0, 3
# Hours that jobs are kept which failed or were aborted; those that succeeded are deleted at once.
_KEEP_HOURS = 72
_CLEAN_SECONDS = 3600.0

# Jobs that changes of tables queue at once need a regular run only for what falls due by the clock, such as
# retries; in seconds. Mailings start on time.
_PERIOD_WITH_TRIGGERS = 10
_PERIODS = {job.name: max(job.every, _PERIOD_WITH_TRIGGERS) for job in JOBS if job.name in CHANGES} | {
    "start mailings": 2
}
# A period that has not begun was written before the database's clock was set back.
_STATE = """
SELECT floor(extract(epoch FROM clock_timestamp()))::bigint AS now,
    (SELECT json_object_agg(task_name, slot) FROM (
        SELECT task_name, max(defer_timestamp) AS slot FROM procrastinate_periodic_defers
        WHERE defer_timestamp <= extract(epoch FROM clock_timestamp()) GROUP BY task_name
    ) AS deferred) AS deferred,
    (SELECT json_agg(task_name) FROM procrastinate_jobs WHERE status = 'todo') AS waiting
"""
# Only while the row is this worker's: it may have been found dead, and the job retried by another.
_FINISH = """
SELECT procrastinate_finish_job_v1(id, %(status)s, %(delete_job)s) FROM procrastinate_jobs
WHERE id = %(job_id)s AND worker_id = %(worker_id)s AND status = 'doing'
"""

_REGISTERED = "SELECT EXISTS (SELECT FROM procrastinate_workers WHERE id = %(worker_id)s) AS registered"


class JobManager(manager.JobManager):
    """As Procrastinate's, for workers that may lose a job to another while they are frozen or cut off."""

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> QueuedJob | None:
        try:
            return await super().fetch_job(queues, worker_id)
        except exceptions.UniqueViolation:
            # Another worker took a job with the same lock in this moment.
            return None

    async def finish_job(self, job: QueuedJob, status: Status, delete_job: bool) -> None:
        await self.connector.execute_query_async(
            _FINISH, job_id=job.id, worker_id=job.worker_id, status=status.value, delete_job=delete_job
        )


class Deferrer:
    """Puts the jobs that are due into the queue, unless another worker has done so."""

    def __init__(self, app: App, jobs: Sequence[Job]) -> None:
        self._app = app
        # In another order than other workers, so that they share the work.
        self._jobs = random.sample(jobs, len(jobs))

    async def run(self) -> None:
        """Raises ConnectorException."""
        state = await self._app.connector.execute_query_one_async(_STATE)
        deferred, waiting = state["deferred"] or {}, set(state["waiting"] or ())
        for job in self._jobs:
            slot = current_period_start(job, state["now"])
            if job.name not in waiting and deferred.get(job.name, 0) < slot:
                await self._defer(job, slot)

    async def _defer(self, job: Job, slot: int) -> None:
        queued = QueuedJob(
            id=None,
            queue=job.queue,
            task_name=job.name,
            lock=job.name,
            queueing_lock=job.name,
            task_kwargs={"timestamp": slot},
        )
        try:
            await self._app.job_manager.defer_periodic_job(queued, periodic_id="", defer_timestamp=slot)
        except exceptions.AlreadyEnqueued:
            # By another worker in this moment.
            return


def current_period_start(job: Job, now: int) -> int:
    """The beginning of the job's period at `now`, both in seconds of the epoch.

    Periods of different jobs begin at different times, so that not all of them run at full hours.
    """
    period = _PERIODS.get(job.name, job.every)
    phase = crc32(job.name.encode()) % period
    return (now - phase) // period * period + phase


# Seconds without a heartbeat that no worker reaches.
_NEVER = 1e9


class Reaper:
    """Retries the jobs of workers that died, and deletes old ones."""

    def __init__(self, app: App, worker: Worker, running: set[int], stalled_after: float) -> None:
        """`running`: ids of jobs that run in this process, kept up to date; `stalled_after` in seconds."""
        self._app = app
        self._stalled_after = stalled_after
        self._worker = worker
        self._running = running
        # Jobs that were this worker's at the last call, and did not run in it.
        self._lost: set[int] = set()
        # time.monotonic() when old jobs are deleted next.
        self._clean_at = 0.0

    async def run(self) -> None:
        """Raises ConnectorException."""
        if await self._given_up():
            log.warning("action=worker_given_up")
            self._worker.stop()  # type: ignore[no-untyped-call]
            return
        jobs = self._app.job_manager
        await jobs.prune_stalled_workers(self._stalled_after)
        for job in [
            # Only of workers that were just pruned: one that is frozen until between both statements would
            # keep its job and never notice that another one has it too.
            *await jobs.get_stalled_jobs(seconds_since_heartbeat=_NEVER),
            *await self._own(),
        ]:
            await self._retry(job)
        if time.monotonic() >= self._clean_at:
            self._clean_at = time.monotonic() + _CLEAN_SECONDS
            await jobs.delete_old_jobs(
                _KEEP_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
            )

    async def _given_up(self) -> bool:
        """Whether others took this worker for dead: it was frozen or cut off, and ends its session."""
        if self._worker.worker_id is None:
            return False
        row = await self._app.connector.execute_query_one_async(_REGISTERED, worker_id=self._worker.worker_id)
        return not row["registered"]

    async def _own(self) -> list[QueuedJob]:
        """Jobs that this worker holds and does not run: the database was lost when it took or ended them."""
        if self._worker.worker_id is None:
            return []
        held = await self._app.job_manager.list_jobs_async(
            status=Status.DOING.value, worker_id=self._worker.worker_id
        )
        idle = {job.id: job for job in held if job.id is not None and job.id not in self._running}
        lost, self._lost = self._lost & set(idle), set(idle)
        return [idle[one] for one in lost]

    async def _retry(self, job: QueuedJob) -> None:
        log.warning("action=stalled_job_retried job=%s", job.task_name)
        try:
            await self._app.job_manager.retry_job(job, retry_at=datetime.now(UTC))
        except exceptions.UniqueViolation:
            # It is queued again already, and each run does all that is due.
            assert job.id is not None
            await self._app.job_manager.finish_job_by_id_async(job.id, Status.ABORTED, delete_job=True)
