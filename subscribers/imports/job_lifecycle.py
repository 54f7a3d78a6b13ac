"""The life of an import: uploaded, read, shown, applied or discarded, and undone; a worker does each step.

Reading keeps the valid rows in ImportRow; applying and undoing are batches of a resumable job, see
`subscribers.resumable_jobs`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, BinaryIO

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext

from subscribers import resumable_jobs
from subscribers.imports import apply, diff, unknown_values, uploads_and_staging
from subscribers.imports.models import ImportChange, ImportJob, ImportRow, RejectedRow
from subscribers.imports.row_types import ImportStats, Progress, UnreadableFile, no_progress
from subscribers.imports.staff_questions import Survey, Unanswered
from subscribers.imports.status_columns import GATES
from subscribers.imports.table_file import open_table
from subscribers.imports.validate import row_validator
from subscribers.models import MailingList
from subscribers.resumable_jobs import LEASE, UNDO_FOR, Clock, JobRunner, Stop, UndoStates, WrongState
from subscribers.translate_stored_texts import stored

State = ImportJob.State

log = logging.getLogger(__name__)

# States in which no subscriber has been changed yet.
_UNAPPLIED = (State.MAPPING, State.READING, State.READY, State.FAILED)
# How long a file that was only read can be applied.
APPLY_WITHIN = timedelta(days=7)
_MAX_SOURCE_LENGTH = 190
_DISCARDED = stored("The import was discarded meanwhile.")
# Rows between two reports of progress.
_REPORT_EVERY = 5_000


@dataclass(frozen=True)
class ImportOptions:
    """What to import, and how."""

    mailing_list: MailingList
    # How these people gave their consent, as text.
    source: str
    # The user at the desk or the command line.
    created_by: str = ""
    # Language code for rows in which the file has none.
    language: str = "en"
    # Detected if empty.
    encoding: str = ""
    delimiter: str = ""
    # Heading, or number from 1, to field; see `imports.column_mapping`.
    columns: Mapping[str, str] = field(default_factory=dict)
    # What words in columns of statuses mean, each a `statuses.Status`.
    words: Mapping[str, str] = field(default_factory=dict)
    # What values that are not known mean; see `unknown_values`.
    values: unknown_values.Choices = field(default_factory=dict)


class ImportRunner(JobRunner[ImportJob]):
    """Applies and undoes imports."""

    model = ImportJob
    # `apply_batch` locks the row itself, late.
    lock_first = False
    undo = UndoStates(State.APPLYING, State.APPLIED, State.UNDOING, since="applied_at")

    def __init__(self, batch_size: int = diff.BATCH_SIZE, parallel_from: int = 100_000) -> None:
        """`batch_size`: in lines. `parallel_from`: with so many lines left, two connections share a job."""
        self.batch_size = batch_size
        self.undo_batch_size = min(batch_size, apply.BATCH_SIZE)
        self.parallel_from = parallel_from

    def batch(self, job: ImportJob, now: datetime) -> ImportJob:
        if job.state == State.APPLYING:
            return self.apply_batch(job, now)
        return self.undo_batch(job, now)

    def apply_batch(self, job: ImportJob, now: datetime, *, from_the_end: bool = False) -> ImportJob:
        """Apply the next lines, or the last ones that are left."""
        lines = apply.next_line_range(job, self.batch_size, take_last_lines=from_the_end)
        if lines is not None:
            return apply.apply_batch(job, lines, now)
        held = resumable_jobs.require_unchanged_and_lock(job)
        if held.position >= held.last_line:
            held.state = State.APPLIED
        return held

    def undo_batch(self, job: ImportJob, now: datetime) -> ImportJob:
        """Undo the next changes."""
        held = resumable_jobs.require_unchanged_and_lock(job)
        if not apply.undo_batch(held, now, self.undo_batch_size):
            held.state = State.UNDONE
            # Left over where the import stopped at an error while it was applied.
            ImportRow.objects.filter(job=held.pk).delete()
            if held.suppress_do_not_mail:
                held.undo_result = {
                    **held.undo_result,
                    "unsuppressed": apply.lift_suppressions_of_import(held, now),
                }
        return held

    def run(self, job: ImportJob, clock: Clock, stop: Stop, progress: Progress = no_progress) -> bool:
        """Apply or undo the job to its end; False when stopped, or when another worker has it."""
        claimed = resumable_jobs.acquire_lease(job, self.model.ACTIVE, clock())
        job.refresh_from_db()
        if not claimed:
            return job.state in (State.APPLIED, State.UNDONE)
        worker = job.worker
        with self._second_connection(job, clock, stop):
            while not stop():
                if not self.run_batch(job, clock):
                    return True
                progress(job.state, *job.progress())
        ImportJob.objects.filter(pk=job.pk, worker=worker).update(lease_until=None)
        return False

    def read_and_run_due(self, clock: Clock, stop: Stop) -> None:
        """Read what waits to be read, then apply and undo what is due."""
        # Files without an upload are read by the command that was given them.
        for job in resumable_jobs.unleased(ImportJob, [State.READING], clock()).exclude(upload=""):
            if stop():
                return
            if resumable_jobs.acquire_lease(job, [State.READING], clock()):
                resumable_jobs.run_or_fail(
                    job, partial(self.read_upload, job, clock), partial(_stop_reading, job)
                )
        self.run_due(clock, stop)

    def read_upload(self, job: ImportJob, clock: Clock, progress: Progress = no_progress) -> None:
        """Read an uploaded file; one that cannot be read is not tried again."""
        try:
            with uploads_and_staging.open_upload(job) as stream:
                read_file(job, stream, clock, progress)
        except WrongState:
            return
        except Unanswered as error:
            _ask(job, error)
            return
        except UnreadableFile as error:
            _set_failed(job, str(error))
        else:
            if job.options.get("unknown"):
                # It is read again once staff have chosen what these values mean.
                return
        uploads_and_staging.delete(job.upload)

    @contextmanager
    def _second_connection(self, job: ImportJob, clock: Clock, stop: Stop) -> Iterator[None]:
        """On PostgreSQL a second connection applies a large file from its end, until both meet.

        Nothing depends on it: the first connection does whatever it has not done.
        """
        left = job.last_line - job.position
        if connection.vendor != "postgresql" or job.state != State.APPLYING or left < self.parallel_from:
            yield
            return
        ended = threading.Event()

        def apply_from_the_end() -> None:
            mine = ImportJob(pk=job.pk, worker=job.worker)
            batch = partial(self.apply_batch, from_the_end=True)
            try:
                while not ended.is_set() and not stop():
                    mine.refresh_from_db(fields=["position", "last_line"])
                    # The last lines between them are left to the first connection.
                    if mine.last_line - mine.position < 3 * self.batch_size:
                        return
                    if not self.run_batch(mine, clock, batch):
                        return
            except Exception:
                log.exception("action=import_second_connection_stopped job=%d", job.pk)
            finally:
                connection.close()

        thread = threading.Thread(
            # With the id of this run in its log lines.
            target=copy_context().run,
            args=(apply_from_the_end,),
            name="import",
        )
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


RUNNER = ImportRunner()


def create(file_name: str, options: ImportOptions, now: datetime) -> ImportJob:
    """A job whose file is to be read. Raises ValueError without a source."""
    source = options.source.strip()
    if not source or len(source) > _MAX_SOURCE_LENGTH:
        text = gettext("Say in 1 to %(count)s characters how these people gave their consent.")
        raise ValueError(text % {"count": _MAX_SOURCE_LENGTH})
    return ImportJob.objects.create(
        file_name=file_name[-200:],
        mailing_list=options.mailing_list,
        source=source,
        language=options.language,
        options={
            "encoding": options.encoding,
            "delimiter": options.delimiter,
            "columns": dict(options.columns),
            "words": dict(options.words),
            "values": unknown_values.clean_choices(options.values),
        },
        state=State.READING,
        created_by=options.created_by,
        created_at=now,
    )


def create_upload(
    file_name: str, chunks: Iterable[bytes], options: ImportOptions, now: datetime
) -> ImportJob:
    """A job for an uploaded file whose columns are to be set. Raises ValueError without a source; OSError."""
    job = create(file_name, options, now)
    try:
        job.upload, size = uploads_and_staging.store_upload(chunks)
    except BaseException:
        job.delete()
        raise
    job.state, job.options = State.MAPPING, {**job.options, "size": size}
    job.save(update_fields=["state", "upload", "options"])
    return job


def set_columns(
    job: ImportJob,
    columns: Mapping[str, str],
    encoding: str,
    delimiter: str,
    words: Mapping[str, str] | None = None,
) -> None:
    """Set the fields of the columns, by number from 1, and what words in columns of statuses mean.

    The worker reads the file next; it comes back to be mapped when it says something else about who must get
    no mail. Raises WrongState.
    """
    # What was decided before the import came back.
    before = (
        job.options["columns"]
        if uploads_and_staging.has_encoding_and_delimiter(job, encoding, delimiter)
        else {}
    )
    options = {
        **{name: value for name, value in job.options.items() if name != "questions"},
        "columns": {**before, **columns},
        "words": {**job.options.get("words", {}), **(words or {})},
        "encoding": encoding,
        "delimiter": delimiter,
    }
    if not resumable_jobs.transition(job, [State.MAPPING], State.READING, options=options):
        raise WrongState(
            gettext("This import is already in the state “%(state)s”.") % {"state": job.get_state_display()}
        )


def set_values_and_read_again(job: ImportJob, choices: unknown_values.Choices) -> None:
    """Set what values that are not known mean, in place of earlier choices; the worker reads the file again.

    Raises WrongState, also when the file is no longer stored; ValueError for a code that does not exist.
    """
    options = {**job.options, "values": unknown_values.clean_choices(choices)}
    stored_still = job.upload and uploads_and_staging.is_stored(job.upload)
    if not stored_still or not resumable_jobs.transition(
        job, [State.READY], State.READING, options=options, position=0
    ):
        raise WrongState(
            gettext("The uploaded file can no longer be read. Upload it once more to choose other values.")
        )


def read_file(
    job: ImportJob,
    stream: BinaryIO,
    clock: Clock,
    progress: Progress = no_progress,
    *,
    with_dry_run: bool = True,
) -> None:
    """Read the file from its start into ImportRow and RejectedRow; the job is READY then.

    `with_dry_run`: also find out what applying would do. Raises UnreadableFile, Unanswered when a person must
    decide about columns first, and WrongState when the import was discarded meanwhile; nothing of the file is
    kept then.
    """
    _clear(job)
    try:
        _stage(job, stream, clock, progress)
        if with_dry_run:
            dry_run(job, progress)
    except BaseException:
        _clear(job)
        raise
    changed = _being_read(job).update(
        state=State.READY,
        **{name: getattr(job, name) for name in ("sha256", "options", "expected", "samples", "last_line")},
        worker="",
        lease_until=None,
        position=0,
    )
    job.refresh_from_db()
    if not changed:
        raise WrongState(_DISCARDED)


def dry_run(job: ImportJob, progress: Progress = no_progress) -> ImportStats:
    """What applying the job now would do; set on the job, which the caller saves."""
    stats = _stats_as_read(job)
    job.samples = diff.count_and_sample_outcomes(job, stats, progress)
    job.expected = stats.as_dict()
    return stats


def start_apply(
    job: ImportJob,
    by: str,
    now: datetime,
    warnings_to_reject: Collection[str] = (),
    *,
    suppress_do_not_mail: bool = False,
) -> None:
    """Have a job that was read applied by the worker; harmless when repeated. Raises WrongState.

    `warnings_to_reject`: rows with these warnings (see `validate.WARNINGS`) are
    not imported. `suppress_do_not_mail`: addresses that the file marks so are suppressed.
    """
    with transaction.atomic():
        changed = resumable_jobs.transition(
            job,
            [State.READY],
            State.APPLYING,
            applied_by=by,
            applied_at=now,
            position=0,
            suppress_do_not_mail=suppress_do_not_mail,
        )
        if changed:
            stats = _stats_as_read(job)
            for warning in warnings_to_reject:
                stats.refused += uploads_and_staging.reject_warned(job, warning)
                stats.warnings.pop(warning, None)
            job.result = stats.as_dict()
            job.options = _without_cells(job.options)
            job.save(update_fields=["result", "options"])
    if changed:
        uploads_and_staging.delete(job.upload)
    if not changed and job.state != State.APPLYING:
        raise WrongState(
            gettext(
                "This import is in the state “%(state)s”. Only an import that is waiting "
                "to be applied can be applied."
            )
            % {"state": job.get_state_display()}
        )


def start_undo(job: ImportJob, by: str, now: datetime) -> None:
    """Have an applied or failed import undone by the worker; harmless when repeated. Raises WrongState."""
    RUNNER.start_undo(job, by, now, undo_result={})


def discard(job: ImportJob, by: str, now: datetime) -> None:
    """Delete what was read and not applied. Raises WrongState."""
    with transaction.atomic():
        if not resumable_jobs.transition(job, _UNAPPLIED, State.DISCARDED, ended_by=by, ended_at=now):
            raise WrongState(
                gettext(
                    "This import cannot be discarded: its state is “%(state)s”. Only a file "
                    "that is not imported yet can be discarded."
                )
                % {"state": job.get_state_display()}
            )
        delete_rows_and_changes(job)
    uploads_and_staging.delete(job.upload)


def discard_or_purge_expired(now: datetime) -> int:
    """Discard what was not applied in time, and delete what can no longer be undone; the number of those."""
    for job in ImportJob.objects.filter(state__in=_UNAPPLIED, created_at__lt=now - APPLY_WITHIN):
        discard(job, "", now)
    ended = Q(applied_at__lt=now - UNDO_FOR) | Q(state=State.UNDONE, ended_at__lt=now - APPLY_WITHIN)
    kept = Exists(ImportChange.objects.filter(job=OuterRef("pk"))) | Exists(
        RejectedRow.objects.filter(job=OuterRef("pk"))
    )
    expired = list(ImportJob.objects.filter(ended, kept, state__in=(State.APPLIED, State.UNDONE)))
    for job in expired:
        delete_rows_and_changes(job)
    uploads_and_staging.delete_files_older_than(APPLY_WITHIN + timedelta(days=1))
    return len(expired)


def delete_rows_and_changes(job: ImportJob) -> None:
    """Delete the rows of the file; what was applied stays applied and can no longer be undone."""
    for model in (ImportRow, RejectedRow, ImportChange):
        model._default_manager.filter(job=job.pk).delete()
    ImportJob.objects.filter(pk=job.pk).update(options=_without_cells(job.options))


def delete_sample_cells_of_open_imports() -> None:
    """Delete the cells that imports show of their columns: they may be about a subscriber who is erased."""
    for job in ImportJob.objects.select_for_update().filter(state__in=_UNAPPLIED):
        ImportJob.objects.filter(pk=job.pk).update(options=_without_cells(job.options))


def _without_cells(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a job without cells of its file; the worker asks its questions again if need be."""
    kept = {name: value for name, value in options.items() if name != "questions"}
    return kept | {
        "unused": [[heading, ""] for heading, _ in options.get("unused", [])],
        "unknown": unknown_values.values_in_several_rows(options.get("unknown", [])),
    }


def _stage(job: ImportJob, stream: BinaryIO, clock: Clock, progress: Progress) -> None:
    def extend_lease() -> None:
        """Save the progress; a worker that has lost the job keeps nothing."""
        if not _being_read(job).update(position=stream.tell(), lease_until=clock() + LEASE):
            raise WrongState(_DISCARDED)

    line = 1
    with open_table(stream, {**job.options, "file_name": job.file_name}) as table:
        values = unknown_values.ValueReader(job.options.get("values"))
        columns, survey = table.columns, Survey(table.columns)
        validate = row_validator(columns, values)
        with uploads_and_staging.Staging(job.pk, extend_lease, columns.fields.index("email")) as staged:
            for count, (line, cells) in enumerate(survey.watch(table.rows), start=1):
                staged.add(validate(line, cells), cells)
                if not count % _REPORT_EVERY:
                    progress("reading", stream.tell(), table.size)
        progress("reading", table.size, table.size)
        if questions := survey.questions(table.late_keys):
            raise Unanswered(questions)
        job.last_line, job.sha256 = line, table.sha256
        job.options = {**job.options, "encoding": table.encoding, "fields": list(columns.fields)}
    job.options["headings"] = list(columns.headings) if columns.headed else []
    job.options |= {
        "unused": [[one.heading, one.sample] for one in survey.unused(table.late_keys)],
        "deciding": [columns.headings[place] for place, name in enumerate(columns.fields) if name in GATES],
        "unread": list(table.unread),
        "product": columns.format.product if columns.format else "",
        "not_carried": columns.format.not_carried if columns.format else "",
        "unknown": [list(one) for one in values.unknown()],
        "unlisted": values.unlisted(),
    }
    job.expected = staged.stats.as_dict()


def _being_read(job: ImportJob) -> QuerySet[ImportJob]:
    """The job's row, while the worker that `job` names reads it."""
    return ImportJob.objects.filter(pk=job.pk, state=State.READING, worker=job.worker)


def _clear(job: ImportJob) -> None:
    """Delete what was read, unless another worker reads the file by now."""
    with transaction.atomic():
        if _being_read(job).update(worker=job.worker):
            delete_rows_and_changes(job)


def _stats_as_read(job: ImportJob) -> ImportStats:
    """The counts before any row was compared."""
    names = ("read", "refused", "duplicates", "do_not_mail", "warnings")
    return ImportStats(**{name: job.expected[name] for name in names if name in job.expected})


def _set_failed(job: ImportJob, error: str) -> None:
    _being_read(job).update(state=State.FAILED, error=error, worker="", lease_until=None)


def _ask(job: ImportJob, error: Unanswered) -> None:
    """Have a person answer; the file is read again then."""
    options = {
        **job.options,
        "questions": [list(one) for one in error.questions],
        "keys": [
            *job.options.get("keys", []),
            *(one.heading for one in error.questions if not one.column),
        ],
    }
    _being_read(job).update(state=State.MAPPING, options=options, worker="", lease_until=None, position=0)


def _stop_reading(job: ImportJob, error: Exception) -> None:
    _set_failed(
        job,
        stored(
            "Reading stopped at an unforeseen error (%(name)s), and nothing was imported. Save the file "
            "as “CSV UTF-8” and upload it again; the log of `mailer worker` has the details.",
            name=type(error).__name__,
        ),
    )
    uploads_and_staging.delete(job.upload)
