"""Files brought to the desk: kept, their columns named by a person, then read by whoever works."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import BinaryIO

from django.db import InterfaceError, OperationalError

from subscribers.imports import jobs, table_file, uploads
from subscribers.imports.jobs import Clock, NotNow, State, Stop, Wish
from subscribers.imports.mapping import Columns
from subscribers.imports.models import ImportRun
from subscribers.imports.records import BrokenFile

log = logging.getLogger(__name__)

# Rows that a person sees while naming columns, and characters of each cell.
_SHOWN, _CELL = 5, 80
_UNREAD = (
    "Reading it stopped at an error that nobody foresaw ({error}), and nothing of it was taken. "
    "Save the file as “CSV UTF-8” and bring it again; the log of `mailer worker` says more."
)


@dataclass(frozen=True)
class Preview:
    """How a file begins, as it would be read."""

    columns: Columns
    rows: tuple[tuple[str, ...], ...]
    # Empty for a workbook.
    encoding: str


def bring(file_name: str, pieces: Iterable[bytes], wish: Wish, now: datetime) -> ImportRun:
    """Keep a file whose columns are to be named. Raises ValueError without a source, and OSError."""
    run = jobs.begin(file_name, wish, now)
    try:
        run.stored, size = uploads.keep(pieces)
    except BaseException:
        run.delete()
        raise
    run.state, run.reading = State.MAPPING, {**run.reading, "size": size}
    run.save(update_fields=["state", "stored", "reading"])
    return run


def preview(run: ImportRun, encoding: str = "", delimiter: str = "") -> Preview:
    """How the file begins; encoding and delimiter are detected if empty. Raises BrokenFile."""
    how = {"encoding": encoding, "delimiter": delimiter}
    with _stream(run) as stream, table_file.opened(stream, how, told_later=True) as table:
        rows = [tuple(cell[:_CELL] for cell in cells) for _, cells in islice(table.rows, _SHOWN)]
        return Preview(table.columns, tuple(rows), table.encoding)


def choose(run: ImportRun, columns: Mapping[str, str], encoding: str, delimiter: str) -> None:
    """A person's word on what the columns, by number from 1, are about: the file is read next.

    Raises NotNow.
    """
    reading = {**run.reading, "columns": dict(columns), "encoding": encoding, "delimiter": delimiter}
    changed = ImportRun.objects.filter(pk=run.pk, state=State.MAPPING).update(
        state=State.READING, reading=reading
    )
    run.refresh_from_db()
    if not changed:
        raise NotNow(f"This import is {run.get_state_display()} already.")


def attend(clock: Clock, stop: Stop) -> None:
    """The worker's job: read what waits to be read, and go on with what is applied or undone."""
    # One without a file here is read by a command.
    for run in jobs.due([State.READING], clock()).exclude(stored=""):
        if stop():
            return
        if jobs.claim(run, [State.READING], clock()):
            _read(run, clock)
    jobs.work_due(clock, stop)


def _read(run: ImportRun, clock: Clock) -> None:
    """Read it; a file that cannot be read is not tried again, and holds up none of those behind it."""
    trouble = ""
    try:
        with _stream(run) as stream:
            jobs.read(run, stream, clock)
    except NotNow:
        return
    except (InterfaceError, OperationalError):
        # That is the database's fault: the file is read again when the lease is over.
        raise
    except BrokenFile as error:
        trouble = str(error)
    except Exception as error:
        log.exception("action=import_unread import=%d", run.pk)
        trouble = _UNREAD.format(error=type(error).__name__)
    if trouble:
        jobs.being_read(run).update(state=State.FAILED, error=trouble, worker="", lease_until=None)
    uploads.drop(run.stored)


def _stream(run: ImportRun) -> BinaryIO:
    try:
        return uploads.path_of(run.stored).open("rb")
    except FileNotFoundError:
        raise BrokenFile("The file is not there any more; bring it again.") from None
