"""Metrics of workers and their work: queues, runs of jobs, signs of life, sources of mail and stories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily

from mailer.config.sections import QUEUES
from mailer.delivery.ledger.sql_helpers import to_db_datetime
from mailer.delivery.models import Mailing
from mailer.feedback.models import InboundSource, WebhookHeartbeat
from mailer.instance import models as instances
from mailer.monitoring.job_runs import ALIVE_WITHIN
from mailer.monitoring.models import JobStats, WorkerProcess
from mailer.stories.models import StorySource
from subscribers.bulk import apply_and_undo_bulk_actions as bulk
from subscribers.imports import job_lifecycle as imports

# A queue that is longer counts as so long.
COUNT_LIMIT = 10_000
# Sources of one kind that are shown.
_MAX_SOURCES = 100


class _Queue(NamedTuple):
    """Rows that a job has to process; those of partial indexes repeat the condition exactly."""

    # The job's name in job_index.
    job: str
    table: str
    condition: str
    # By which the oldest is found, and what says since when it is due ("": not known).
    order: str = "id"
    due: str = ""


_QUEUES = (
    _Queue("outbox", "mailer_outboxmessage", "state = 'waiting'", "due_at", "due_at"),
    _Queue("webhooks", "mailer_webhookpayload", "due_at IS NOT NULL", "due_at", "due_at"),
    _Queue(
        "outgoing webhooks",
        "mailer_webhookmessage",
        "state = 'waiting' AND endpoint_id IN (SELECT id FROM mailer_webhookendpoint WHERE active)",
        "due_at",
        "due_at",
    ),
    _Queue("alerts", "mailer_alertpost", "due_at IS NOT NULL", "due_at", "due_at"),
    _Queue("password resets", "mailer_passwordresetrequest", "id > 0", "id", "created_at"),
    _Queue(
        "smtp rejections",
        "mailer_delivery",
        "state = 'refused' AND refusal_processed_at IS NULL",
        "id",
        "rejected_at",
    ),
    # The time of an event is when it happened, which may be days before it was reported.
    _Queue("bounce counts", "mailer_feedbackevent", "counted_at IS NULL"),
    _Queue("finalize tracking", "mailer_trackingevent", "NOT finalized", "at", "at"),
    _Queue(
        "start mailings",
        "mailer_snapshot",
        "state = 'scheduled' AND NOT EXISTS (SELECT 1 FROM mailer_mailing m "
        "WHERE m.snapshot_id = mailer_snapshot.id AND m.dry_run_to = '')",
        "send_at",
        "send_at",
    ),
)


def queue_metrics(now: datetime) -> Iterator[Metric]:
    """How much work waits for each job, and for how long the oldest has been due."""
    size = GaugeMetricFamily(
        "mailer_queue_size", f"Rows that wait for a job, at most {COUNT_LIMIT} counted.", labels=["job"]
    )
    overdue = GaugeMetricFamily(
        "mailer_queue_overdue_seconds", "For how long the oldest row of a queue has been due.", labels=["job"]
    )
    for queue in _QUEUES:
        count, due = _measure(queue)
        size.add_metric([queue.job], count)
        if queue.due:
            # A click counts only after a while.
            wait = settings.CONFIG.tracking.finalize_minutes * 60 if queue.job == "finalize tracking" else 0
            overdue.add_metric([queue.job], _seconds_since(due, now, wait))
    count, due = _deferred(now)
    size.add_metric(["send mailings"], count)
    overdue.add_metric(["send mailings"], _seconds_since(due, now))
    for job, waiting in (("imports", imports.RUNNER.due(now)), ("bulk changes", bulk.RUNNER.due(now))):
        size.add_metric([job], waiting.count())
    yield size
    yield overdue


def _measure(queue: _Queue) -> tuple[int, datetime | None]:
    """The number of rows, and since when or from when on the oldest is due."""
    table = f"FROM {queue.table} WHERE {queue.condition}"
    count = _row(f"SELECT COUNT(*) FROM (SELECT id {table} LIMIT {COUNT_LIMIT}) w")  # noqa: S608
    due = _row(f"SELECT {queue.due} {table} ORDER BY {queue.order} LIMIT 1") if queue.due else None
    return count[0], _datetime(due[0]) if due else None


def _deferred(now: datetime) -> tuple[int, datetime | None]:
    """Deferred deliveries that are due again in mailings that are being sent."""
    total, oldest = 0, []
    for mailing in Mailing.objects.filter(state=Mailing.State.SENDING).values_list("pk", flat=True):
        found = f"FROM mailer_delivery WHERE mailing_id = {int(mailing)} AND state = 'deferred'"
        (count,) = _row(
            f"SELECT COUNT(*) FROM (SELECT id {found} AND due_at <= %s LIMIT {COUNT_LIMIT}) w",  # noqa: S608
            to_db_datetime(now),
        )
        total += count
        first = _row(f"SELECT due_at {found} ORDER BY due_at LIMIT 1")
        if first and (due := _datetime(first[0])):
            oldest.append(due)
    return total, min(oldest, default=None)


def _row(query: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return cursor.fetchone()


def _datetime(value: Any) -> datetime | None:
    """A timestamp as the database's driver returns it: in SQLite, naive in UTC."""
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _seconds_since(due: datetime | None, now: datetime, wait: float = 0) -> float:
    return 0.0 if due is None else max(0.0, (now - due).total_seconds() - wait)


def job_metrics(now: datetime) -> Iterator[Metric]:
    """Runs of each job in all workers."""
    durations = SummaryMetricFamily(
        "mailer_job_duration_seconds", "Seconds that the runs of a job took.", labels=["job"]
    )
    failures = CounterMetricFamily(
        "mailer_job_failures", "Runs of a job that ended with an error.", labels=["job"]
    )
    succeeded = GaugeMetricFamily(
        "mailer_job_last_success_timestamp_seconds",
        "When a run of a job last ended without an error.",
        labels=["job"],
    )
    for row in JobStats.objects.order_by("job"):
        durations.add_metric([row.job], row.runs, row.seconds)
        failures.add_metric([row.job], row.failures)
        if row.succeeded_at:
            succeeded.add_metric([row.job], row.succeeded_at.timestamp())
    yield durations
    yield failures
    yield succeeded


def worker_process_metrics(now: datetime) -> Iterator[Metric]:
    """Workers with a recent sign of life, and when each machine gave its last."""
    alive = GaugeMetricFamily("mailer_workers", "Workers that are alive.", labels=["engine"])
    rows = WorkerProcess.objects.filter(seen_at__gt=now - ALIVE_WITHIN).order_by().values_list("engine")
    counts = {"embedded": 0, **dict(rows.annotate(Count("pk")))}
    for engine, count in sorted(counts.items()):
        alive.add_metric([engine], count)
    yield alive
    seen = GaugeMetricFamily(
        "mailer_worker_last_seen_timestamp_seconds",
        "When a worker on the machine last gave a sign of life.",
        labels=["machine"],
    )
    machines = WorkerProcess.objects.order_by().values_list("machine").annotate(Max("seen_at"))
    for machine, at in machines.order_by("machine")[:_MAX_SOURCES]:
        seen.add_metric([machine], at.timestamp())
    yield seen


def cluster_queue_metrics(now: datetime) -> Iterator[Metric]:
    """Jobs in the queues of the cluster engine, where it is configured."""
    if settings.CONFIG.worker.engine != "cluster":
        return
    jobs = GaugeMetricFamily(
        "mailer_cluster_jobs", "Runs of jobs in the cluster's queues.", labels=["queue", "status"]
    )
    with connection.cursor() as cursor:
        # Those that succeeded are deleted at once.
        cursor.execute("SELECT queue_name, status::text, COUNT(*) FROM procrastinate_jobs GROUP BY 1, 2")
        counts = {(queue, status): count for queue, status, count in cursor.fetchall()}
    for queue, status in product(QUEUES, ("todo", "doing", "failed", "aborted")):
        jobs.add_metric([queue, status], counts.get((queue, status), 0))
    yield jobs


def no_send_and_backup_metrics(now: datetime) -> Iterator[Metric]:
    """Whether anything may be sent, and when the last backup was made."""
    row = instances.load_instance()
    no_send = GaugeMetricFamily(
        "mailer_no_send", "Whether nothing is sent until staff confirm it: after a restore, or paused."
    )
    no_send.add_metric([], row is not None and row.no_send_since is not None)
    yield no_send
    backup = GaugeMetricFamily("mailer_last_backup_timestamp_seconds", "When the last backup was verified.")
    if row is not None and row.last_backup_at is not None:
        backup.add_metric([], row.last_backup_at.timestamp())
    yield backup


def mailbox_feed_and_webhook_metrics(now: datetime) -> Iterator[Metric]:
    """Whether the mailboxes and feeds can be read, and when webhooks of ESPs arrived."""
    # It loads the clients of mailboxes.
    from mailer.feedback.sources import poll

    up = GaugeMetricFamily(
        "mailer_inbound_source_up",
        "Whether returned mail can be read from a source; its id is that in the database.",
        labels=["source", "kind"],
    )
    read = GaugeMetricFamily(
        "mailer_inbound_source_last_read_timestamp_seconds",
        "When a source of returned mail was last read.",
        labels=["source", "kind"],
    )
    failed = GaugeMetricFamily(
        "mailer_inbound_source_failed_messages",
        "Messages of a source that can be neither read nor stored.",
        labels=["source", "kind"],
    )
    configured = InboundSource.objects.filter(url__in=poll.configured_urls(settings.CONFIG))
    for row in configured.order_by("pk")[:_MAX_SOURCES]:
        # The URL holds a user name.
        labels = [str(row.pk), row.url.partition(":")[0]]
        up.add_metric(labels, not row.failures)
        failed.add_metric(labels, row.failed_messages)
        if row.last_read_at:
            read.add_metric(labels, row.last_read_at.timestamp())
    yield from (up, read, failed, *_feeds(), *_webhooks())


def _feeds() -> Sequence[Metric]:
    up = GaugeMetricFamily(
        "mailer_feed_source_up",
        "Whether a feed could be read; its id is that in the desk.",
        labels=["source"],
    )
    read = GaugeMetricFamily(
        "mailer_feed_source_last_read_timestamp_seconds", "When a feed was last read.", labels=["source"]
    )
    for row in StorySource.objects.filter(active=True).order_by("pk")[:_MAX_SOURCES]:
        up.add_metric([str(row.pk)], not row.problem)
        if row.last_success_at:
            read.add_metric([str(row.pk)], row.last_success_at.timestamp())
    return up, read


def _webhooks() -> Sequence[Metric]:
    received = GaugeMetricFamily(
        "mailer_esp_webhook_last_received_timestamp_seconds",
        "When a webhook of an ESP last arrived.",
        labels=["service"],
    )
    processed = CounterMetricFamily(
        "mailer_esp_webhook_payloads",
        "Payloads of webhooks that were processed.",
        labels=["service"],
    )
    for row in WebhookHeartbeat.objects.order_by("service"):
        received.add_metric([row.service], row.last_received_at.timestamp())
        processed.add_metric([row.service], row.payload_count)
    return received, processed


SECTIONS = (
    queue_metrics,
    job_metrics,
    worker_process_metrics,
    cluster_queue_metrics,
    no_send_and_backup_metrics,
    mailbox_feed_and_webhook_metrics,
)
