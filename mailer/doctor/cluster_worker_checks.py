"""The check of the cluster engine: its tables, its workers, and queues without a worker."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from mailer.doctor.check_types import CheckResult

# Seconds without a heartbeat after which a worker is not counted; it sends one every ten.
_SILENT_SECONDS = 30
# Seconds that a job may wait that no other run of it holds up.
_WAIT_SECONDS = 60
_WORKERS = (
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - %s * interval '1 second'"
)
_WAITING = """
SELECT job.queue_name, extract(epoch FROM now() - min(event.at))::bigint AS seconds
FROM procrastinate_jobs job
JOIN procrastinate_events event ON event.job_id = job.id AND event.type = 'deferred'
WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at < now())
    AND NOT EXISTS (SELECT FROM procrastinate_jobs running
        WHERE running.status = 'doing' AND running.lock = job.lock)
GROUP BY job.queue_name HAVING min(event.at) < now() - %s * interval '1 second'
ORDER BY job.queue_name
"""
# A job that fails is logged by its worker; here fails what a worker does not know. In the last hour.
_UNKNOWN = """
SELECT DISTINCT job.task_name
FROM procrastinate_jobs job
JOIN procrastinate_events event ON event.job_id = job.id AND event.type = 'failed'
WHERE job.status = 'failed' AND event.at > now() - interval '1 hour'
ORDER BY job.task_name
"""


def check_workers_running() -> Iterator[CheckResult]:
    """Whether workers run anywhere, and whether together they do everything."""
    result = partial(CheckResult, "worker", "")
    if _lacks_tables():
        message = "The database lacks tables of this version's job queue, so no worker runs."
        yield result("problem", message, "To update the database, run: mailer migrate")
        return
    with connection.cursor() as cursor:
        cursor.execute(_WORKERS, [_SILENT_SECONDS])
        (alive,) = cursor.fetchone()
        cursor.execute(_WAITING, [_WAIT_SECONDS])
        waiting = cursor.fetchall()
        cursor.execute(_UNKNOWN)
        unknown = [name for (name,) in cursor.fetchall()]
    if not alive:
        message = "No worker of the cluster is alive: no edition is assembled or sent."
        yield result("problem", message, "Start a worker on any machine: mailer worker")
        return
    for queue, seconds in waiting:
        message = f"Jobs in the queue “{queue}” have waited for {seconds} seconds."
        yield result("problem", message, f"Start a worker for this queue: mailer worker --queues {queue}")
    if unknown:
        message = f"A worker of another version did not know these jobs: {', '.join(unknown)}."
        yield result("warning", message, "Run the same version of mailer on every machine.")
    if not waiting:
        yield result(
            "ok",
            "1 of the cluster's workers is running."
            if alive == 1
            else f"{alive} of the cluster's workers are running.",
        )


def _lacks_tables() -> bool:
    """Whether migrations of Procrastinate, or the triggers that queue jobs, are missing."""
    executor = MigrationExecutor(connection)
    targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "procrastinate"]
    if executor.migration_plan(targets):
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regproc('mailer_defer_job')")
        return cursor.fetchone()[0] is None
