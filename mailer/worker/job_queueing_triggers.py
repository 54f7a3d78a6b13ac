"""Triggers that queue a job in the transaction of the change that gives it work, with the cluster engine.

So the job runs as soon as the change is committed, and not at all where it is rolled back; and every way to
write a row counts, also statements on many rows. The job has no queueing lock: transactions that queue the
same job would wait for each other. A job that waits already is not queued again. It may run just before the
change is committed and miss it; then the job's next regular run finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from mailer.job_index import JOBS


class Change(NamedTuple):
    """A change of a table that gives a job work to do."""

    table: str
    # INSERT or UPDATE.
    event: str
    # An SQL condition over NEW and OLD; empty: every statement that does this.
    condition: str = ""


def to_state(table: str, *states: str) -> Change:
    """Rows of the table change to one of these states."""
    listed = ", ".join(f"'{state}'" for state in states)
    return Change(table, "UPDATE", f"NEW.state IN ({listed}) AND OLD.state IS DISTINCT FROM NEW.state")


# What queues a job, by its name. Other jobs, and what falls due by the clock, wait for the next regular run.
CHANGES: Mapping[str, tuple[Change, ...]] = {
    "password resets": (Change("mailer_passwordresetrequest", "INSERT"),),
    "start mailings": (to_state("mailer_snapshot", "scheduled"), Change("mailer_mailing", "INSERT")),
    "outbox": (Change("mailer_outboxmessage", "INSERT"),),
    "alerts": (Change("mailer_alertpost", "INSERT"),),
    "webhooks": (Change("mailer_webhookpayload", "INSERT"),),
    "outgoing webhooks": (
        Change("mailer_webhookmessage", "INSERT"),
        to_state("mailer_webhookmessage", "waiting"),
        Change("mailer_webhookendpoint", "UPDATE", "NEW.active AND NOT OLD.active"),
    ),
    "imports": (to_state("subscribers_importjob", "reading", "applying", "undoing"),),
    "bulk changes": (Change("subscribers_bulkjob", "INSERT"), to_state("subscribers_bulkjob", "undoing")),
    "reconfirmations": (Change("subscribers_reconfirmationcampaign", "INSERT"),),
}
_PREFIX = "mailer_defer_"
_FUNCTION = """
CREATE OR REPLACE FUNCTION mailer_defer_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO procrastinate_jobs (task_name, queue_name, lock)
    SELECT TG_ARGV[0], TG_ARGV[1], TG_ARGV[0]
    WHERE NOT EXISTS (SELECT FROM procrastinate_jobs WHERE task_name = TG_ARGV[0] AND status = 'todo');
    RETURN NULL;
END $$
"""
_EXISTING = "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'mailer\\_defer\\_%'"


def create_or_drop_queueing_triggers(using: str) -> None:
    """Create the triggers in this database with the cluster engine, and drop them with the embedded one."""
    connection = connections[using]
    wanted = trigger_statements() if settings.CONFIG.worker.engine == "cluster" else {}
    existing = _existing(connection)
    with connection.cursor() as cursor:
        for name, table in existing.items():
            if name not in wanted:
                cursor.execute(f"DROP TRIGGER {name} ON {table}")
        if wanted:
            cursor.execute(_FUNCTION)
        for name, statement in wanted.items():
            if name not in existing:
                cursor.execute(statement)


def _existing(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """The names of the triggers in the database, and their tables."""
    with connection.cursor() as cursor:
        cursor.execute(_EXISTING)
        return dict(cursor.fetchall())


def trigger_statements() -> dict[str, str]:
    """The SQL that creates each trigger, by its name, which changes with its definition."""
    queues = {job.name: job.queue for job in JOBS}
    found = {}
    for job, changes in CHANGES.items():
        for change in changes:
            definition = _definition(job, queues[job], change)
            name = _PREFIX + sha256(definition.encode()).hexdigest()[:16]
            found[name] = f"CREATE TRIGGER {name} {definition}"
    return found


def _definition(job: str, queue: str, change: Change) -> str:
    each = f"ROW WHEN ({change.condition})" if change.condition else "STATEMENT"
    return (
        f"AFTER {change.event} ON {change.table} FOR EACH {each} "
        f"EXECUTE FUNCTION mailer_defer_job('{job}', '{queue}')"
    )
