"""`mailer subscribers import` and `… imports …`: people from a file, shown first, applied, and undone."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from django.conf import settings
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mailer.cli.lookup import list_named
from mailer.cli.output import Json, emit, fail, failing_on, say
from mailer.desk.subscribers.exports import sheet_of_refused
from mailer.reports.export import write_csv
from subscribers.imports import address_warnings, jobs, records
from subscribers.imports.models import ImportRefusal, ImportRun
from subscribers.imports.records import BrokenFile

app = typer.Typer(help="What was imported, and what waits: apply it, undo it, see whom it did not take.")

LeaveOut = Annotated[
    str, typer.Option(metavar="DOUBTS", help="Refuse doubtful addresses: typo, disposable, role, or several.")
]
StopGone = Annotated[
    bool,
    typer.Option(
        "--stop-gone", help="Suppress whom the file calls unsubscribed, bounced, blocked or complained."
    ),
]
Number = Annotated[int, typer.Argument(metavar="ID", help="The import's number, as `imports` lists it.")]

# Seconds between two looks at an import on which somebody else is at work.
_PAUSE = 0.5
_WORDS = {
    "read": "rows read",
    "added": "added",
    "updated": "updated",
    "unchanged": "unchanged",
    "suppressed": "suppressed",
    "refused": "refused",
    "duplicates": "duplicates",
}


def import_people(
    file: Annotated[Path, typer.Argument(help="A CSV file, with or without a line of headings.")],
    to: Annotated[str, typer.Option("--list", metavar="SLUG", help="The list that they join.")],
    source: Annotated[
        str, typer.Option(help="How they gave their consent, in words; default: the file's name.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read, compare and show; applied later, or never.")
    ] = False,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="COLUMN=FIELD", help="What a column is about, by its heading or number."
        ),
    ] = None,
    encoding: Annotated[str, typer.Option(help="utf-8, cp1251, …; default: detected.")] = "",
    delimiter: Annotated[str, typer.Option(help="What stands between cells; default: detected.")] = "",
    leave_out: LeaveOut = "",
    stop_gone: StopGone = False,
    json: Json = False,
) -> None:
    """Put the people of a file on a list; a file that cannot be read whole changes nothing."""
    wish = jobs.Wish(
        mailing_list=list_named(to),
        source=source or f"file {file.name}",
        by=person(),
        language=settings.CONFIG.site.languages[0],
        encoding=encoding,
        delimiter={"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter),
        columns=_told(columns or []),
    )
    with failing_on(BrokenFile, ValueError, OSError), file.open("rb") as stream, _bar() as progress:
        run = jobs.begin(file.name, wish, timezone.now())
        try:
            jobs.read(run, stream, timezone.now, progress, shown=dry_run)
        except BaseException:
            run.delete()
            raise
        if not dry_run:
            jobs.start_applying(run, wish.by, timezone.now(), _doubts(leave_out), stop_gone=stop_gone)
            _finish(run, progress)
    _tell(run, dry_run, json)


@app.callback(invoke_without_command=True)
def listed(context: typer.Context, json: Json = False) -> None:
    """The imports of this year and before, newest first."""
    if context.invoked_subcommand:
        return
    for run in ImportRun.objects.select_related("mailing_list").order_by("-pk")[:200]:
        if json:
            emit(_summary(run))
            continue
        figures = run.done or run.foreseen
        say(
            f"{run.pk:>6}  {run.created_at:%Y-%m-%d}  {run.get_state_display():24}"
            f"{figures.get('read', 0):>10,} rows  {run.mailing_list.slug:16}{run.file_name}"
        )
        if run.error:
            say(f"{'':8}{run.error}")


@app.command()
def apply(number: Number, leave_out: LeaveOut = "", stop_gone: StopGone = False, json: Json = False) -> None:
    """Apply an import that was shown, or go on with one that was interrupted."""
    run = _named(number)
    with failing_on(jobs.NotNow), _bar() as progress:
        jobs.start_applying(run, person(), timezone.now(), _doubts(leave_out), stop_gone=stop_gone)
        _finish(run, progress)
    _tell(run, False, json)


@app.command()
def undo(number: Number, json: Json = False) -> None:
    """Take back what an import did, within 30 days; what people changed themselves since stays."""
    run = _named(number)
    with failing_on(jobs.NotNow), _bar() as progress:
        jobs.start_undoing(run, person(), timezone.now())
        _finish(run, progress)
    if json:
        emit({"import": run.pk, **run.undone})
        return
    say("Undone:")
    for name, figure in run.undone.items():
        say(f"  {name:12}{figure:>12,}")


@app.command()
def discard(number: Number) -> None:
    """Forget an import that was shown and is not wanted."""
    with failing_on(jobs.NotNow):
        jobs.discard(_named(number), person(), timezone.now())
    say("Discarded; nothing was changed.")


@app.command()
def refused(
    number: Number,
    out: Annotated[Path | None, typer.Option(help="File to write; default: stdout.")] = None,
) -> None:
    """Whom an import did not take, with reasons, as CSV to be mended and imported again."""
    sheet = sheet_of_refused(_named(number))
    if out is None:
        write_csv(sheet, sys.stdout)
        return
    with failing_on(OSError), out.open("w", encoding="utf-8", newline="") as target:
        rows = write_csv(sheet, target)
    say(f"wrote {rows} rows to {out}")


def _named(number: int) -> ImportRun:
    run = ImportRun.objects.filter(pk=number).first()
    if run is None:
        fail(f"there is no import {number}; `mailer subscribers imports` lists them.")
    return run


def person() -> str:
    """Who is at the command line, for the records."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):
        return "command line"


def _told(columns: list[str]) -> dict[str, str]:
    told = {}
    for one in columns:
        column, equals, field = one.rpartition("=")
        if not equals:
            fail(f"“{one}” says nothing about a column; write --map HEADING=FIELD, such as --map Mail=email.")
        told[column] = field
    return told


def _doubts(written: str) -> list[str]:
    found = [one.strip() for one in written.split(",") if one.strip()]
    for one in found:
        if one not in address_warnings.KINDS:
            fail(f"“{one}” is no doubt that can be left out; there are: {', '.join(address_warnings.KINDS)}.")
    return found


def _finish(run: ImportRun, progress: records.Progress) -> None:
    """Work until it is done, or wait for whoever is at it already."""
    while not jobs.work(run, timezone.now, lambda: False, progress):
        time.sleep(_PAUSE)


@contextmanager
def _bar() -> Iterator[records.Progress]:
    """A bar for each step on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    shown = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*shown, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def told(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        yield told


def _tell(run: ImportRun, dry_run: bool, json: bool) -> None:
    figures = run.foreseen if dry_run else run.done
    _name_refusals(run, json)
    if json:
        emit({**figures, "dry_run": dry_run, "import": run.pk})
        return
    say("Nothing was changed; this is what would happen:" if dry_run else "Done:")
    left = figures["unsubscribed"]
    for name, words in _WORDS.items():
        note = f"  ({left:,} of them had left before and stay so)" if name == "unchanged" and left else ""
        say(f"  {words:12}{figures[name]:>12,}{note}")
    for name, number in figures["flagged"].items():
        say(f"  {number:,} of the addresses to look at: {name}")
    if gone := figures.get("gone"):
        done = (
            "--stop-gone stops mail to them"
            if dry_run
            else f"mail to {figures['stopped']:,} of them was stopped"
        )
        say(f"  {gone:,} of the refused are gone, as the file says; {done}")
    if dry_run:
        say(f"To apply it: mailer subscribers imports apply {run.pk}")
    else:
        say(f"To take it back within 30 days: mailer subscribers imports undo {run.pk}")


def _name_refusals(run: ImportRun, json: bool) -> None:
    kinds = (ImportRefusal.Kind.REFUSED, ImportRefusal.Kind.GONE)
    rows = ImportRefusal.objects.filter(run=run.pk, kind__in=kinds).order_by("line")
    for line, reason in rows.values_list("line", "reason").iterator(chunk_size=2_000):
        if json:
            emit({"line": line, "reason": reason})
        else:
            sys.stderr.write(f"line {line}: {reason}\n")


def _summary(run: ImportRun) -> dict[str, Any]:
    return {
        "id": run.pk,
        "state": run.state,
        "file": run.file_name,
        "list": run.mailing_list.slug,
        "source": run.source,
        "brought_by": run.brought_by,
        "at": run.created_at.isoformat(timespec="seconds"),
        "applied_by": run.applied_by,
        "error": run.error,
        **(run.done or run.foreseen),
    }
