"""The cluster engine: any number of workers on any number of machines, with Procrastinate on PostgreSQL.

No worker leads. Each defers the jobs that are due (cluster_queue.py), so that a job is queued at most once;
takes jobs of its queues, and runs them in threads; and retries those of workers whose heartbeat stopped.
Jobs that run in each worker or on each machine need no queue: every worker runs its own.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
import psycopg_pool
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.utils import timezone
from procrastinate import App, JobContext, exceptions
from procrastinate.contrib.django.utils import connector_params
from procrastinate.psycopg_connector import PsycopgConnector
from procrastinate.worker import Worker

from mailer.backoff import BackoffPolicy
from mailer.config import ConfigError
from mailer.delivery.smtp import dkim
from mailer.job_index import JOBS, Job, Runs
from mailer.monitoring.job_runs import write_runs_and_heartbeats
from mailer.worker.cluster_queue import HEARTBEATS, STALLED_SECONDS, Deferrer, JobManager, Reaper
from mailer.worker.machine_locks import WorkerAlreadyRunning, worker_lock
from mailer.worker.run_job import run_and_log_failure
from mailer.worker.supervisor import end_in_time, limit_own_malloc_arenas, notify_systemd, start_trimming

log = logging.getLogger(__name__)

# Seconds that a connection of the worker may take, and between two looks at the queue without a notification.
_CONNECT_SECONDS, _POLL_SECONDS = 5.0, 2.0
# Seconds that the jobs of a worker keep a connection to the database, and that they keep it unused.
_CONNECTION_SECONDS, _UNUSED_SECONDS = 300.0, 60.0
# Seconds before the worker connects again after it lost the database, or a job runs again that failed.
_RECONNECT = BackoffPolicy(first=0.5, cap=15.0, jitter=0.5)
# A session that lasted this long was healthy: the next failure counts as the first.
_HEALTHY_SECONDS = 30.0
# How often the event loop looks whether it must stop.
_STOP_CHECK = 0.1

Clock = Callable[[], datetime]


def run(
    stop: threading.Event,
    queues: Iterable[str] = (),
    now: Clock = timezone.now,
    jobs: Sequence[Job] = JOBS,
    dead_after: float = STALLED_SECONDS,
) -> None:
    """Run the jobs of these queues (none: of all) beside other workers until `stop` is set.

    It lasts while the database is away, and goes on when it is back. A worker counts as dead after
    `dead_after` seconds without a heartbeat. Raises ConfigError when mail cannot be signed with the
    configured key, or the tables of the queue are missing.
    """
    limit_own_malloc_arenas()
    dkim.configured_signer()
    _check_tables()
    start_trimming()
    chosen = set(queues)
    mine = [job for job in jobs if not chosen or job.queue in {*chosen, ""}]
    own = [job for job in mine if job.runs is not Runs.ONCE]
    threads = [threading.Thread(target=_repeat, args=(job, now, stop), name=f"job {job.name}") for job in own]
    log.info("action=worker_started engine=cluster queues=%s jobs=%d", ",".join(sorted(chosen)), len(mine))
    with end_in_time(stop), _shared_connections(len(jobs)), write_runs_and_heartbeats("cluster", now):
        for thread in threads:
            thread.start()
        notify_systemd("READY=1")
        try:
            queued = [job for job in jobs if job.runs is Runs.ONCE]
            asyncio.run(_Engine(stop, sorted(chosen) or None, now, queued, dead_after).run())
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    log.info("action=worker_stopped")


@contextmanager
def _shared_connections(threads: int) -> Iterator[None]:
    """Lend the connections of a pool to jobs: opening one for each run costs more than most runs.

    It opens as many as are used at a time, at most one for each of the threads and two for what else asks.
    """
    connection.close()
    database = connections.settings[DEFAULT_DB_ALIAS]
    before = database["CONN_MAX_AGE"], database["OPTIONS"]
    pool = {
        "min_size": 1,
        "max_size": threads + 2,
        "timeout": _CONNECT_SECONDS,
        # Without this it would wait minutes between two attempts after the database was away for long.
        "reconnect_timeout": _CONNECT_SECONDS,
        "max_lifetime": _CONNECTION_SECONDS,
        "max_idle": _UNUSED_SECONDS,
    }
    # Django lets a pool decide how long a connection is kept.
    database.update(CONN_MAX_AGE=0, OPTIONS={**database["OPTIONS"], "pool": pool})
    try:
        yield
    finally:
        wrapper = connections[DEFAULT_DB_ALIAS]
        assert isinstance(wrapper, DatabaseWrapper)
        wrapper.close()
        wrapper.close_pool()
        database["CONN_MAX_AGE"], database["OPTIONS"] = before


def _check_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('procrastinate_workers')")
        if cursor.fetchone()[0] is None:
            raise ConfigError(
                'The database has no queue yet; [worker] engine = "cluster" needs: mailer migrate'
            )
    connection.close()


def _repeat(job: Job, now: Clock, stop: threading.Event) -> None:
    """Run a job of this worker's own every `job.every` seconds, and less often while it fails."""
    failures = 0
    while not stop.is_set():
        try:
            with _turn_of(job) as ours:
                done = not ours or run_and_log_failure(job, now, stop.is_set)
        except Exception:
            # Such as a lock in a folder that cannot be written. No other thread runs the job.
            log.exception("action=job_not_run job=%s", job.name)
            done = False
        failures = 0 if done else failures + 1
        stop.wait(job.every + (_RECONNECT.delay(failures) if failures else 0))


@contextmanager
def _turn_of(job: Job) -> Iterator[bool]:
    """Whether this worker may run the job: one that runs once on each machine may run in another worker."""
    if job.runs is not Runs.EACH_MACHINE:
        yield True
        return
    config = settings.CONFIG
    lock = worker_lock(config.path(config.storage.path), f"{job.name.replace(' ', '-')}.lock")
    try:
        lock.__enter__()
    except WorkerAlreadyRunning:
        yield False
        return
    try:
        yield True
    finally:
        lock.__exit__(None, None, None)


class _Engine:
    """Takes jobs from the queues, session after session: each lasts as long as its database connections."""

    def __init__(
        self,
        stop: threading.Event,
        queues: list[str] | None,
        now: Clock,
        jobs: Sequence[Job],
        stalled_after: float,
    ) -> None:
        self._stop = stop
        self._queues = queues
        self._now = now
        self._jobs = jobs
        self._stalled_after = stalled_after
        self._heartbeat = stalled_after / HEARTBEATS
        # Ids of the rows of the jobs that run in this process.
        self._running: set[int] = set()

    async def run(self) -> None:
        threads = ThreadPoolExecutor(len(self._jobs) + 1, thread_name_prefix="job")
        asyncio.get_running_loop().set_default_executor(threads)
        failures = 0
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                await self._session()
            except (exceptions.ConnectorException, psycopg.Error, OSError) as error:
                log.warning("action=worker_lost_database error=%s", type(error.__cause__ or error).__name__)
            failures = 1 if time.monotonic() - started > _HEALTHY_SECONDS else failures + 1
            await self._sleep(_RECONNECT.delay(failures))

    async def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stop.is_set() and time.monotonic() < until:
            await asyncio.sleep(_STOP_CHECK)

    async def _session(self) -> None:
        """Work until the worker must stop, or the database is lost (ConnectorException, psycopg.Error)."""
        pool = psycopg_pool.AsyncConnectionPool(
            kwargs=connector_params(),
            min_size=1,
            max_size=4,
            open=False,
            timeout=_CONNECT_SECONDS,
            check=psycopg_pool.AsyncConnectionPool.check_connection,
        )
        try:
            await pool.open(wait=True, timeout=_CONNECT_SECONDS)
            app = self._app()
            await app.open_async(pool)
            await self._work(app)
        finally:
            await pool.close(timeout=_CONNECT_SECONDS)

    def _app(self) -> App:
        app = App(connector=PsycopgConnector())
        app.job_manager = JobManager(app.connector)
        for job in self._jobs:
            app.task(name=job.name, queue=job.queue, pass_context=True)(self._task(job))
        return app

    def _task(self, job: Job) -> Callable[..., None]:
        def task(context: JobContext, timestamp: int = 0) -> None:
            run_and_log_failure(job, self._now, lambda: self._stop.is_set() or context.should_abort())

        return task

    async def _work(self, app: App) -> None:
        worker = Worker(
            app=app,
            queues=self._queues,
            # As many as there can be at a time, so that none waits for another.
            concurrency=len(self._jobs),
            fetch_job_polling_interval=_POLL_SECONDS,
            update_heartbeat_interval=self._heartbeat,
            stalled_worker_timeout=self._stalled_after,
            # Running jobs are asked at once to end, and waited for.
            shutdown_graceful_timeout=0,
            delete_jobs="successful",
            install_signal_handlers=False,
            worker_middleware=[self._track],
        )
        reaper = Reaper(app, worker, self._running, self._stalled_after)
        working = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]
        beside = [
            asyncio.create_task(self._every(1.0, Deferrer(app, self._jobs).run)),
            asyncio.create_task(self._every(self._heartbeat, reaper.run)),
            asyncio.create_task(self._stop_on_request(worker)),
        ]
        try:
            await working
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _track(self, call_next: Callable[[], Any], context: JobContext, worker: Worker) -> Any:
        """Know which jobs run."""
        assert context.job.id is not None
        self._running.add(context.job.id)
        try:
            return await call_next()
        finally:
            self._running.discard(context.job.id)

    async def _stop_on_request(self, worker: Worker) -> None:
        while not self._stop.is_set():
            await asyncio.sleep(_STOP_CHECK)
        worker.stop()  # type: ignore[no-untyped-call]

    @staticmethod
    async def _every(seconds: float, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Call `step` again and again."""
        while True:
            try:
                await step()
            except exceptions.ConnectorException as error:
                # Where the database is lost, the worker notices as well, and the session ends.
                log.info("action=queue_not_reached error=%s", type(error.__cause__ or error).__name__)
            except Exception:
                log.exception("action=queue_step_failed")
            # At other times than other workers: at the same time, each would defer the same jobs.
            await asyncio.sleep(seconds * random.uniform(0.75, 1.25))  # noqa: S311  (no secret)
