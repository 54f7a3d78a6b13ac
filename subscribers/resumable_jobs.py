"""Resumable jobs: work on many rows in batches, each one transaction together with its progress.

A worker may be killed at any moment: the next one continues after the last committed batch. An unforeseen
error is named in the job's row and never stops the jobs behind it. Imports, bulk jobs and reconfirmation
campaigns are such jobs. Exports are not: they are streamed in a request and have no state to keep.
"""

from __future__ import annotations

import logging
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.db import IntegrityError, InterfaceError, OperationalError, models, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from subscribers.translate_stored_texts import stored

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
# Whether the worker should stop after the present batch.
Stop = Callable[[], bool]

# How long a job stays with a worker that gives no sign of life, and how long a failed job rests.
LEASE = timedelta(seconds=60)
# How long a finished job can be undone.
UNDO_FOR = timedelta(days=30)
# Attempts at a batch that collides with another writer.
_ATTEMPTS = 5
# SQLSTATE deadlock_detected: PostgreSQL has ended one of two transactions that waited for each other.
_DEADLOCK = "40P01"

T = TypeVar("T")


class WrongState(Exception):  # noqa: N818  (a refusal that the user reads)
    """The job is in a state in which this cannot be done; the message says which."""


class Conflict(Exception):  # noqa: N818  (not an error: another worker was faster)
    """Another worker has done this batch, or holds the job now."""


class Job(models.Model):
    """One job: its state, its progress, and why it does not continue."""

    # The states in which a worker has something to do.
    ACTIVE: ClassVar[tuple[str, ...]] = ()
    # Fields that a batch may change, besides those of this class.
    BATCH_FIELDS: ClassVar[tuple[str, ...]] = ()

    state = models.CharField(max_length=12)
    # Progress of the present step: a line of a file, or the primary key of the last row that was handled.
    position = models.BigIntegerField(default=0)
    # Why it does not continue; empty while it does.
    error = models.TextField(blank=True)
    # The worker that claimed it, and the time before which no other worker takes it.
    worker = models.CharField(max_length=36, blank=True)
    lease_until = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField()
    # Who undid, cancelled or finished it.
    ended_by = models.CharField(max_length=150, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    if TYPE_CHECKING:

        def get_state_display(self) -> str:
            """The label of the state."""

        def progress(self) -> tuple[int, int]:
            """Done and total of the current step, as every kind of job defines it; a total of 0: unknown."""

    @property
    def percent(self) -> int | None:
        """Progress of the present step, 0 to 99; None where the total is unknown."""
        done, total = self.progress()
        return min(99, done * 100 // total) if total else None

    def move_past(self, rows: Sequence[models.Model], batch_size: int, end: str) -> None:
        """Continue behind these rows; where they are fewer than a batch, go to the state `end`."""
        if len(rows) < batch_size:
            self.state = end
        else:
            self.position = rows[-1].pk

    @property
    def is_running(self) -> bool:
        """Whether a worker continues with it."""
        return self.state in self.ACTIVE and not self.error


J = TypeVar("J", bound=Job)


@dataclass(frozen=True)
class UndoStates:
    """The states between which undoing moves a job."""

    running: str
    done: str
    undoing: str
    # The field that holds the time from which UNDO_FOR counts.
    since: str = "created_at"


class JobRunner(ABC, Generic[J]):
    """Works on the jobs of one table; a subclass says what a batch does."""

    model: type[J]
    # How long a failed job rests before the next attempt; None: until staff resume it.
    retry_after: timedelta | None = LEASE
    # False: `batch` locks the row itself, after its work, because two connections share a job.
    lock_first = True
    undo: UndoStates | None = None

    @abstractmethod
    def batch(self, job: J, now: datetime) -> J:
        """Handle the next rows of an active job and set its `position`, or its next state when none is left.

        Called in a transaction. Returns the job's row, locked and not saved yet.
        """

    def due(self, now: datetime) -> QuerySet[J]:
        """The active jobs that a worker may take now, oldest first."""
        found = unleased(self.model, self.model.ACTIVE, now)
        return found if self.retry_after is not None else found.filter(error="")

    def run_batch(self, job: J, clock: Clock, batch: Callable[[J, datetime], J] | None = None) -> bool:
        """Do one batch and save the progress; False when there is nothing left to do here.

        `batch` replaces the runner's own. A job that another worker has claimed is left alone.
        """
        current = retrying(lambda: self._batch(job, clock, batch or self.batch))
        if current is None:
            job.refresh_from_db()
            return False
        # The caller continues with its own record, which a batch that was rolled back must not have changed.
        for name in self._batch_fields():
            setattr(job, name, getattr(current, name))
        return job.state in self.model.ACTIVE

    def run_due(
        self,
        clock: Clock,
        stop: Stop,
        *,
        work: Callable[[J], object] | None = None,
        rounds: int | None = None,
    ) -> int:
        """Work on every due job, one batch of each in turn, until none is due; returns batches done.

        `work` replaces the batch. `rounds`: batches of each job at most.
        """
        done, failed, count = 0, set[int](), 0
        while rounds is None or count < rounds:
            waiting = list(self.due(clock()).exclude(pk__in=failed))
            if not waiting:
                break
            for job in waiting:
                if stop():
                    return done
                if self.attempt(job, clock, work):
                    done += 1
                else:
                    failed.add(job.pk)
            count += 1
        return done

    def attempt(self, job: J, clock: Clock, work: Callable[[J], object] | None = None) -> bool:
        """Work on one job; False when it failed. An unforeseen error is named in its row."""

        def run() -> object:
            return work(job) if work else self.run_batch(job, clock)

        return run_or_fail(job, run, lambda error: self._fail(job, error, clock()))

    def resume(self, job: J) -> None:
        """Let a worker continue with a job that stopped at an error."""
        self._rows(job).update(error="", lease_until=None)
        job.refresh_from_db()

    def can_undo(self, job: J, now: datetime) -> bool:
        """Whether `start_undo` is possible: the job is done, or stopped at an error, and recent enough."""
        return self._undoable(job, now).exists()

    def start_undo(self, job: J, by: str, now: datetime, **changes: Any) -> None:
        """Have a done or failed job undone by the worker; harmless when repeated. Raises WrongState."""
        assert self.undo is not None
        fresh = {"position": 0, "error": "", "worker": "", "lease_until": None, **changes}
        changed = self._undoable(job, now).update(state=self.undo.undoing, ended_by=by, ended_at=now, **fresh)
        job.refresh_from_db()
        if not changed and job.state != self.undo.undoing:
            raise WrongState(
                gettext(
                    "This %(job)s cannot be undone: its state is “%(state)s”. A completed "
                    "one can be undone for %(days)s days."
                )
                % {"job": job._meta.verbose_name, "state": job.get_state_display(), "days": UNDO_FOR.days}
            )

    def _undoable(self, job: J, now: datetime) -> QuerySet[J]:
        assert self.undo is not None
        ended = Q(state=self.undo.done) | (Q(state=self.undo.running) & ~Q(error=""))
        recent = {f"{self.undo.since}__gte": now - UNDO_FOR}
        return self._rows(job).filter(ended, **recent)

    def _batch(self, job: J, clock: Clock, batch: Callable[[J, datetime], J]) -> J | None:
        """One batch, in the caller's transaction: the row as saved; None where there is nothing to do."""
        if job.worker:
            rows = self._rows(job).filter(worker=job.worker, state__in=self.model.ACTIVE)
        else:
            rows = self.due(clock()).filter(pk=job.pk)
        current = (rows.select_for_update() if self.lock_first else rows).first()
        if current is None:
            return None
        current = batch(current, clock())
        current.error = ""
        current.worker = job.worker if current.state in self.model.ACTIVE else ""
        current.lease_until = clock() + LEASE if current.worker else None
        current.save(update_fields=self._batch_fields())
        return current

    def _batch_fields(self) -> tuple[str, ...]:
        return ("state", "position", "error", "worker", "lease_until", *self.model.BATCH_FIELDS)

    def _fail(self, job: J, error: Exception, now: datetime) -> None:
        then = (
            stored("The job is tried again every minute.")
            if self.retry_after
            else stored("The job can be resumed or undone.")
        )
        self._rows(job).filter(worker=job.worker, state__in=self.model.ACTIVE).update(
            # Only the type: the message may hold addresses.
            error=stored(
                "It stopped at an unforeseen error (%(name)s). What was done so far is kept. %(then)s The "
                "log of `mailer worker` has the details.",
                name=type(error).__name__,
                then=then,
            ),
            lease_until=now + self.retry_after if self.retry_after else None,
        )

    def _rows(self, job: J) -> QuerySet[J]:
        return self.model._default_manager.filter(pk=job.pk)


def unleased(model: type[J], states: Collection[str], now: datetime) -> QuerySet[J]:
    """The jobs in these states that no worker holds, oldest first."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    return model._default_manager.filter(free, state__in=tuple(states)).order_by("pk")


def acquire_lease(job: J, states: Collection[str], now: datetime) -> bool:
    """Give the job to a new worker for LEASE, if it is in one of these states and free; whether it was."""
    worker = str(uuid.uuid4())
    if not unleased(type(job), states, now).filter(pk=job.pk).update(worker=worker, lease_until=now + LEASE):
        return False
    job.worker = worker
    return True


def require_unchanged_and_lock(job: J) -> J:
    """The job's row as it is now, locked. Raises Conflict where its worker or state has changed."""
    rows = type(job)._default_manager.select_for_update()
    held = rows.filter(pk=job.pk, worker=job.worker, state=job.state).first()
    if held is None:
        raise Conflict
    return held


def transition(job: J, states: Collection[str], state: str, **changes: Any) -> bool:
    """Move the job from one of these states to another, with changes of fields; whether it was in one."""
    rows = type(job)._default_manager.filter(pk=job.pk, state__in=tuple(states))
    changed = rows.update(state=state, **changes)
    job.refresh_from_db()
    return bool(changed)


def run_or_fail(job: Job, work: Callable[[], object], fail: Callable[[Exception], object]) -> bool:
    """Work on one job; False when it failed. `fail` names an unforeseen error in the job's row."""
    kind = job._meta.model_name
    try:
        work()
    except (InterfaceError, OperationalError) as error:
        # The database was busy or away, which is not the job's fault: the next look tries again.
        log.warning("action=job_deferred job=%s id=%d reason=%s", kind, job.pk, type(error).__name__)
        return False
    except Exception as error:
        log.exception("action=job_failed job=%s id=%d", kind, job.pk)
        fail(error)
        return False
    return True


def retrying(batch: Callable[[], T]) -> T:
    """Run a batch in a transaction, again while it collides with another writer."""
    for left in range(_ATTEMPTS - 1, -1, -1):
        try:
            with transaction.atomic():
                return batch()
        except (IntegrityError, Conflict):
            if not left:
                raise
        except OperationalError as error:
            if not left or getattr(error.__cause__, "sqlstate", "") != _DEADLOCK:
                raise
    raise AssertionError("not reached")
