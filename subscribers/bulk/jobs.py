"""The life of a bulk job: created by staff, done in batches by the worker, and undone within thirty days.

A job that fails waits until staff resume or undo it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Max, QuerySet

from subscribers.bulk import actions
from subscribers.bulk.models import BulkChange, BulkJob
from subscribers.jobs import UNDO_FOR, JobRunner, Stop, UndoStates
from subscribers.models import ReconfirmationRequest, Subscriber
from subscribers.search.search import Query, matching

State = BulkJob.State


@dataclass(frozen=True)
class BulkRequest:
    """What to do with which subscribers."""

    # A BulkJob.Action.
    action: str
    # Primary keys of subscribers; if none, those who match the query.
    ids: tuple[int, ...] = ()
    query: Query = field(default_factory=Query)
    # Or those who did not answer this reconfirmation campaign.
    campaign: int | None = None
    # Primary key of the tag or the list, and its name.
    target: int | None = None
    target_name: str = ""
    # Why; where subscribers are added to a list, how they gave their consent.
    reason: str = ""


class BulkRunner(JobRunner[BulkJob]):
    """Does and undoes bulk jobs."""

    model = BulkJob
    retry_after = None
    undo = UndoStates(State.RUNNING, State.DONE, State.UNDOING)

    def __init__(self, batch_size: int = 1_000) -> None:
        """`batch_size`: in subscribers, or changes to be undone."""
        self.batch_size = batch_size

    def batch(self, job: BulkJob, now: datetime) -> BulkJob:
        return self._apply(job) if job.state == State.RUNNING else self._undo(job, now)

    def _apply(self, job: BulkJob) -> BulkJob:
        people = list(remaining_subscribers(job).order_by("pk")[: self.batch_size])
        changes = [] if actions.target_deleted(job) else actions.apply(job, people)
        BulkChange.objects.bulk_create(changes, batch_size=1_000)
        job.changed += len(changes)
        job.skipped += len(people) - len(changes)
        if len(people) < self.batch_size:
            job.state = State.DONE
        else:
            job.position = people[-1].pk
        return job

    def _undo(self, job: BulkJob, now: datetime) -> BulkJob:
        changes = list(job.changes.filter(pk__gt=job.position).order_by("pk")[: self.batch_size])
        reverted = 0 if actions.target_deleted(job) else actions.undo(job, changes, now)
        job.reverted += reverted
        job.kept += len(changes) - reverted
        if len(changes) < self.batch_size:
            job.state = State.UNDONE
        else:
            job.position = changes[-1].pk
        return job


RUNNER = BulkRunner()


def create(request: BulkRequest, by: str, now: datetime) -> BulkJob:
    """A job for the subscribers who exist now; the worker does it. Raises ValueError with a message."""
    if request.action in (BulkJob.Action.ADD, BulkJob.Action.SUPPRESS) and not request.reason.strip():
        raise ValueError("Say why; where subscribers are added to a list, say how they gave their consent.")
    if request.action != BulkJob.Action.SUPPRESS and request.target is None:
        raise ValueError("Choose a tag or a list.")
    selection: dict[str, Any] = {"ids": sorted(request.ids)} if request.ids else asdict(request.query)
    if request.campaign is not None:
        selection = {"campaign": request.campaign}
    return BulkJob.objects.create(
        action=request.action,
        target=request.target,
        target_name=request.target_name[:200],
        reason=request.reason.strip()[:500],
        selection=selection,
        last_subscriber=Subscriber.objects.aggregate(last=Max("pk"))["last"] or 0,
        created_by=by,
        created_at=now,
    )


def selected_subscribers(job: BulkJob) -> QuerySet[Subscriber]:
    """The subscribers that the job is about."""
    if "ids" in job.selection:
        return Subscriber.objects.filter(pk__in=job.selection["ids"])
    if "campaign" in job.selection:
        silent = ReconfirmationRequest.objects.filter(
            campaign=job.selection["campaign"], confirmed_at__isnull=True
        )
        return Subscriber.objects.filter(pk__in=silent.values("subscriber"))
    return matching(Query(**job.selection))


def remaining_subscribers(job: BulkJob) -> QuerySet[Subscriber]:
    """Those of them who are not handled yet."""
    return selected_subscribers(job).filter(pk__gt=job.position, pk__lte=job.last_subscriber)


def freeze_selection(job: BulkJob) -> None:
    """Keep the primary keys of who is not handled yet instead of the search query.

    Erasure calls it with the job's row locked, so that the query names an erased address no longer.
    """
    running = job.state == State.RUNNING
    left = remaining_subscribers(job) if running else Subscriber.objects.none()
    job.selection = {"ids": sorted(left.values_list("pk", flat=True))}
    job.save(update_fields=["selection"])


def run_due(now: datetime, stop: Stop) -> int:
    """The worker's job: one batch of each due bulk job in turn, until all are done; returns batches done."""
    return RUNNER.run_due(lambda: now, stop)


def delete_expired(now: datetime) -> int:
    """Delete the changes that can no longer be undone; returns rows deleted."""
    return BulkChange.objects.filter(job__created_at__lt=now - UNDO_FOR).delete()[0]
