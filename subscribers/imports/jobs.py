"""An import's life: read, shown, applied or discarded, undone; each step may die and be taken up again."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from subscribers.imports import apply, diff, staging, suppress_flagged, table_file, undo, uploads
from subscribers.imports.models import ImportChange, ImportRefusal, ImportRow, ImportRun
from subscribers.imports.records import Figures, Progress, unseen
from subscribers.imports.validate import checker
from subscribers.models import MailingList

Clock = Callable[[], datetime]
Stop = Callable[[], bool]
State = ImportRun.State

log = logging.getLogger(__name__)

# What is done by stretches, and what has changed nobody yet.
_STEPS = (State.APPLYING, State.UNDOING)
_UNAPPLIED = (State.MAPPING, State.READING, State.READY, State.FAILED)
# From so many lines on, two connections share the work, until so many stretches are left between them.
_TOGETHER, _APART = 100_000, 3
# How long a worker that says nothing is still believed to be at work.
LEASE = timedelta(seconds=60)
# How long an applied import can be undone, and one that was only read can be applied.
UNDO_FOR = timedelta(days=30)
WAITS_FOR = timedelta(days=7)
_SOURCE_LIMIT = 190
_GONE = "The import was discarded meanwhile."
_STUCK = (
    "It stopped at an error that nobody foresaw ({error}) and is tried again every minute. "
    "What was done so far is kept; the log of `mailer worker` says more."
)
# Rows between two words about progress.
_EVERY = 5_000


class NotNow(Exception):  # noqa: N818  (a verdict on the moment)
    """The import is not in a state for this; the message says why."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to have imported, and how."""

    mailing_list: MailingList
    # How these people gave their consent, in words.
    source: str
    # The person at the desk or the command line.
    by: str = ""
    # The language of those about whom the file says none.
    language: str = "en"
    # What is detected if empty.
    encoding: str = ""
    delimiter: str = ""
    # Heading, or number from 1, to field; see mapping.
    columns: Mapping[str, str] = field(default_factory=dict)


def begin(file_name: str, wish: Wish, now: datetime) -> ImportRun:
    """A run whose file is to be read. Raises ValueError without a source."""
    source = wish.source.strip()
    if not source or len(source) > _SOURCE_LIMIT:
        raise ValueError(f"Say in 1 to {_SOURCE_LIMIT} characters how these people gave their consent.")
    return ImportRun.objects.create(
        file_name=file_name[-200:],
        mailing_list=wish.mailing_list,
        source=source,
        language=wish.language,
        reading={"encoding": wish.encoding, "delimiter": wish.delimiter, "columns": dict(wish.columns)},
        state=State.READING,
        brought_by=wish.by,
        created_at=now,
    )


def read(
    run: ImportRun, stream: BinaryIO, clock: Clock, progress: Progress = unseen, *, shown: bool = True
) -> None:
    """Put the file's rows beside the tables, from its start; the run is READY then.

    `shown`: what applying would do is foreseen as well, for a person to look at. Raises BrokenFile, and
    NotNow when the import was discarded meanwhile; nothing of the file is kept then.
    """
    _clear(run)
    try:
        _stage(run, stream, clock, progress)
        if shown:
            foresee(run, progress)
    except BaseException:
        _clear(run)
        raise
    changed = being_read(run).update(
        state=State.READY,
        **{name: getattr(run, name) for name in ("sha256", "reading", "foreseen", "samples", "last_line")},
        worker="",
        lease_until=None,
        position=0,
    )
    run.refresh_from_db()
    if not changed:
        raise NotNow(_GONE)


def being_read(run: ImportRun) -> QuerySet[ImportRun]:
    """The run's row, while it is read by the worker whom `run` names."""
    return ImportRun.objects.filter(pk=run.pk, state=State.READING, worker=run.worker)


def _clear(run: ImportRun) -> None:
    """Forget what was read of a run, unless somebody else reads it by now."""
    with transaction.atomic():
        if being_read(run).update(worker=run.worker):
            forget_rows(run)


def foresee(run: ImportRun, progress: Progress = unseen) -> Figures:
    """Compare what was read with who is there; the caller saves the run."""
    figures = _as_read(run)
    run.samples = diff.foresee(run, figures, progress)
    run.foreseen = figures.as_dict()
    return figures


def start_applying(
    run: ImportRun, by: str, now: datetime, leave_out: Collection[str] = (), *, stop_gone: bool = False
) -> None:
    """A person's word that it be applied; whoever works does the rest. Raises NotNow.

    `leave_out`: addresses with these doubts (see doubts.KINDS) are refused. `stop_gone`: those of whom the
    file says that they are gone are suppressed.
    """
    with transaction.atomic():
        changed = ImportRun.objects.filter(pk=run.pk, state=State.READY).update(
            state=State.APPLYING, applied_by=by, applied_at=now, position=0, stops_gone=stop_gone
        )
        if changed:
            figures = _as_read(run)
            for kind in leave_out:
                figures.refused += staging.refuse_flagged(run.pk, kind)
                figures.flagged.pop(kind, None)
            ImportRun.objects.filter(pk=run.pk).update(done=figures.as_dict())
    run.refresh_from_db()
    if not changed and run.state != State.APPLYING:
        raise NotNow(f"This import is {run.get_state_display()}; only one that waits can be applied.")


def start_undoing(run: ImportRun, by: str, now: datetime) -> None:
    """A person's word that it be undone. Raises NotNow, also when too much time has passed."""
    changed = _undoable(run, now).update(
        state=State.UNDOING,
        ended_by=by,
        ended_at=now,
        position=0,
        undone={},
        error="",
        worker="",
        lease_until=None,
    )
    run.refresh_from_db()
    if changed or run.state == State.UNDOING:
        return
    if run.state == State.APPLIED:
        raise NotNow(f"This import was applied more than {UNDO_FOR.days} days ago and stays.")
    raise NotNow(f"This import is {run.get_state_display()}; only one that was applied can be undone.")


def may_undo(run: ImportRun, now: datetime) -> bool:
    """Whether `start_undoing` can be asked for: of what is applied, or has stopped while it was."""
    return _undoable(run, now).exists()


def _undoable(run: ImportRun, now: datetime) -> QuerySet[ImportRun]:
    ended = Q(state=State.APPLIED) | (Q(state=State.APPLYING) & ~Q(error=""))
    return ImportRun.objects.filter(ended, pk=run.pk, applied_at__gte=now - UNDO_FOR)


def discard(run: ImportRun, by: str, now: datetime) -> None:
    """Drop what was read and never applied. Raises NotNow."""
    with transaction.atomic():
        changed = ImportRun.objects.filter(pk=run.pk, state__in=_UNAPPLIED).update(
            state=State.DISCARDED, ended_by=by, ended_at=now
        )
        run.refresh_from_db()
        if not changed:
            raise NotNow(f"This import is {run.get_state_display()}; only one that waits can be discarded.")
        forget_rows(run)
    uploads.drop(run.stored)


def due(states: Collection[State], now: datetime) -> QuerySet[ImportRun]:
    """The runs in these states that nobody is at, in the order in which they were brought."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    return ImportRun.objects.filter(free, state__in=states).order_by("pk")


def claim(run: ImportRun, states: Collection[State], now: datetime) -> bool:
    """Give the run to a new worker, if it is in one of these states and nobody is at it; whether it was."""
    worker = str(uuid.uuid4())
    if not due(states, now).filter(pk=run.pk).update(worker=worker, lease_until=now + LEASE):
        return False
    run.worker = worker
    return True


def work(run: ImportRun, clock: Clock, stop: Stop, progress: Progress = unseen) -> bool:
    """Apply or undo by stretches until all is done; False when stopped, or when somebody else is at it."""
    claimed = claim(run, _STEPS, clock())
    run.refresh_from_db()
    if not claimed:
        return run.state in (State.APPLIED, State.UNDONE)
    worker = run.worker
    with _helped(run, worker, clock, stop):
        while not stop():
            if apply.tried(lambda: _step(run, worker, clock, progress)):
                return True
    ImportRun.objects.filter(pk=run.pk, worker=worker).update(lease_until=None)
    return False


def work_due(clock: Clock, stop: Stop) -> None:
    """The worker's job: go on with every import that is to be applied or undone, and that nobody is at.

    One that fails says so and rests as long as a lease; those behind it go on.
    """
    for run in due(_STEPS, clock()):
        if stop():
            return
        try:
            work(run, clock, stop)
        except Exception as error:
            log.exception("action=import_failed import=%d", run.pk)
            ImportRun.objects.filter(pk=run.pk, worker=run.worker, state__in=_STEPS).update(
                error=_STUCK.format(error=type(error).__name__), lease_until=clock() + LEASE
            )


def how_far(run: ImportRun) -> tuple[int, int]:
    """How much of what is under way is done, of how much: changes, lines, or bytes; of 0 where unknown."""
    if run.state == State.UNDOING:
        return sum(run.undone.get(name, 0) for name in undo.FIGURES), run.done["added"] + run.done["updated"]
    if run.state == State.APPLYING:
        return run.position, run.last_line
    return run.position, run.reading.get("size", 0)


def forget(now: datetime) -> int:
    """Discard what was never applied, and delete what can no longer be undone; how many imports that were."""
    old = ImportRun.objects.filter(state__in=_UNAPPLIED, created_at__lt=now - WAITS_FOR)
    for run in old:
        discard(run, "", now)
    ended = Q(applied_at__lt=now - UNDO_FOR) | Q(state=State.UNDONE, ended_at__lt=now - WAITS_FOR)
    kept = Exists(ImportChange.objects.filter(run=OuterRef("pk"))) | Exists(
        ImportRefusal.objects.filter(run=OuterRef("pk"))
    )
    done = list(ImportRun.objects.filter(ended, kept, state__in=(State.APPLIED, State.UNDONE)))
    for run in done:
        forget_rows(run)
    uploads.sweep(WAITS_FOR.days + 1)
    return len(done)


def _step(run: ImportRun, worker: str, clock: Clock, progress: Progress, from_the_end: bool = False) -> bool:
    """One stretch, in the caller's transaction; True when nothing is left, or somebody else took over."""
    held = ImportRun.objects.filter(pk=run.pk, worker=worker, state__in=_STEPS).first()
    if held is None:
        run.refresh_from_db()
        return True
    held = _apply(held, clock, from_the_end) if held.state == State.APPLYING else _undo(held, clock)
    left = held.state in _STEPS
    held.error = ""
    held.worker, held.lease_until = (worker, clock() + LEASE) if left else ("", None)
    held.save()
    # The caller's record is what they go on with; a stretch that was rolled back has left it as it was.
    run.__dict__.update({name: value for name, value in held.__dict__.items() if name != "_state"})
    if left:
        progress(held.state, *how_far(held))
    return not left


def _apply(run: ImportRun, clock: Clock, from_the_end: bool) -> ImportRun:
    lines = apply.stretch_of(run, from_the_end=from_the_end)
    if lines is not None:
        return apply.apply_stretch(run, lines, clock())
    held = apply.locked(run)
    # Whoever applies from the end leaves the middle, and the last word, to the other.
    if held.position >= held.last_line:
        held.state = State.APPLIED
    return held


def _undo(run: ImportRun, clock: Clock) -> ImportRun:
    held = apply.locked(run)
    if undo.next_stretch(held, clock()) is None:
        held.state = State.UNDONE
        # Of one that stopped while it was applied.
        ImportRow.objects.filter(run=held.pk).delete()
        if held.stops_gone:
            held.undone = {**held.undone, "freed": suppress_flagged.free(held, clock())}
    return held


@contextmanager
def _helped(run: ImportRun, worker: str, clock: Clock, stop: Stop) -> Iterator[None]:
    """On PostgreSQL a second connection applies a large file from its end, and both meet somewhere.

    Nothing depends on it: whatever it has not done by then, or had to leave, the first one does.
    """
    left = run.last_line - run.position
    if connection.vendor != "postgresql" or run.state != State.APPLYING or left < _TOGETHER:
        yield
        return
    ended = threading.Event()

    def help_out() -> None:
        mine = ImportRun(pk=run.pk)
        try:
            while not ended.is_set() and not stop():
                mine.refresh_from_db()
                if mine.last_line - mine.position < _APART * diff.STRETCH:
                    return
                if apply.tried(lambda: _step(mine, worker, clock, unseen, from_the_end=True)):
                    return
        except Exception:
            log.exception("action=import_helper_stopped import=%d", run.pk)
        finally:
            connection.close()

    helper = threading.Thread(target=help_out, name="import")
    helper.start()
    try:
        yield
    finally:
        ended.set()
        helper.join()


def _stage(run: ImportRun, stream: BinaryIO, clock: Clock, progress: Progress) -> None:
    def hold() -> None:
        """Say how far it is; whoever has lost the run keeps nothing."""
        if not being_read(run).update(position=stream.tell(), lease_until=clock() + LEASE):
            raise NotNow(_GONE)

    line = 1
    with table_file.opened(stream, run.reading) as table:
        columns, check = table.columns, checker(table.columns)
        with staging.Staging(run.pk, hold) as taken:
            for count, (line, cells) in enumerate(table.rows, start=1):
                taken.take(check(line, cells), cells)
                if not count % _EVERY:
                    progress("reading", stream.tell(), table.size)
        progress("reading", table.size, table.size)
        run.last_line, run.sha256 = line, table.sha256
        run.reading = {**run.reading, "encoding": table.encoding, "fields": list(columns.fields)}
    run.reading["headings"] = list(columns.headings) if columns.headed else []
    run.foreseen = taken.figures.as_dict()


def _as_read(run: ImportRun) -> Figures:
    """The figures before anybody was compared."""
    kept = run.foreseen
    return Figures(
        **{name: kept[name] for name in ("read", "refused", "duplicates", "gone", "flagged") if name in kept}
    )


def forget_rows(run: ImportRun) -> None:
    """Delete everything that the file said; what was applied stays applied and can no longer be undone."""
    for model in (ImportRow, ImportRefusal, ImportChange):
        model._default_manager.filter(run=run.pk).delete()
