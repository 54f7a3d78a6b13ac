"""`mailer subscribers …`: import, export, show and erase subscribers; list, apply and undo imports."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from wagtail.log_actions import log

from mailer.cli.argument_lookup import find_list, operator
from mailer.cli.output import Json, command_group, console, fail, failing_on, print_json, print_text
from mailer.reports.spreadsheet_export import rejected_rows_sheet, subscribers_sheet, write_csv, write_xlsx
from subscribers.exports import json_lines
from subscribers.imports import job_lifecycle, unknown_values
from subscribers.imports.countries_and_languages import fold_case_and_apostrophes
from subscribers.imports.models import ImportJob, RejectedRow
from subscribers.imports.row_types import Progress as ProgressReport
from subscribers.imports.row_types import UnreadableFile
from subscribers.imports.staff_questions import Unanswered
from subscribers.imports.status_cells import Status
from subscribers.imports.unknown_values import UnknownValue
from subscribers.imports.validate import WARNINGS
from subscribers.models import MailingList, Subscriber
from subscribers.privacy.data_access import collect_data
from subscribers.privacy.erasure import erase_and_suppress as erase_address
from subscribers.resumable_jobs import WrongState
from subscribers.suppression import active_suppression, normalise_or_lower

app = command_group("Import, export, show and erase subscribers.")
imports_app = command_group(
    "List imports; apply, undo or discard one; get its rejected rows.", no_args_is_help=False
)
app.add_typer(imports_app, name="imports")
Address = Annotated[str, typer.Argument(metavar="A@B", help="The address.")]


@app.command("export")
def export_people(
    from_list: Annotated[str, typer.Option("--list", metavar="SLUG", help="One list; default: all.")] = "",
    kind: Annotated[
        str,
        typer.Option("--format", help="csv, xlsx or json (one object a line); default: by the file's name."),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="File to write; default: stdout.")] = None,
) -> None:
    """Write subscribers and their subscriptions, as `import` reads them; recorded in the audit log."""
    mailing_list = find_list(from_list) if from_list else None
    suffix = out.suffix.lstrip(".").lower() if out else ""
    kind = kind or (suffix if suffix in ("xlsx", "json") else "csv")
    if kind not in ("csv", "xlsx", "json"):
        fail(f"“{kind}” is not a format; known: csv, xlsx, json.")
    if kind == "xlsx" and out is None:
        fail("a workbook needs a file: --out people.xlsx.")
    for one in [mailing_list] if mailing_list else MailingList.objects.all():
        log(instance=one, action="desk.export_subscribers", data={"by": operator()})
    if out is None:
        _write(sys.stdout, kind, mailing_list)
        return
    with failing_on(OSError):
        if kind == "xlsx":
            with out.open("wb") as workbook:
                rows = write_xlsx([subscribers_sheet(mailing_list)], workbook)
        else:
            with out.open("w", encoding="utf-8", newline="") as target:
                rows = _write(target, kind, mailing_list)
    print_text(f"wrote {rows} rows to {out}")


def _write(target: TextIO, kind: str, mailing_list: MailingList | None) -> int:
    if kind == "json":
        return sum(bool(target.write(line)) for line in json_lines(mailing_list))
    return write_csv(subscribers_sheet(mailing_list), target)


@app.command()
def show(address: Address, json: Json = False) -> None:
    """Show one subscriber; with --json all data that is stored about them."""
    subscriber = Subscriber.objects.filter(email=normalise_or_lower(address)).first()
    suppression = active_suppression(address)
    if subscriber is None and suppression is None:
        fail("no subscriber has this address.")
    if seen := subscriber or suppression:
        action = "desk.view_subscriber" if subscriber else "desk.view_suppression"
        title = f"{seen._meta.verbose_name} {seen.pk}".capitalize()
        log(instance=seen, action=action, title=title, data={"by": operator()})
    data: dict[str, Any] = collect_data(subscriber) if subscriber else {"email": None, "subscriptions": []}
    data["suppressed"] = suppression.reason if suppression else None
    if json:
        print_json(data)
        return
    for name, value in data.items():
        if isinstance(value, dict):
            value = [f"{field}: {content}" for field, content in value.items()]
        if not isinstance(value, list) or (value and all(isinstance(one, str) for one in value)):
            print_text(f"{name:20}{', '.join(value) if isinstance(value, list) else value or '–'}")
    for row in data.get("consents", []):
        about = f" {row['list']}" if row["list"] else ""
        print_text(f"{'consent':20}{row['at']} {row['event']}{about} by {row['channel']}")
    for row in data["subscriptions"]:
        print_text(f"{'list':20}{row['list']}: {row['state']} since {row['since']} ({row['source']})")


@app.command()
def erase(address: Address, json: Json = False) -> None:
    """Erase a subscriber; a hash of the address is kept, so that no import adds it again."""
    subscriber = Subscriber.objects.filter(email=normalise_or_lower(address)).first()
    with transaction.atomic():
        if subscriber is not None:
            # After an erasure the audit log must not contain the address.
            title = f"Subscriber {subscriber.pk}"
            log(instance=subscriber, action="desk.erase", title=title, data={"by": operator()})
        erased = erase_address(address, timezone.now())
    if not erased:
        fail("no subscriber has this address; nothing was changed.")
    if json:
        print_json({"erased": True})
    else:
        print_text("Erased. Only a keyed hash of the address is kept, and no mailing will be sent to it.")


Exclude = Annotated[
    str,
    typer.Option(metavar="WARNINGS", help="Reject rows with these warnings: typo, disposable, role, name."),
]
SuppressDoNotMail = Annotated[
    bool,
    typer.Option(
        "--suppress-do-not-mail/--no-suppress-do-not-mail",
        help="Suppress addresses that the file marks as unsubscribed, bounced, blocked or complained.",
    ),
]
ImportId = Annotated[int, typer.Argument(metavar="ID", help="The import's id; `imports` lists them.")]
# Seconds between two checks of an import that another process is working on.
_POLL_SECONDS = 0.5
_LABELS = {
    "read": "rows read",
    "added": "added",
    "updated": "updated",
    "unchanged": "unchanged",
    "suppressed": "suppressed",
    "refused": "rejected",
    "duplicates": "duplicates",
}


@app.command("import")
def import_people(
    file: Annotated[
        Path, typer.Argument(help="A CSV or Excel file, or a ZIP archive of them; headings are optional.")
    ],
    to: Annotated[str, typer.Option("--list", metavar="SLUG", help="The list to subscribe them to.")],
    source: Annotated[
        str, typer.Option(help="How they gave consent, for the consent records; default: the file's name.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and compare only; it can be applied later.")
    ] = False,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="COLUMN=FIELD", help="The field that a column, by heading or number, holds."
        ),
    ] = None,
    statuses: Annotated[
        list[str] | None,
        typer.Option(
            "--status",
            metavar="WORD=STATUS",
            help=f"What a word in a column of statuses means: {', '.join(Status)}.",
        ),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--value",
            metavar="VALUE=CODE",
            help="What an unknown country or language means: KZ, ru, empty or skip (the default).",
        ),
    ] = None,
    encoding: Annotated[str, typer.Option(help="utf-8, cp1251, …; default: detected.")] = "",
    delimiter: Annotated[str, typer.Option(help="Separator between cells; default: detected.")] = "",
    exclude: Exclude = "",
    suppress: SuppressDoNotMail = True,
    json: Json = False,
) -> None:
    """Import a file's subscribers into a list; a file that cannot be read completely changes nothing.

    Nor does a file that does not say clearly who must get no mail, until --map or --status says it.
    """
    options = job_lifecycle.ImportOptions(
        mailing_list=find_list(to),
        source=source or f"file {file.name}",
        created_by=operator(),
        language=settings.CONFIG.site.languages[0],
        encoding=encoding,
        delimiter={"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter),
        columns=_pairs(columns or [], "--map HEADING=FIELD", "--map Mail=email"),
        words=_pairs(statuses or [], "--status WORD=STATUS", "--status former=unsubscribed"),
        values=_value_choices(values or []),
    )
    with (
        failing_on(UnreadableFile, Unanswered, ValueError, OSError),
        file.open("rb") as stream,
        _progress_bar() as progress,
    ):
        job = job_lifecycle.create(file.name, options, timezone.now())
        try:
            job_lifecycle.read_file(job, stream, timezone.now, progress, with_dry_run=dry_run)
        except BaseException:
            job.delete()
            raise
        about = _about_columns(job)
        if not dry_run:
            job_lifecycle.start_apply(
                job,
                options.created_by,
                timezone.now(),
                _warnings(exclude),
                suppress_do_not_mail=suppress,
            )
            _finish(job, progress)
    _print_result(job, about, dry_run, json)


@imports_app.callback(invoke_without_command=True)
def list_imports(context: typer.Context, json: Json = False) -> None:
    """List imports, newest first."""
    if context.invoked_subcommand:
        return
    for job in ImportJob.objects.select_related("mailing_list").order_by("-pk")[:200]:
        if json:
            print_json(_summary(job))
            continue
        figures = job.result or job.expected
        print_text(
            f"{job.pk:>6}  {job.created_at:%Y-%m-%d}  {job.get_state_display():24}"
            f"{figures.get('read', 0):>10,} rows  {job.mailing_list.slug:16}{job.file_name}"
        )
        if job.error:
            print_text(f"{'':8}{job.error}")


@imports_app.command()
def apply(
    import_id: ImportId,
    exclude: Exclude = "",
    suppress: SuppressDoNotMail = True,
    json: Json = False,
) -> None:
    """Apply an import after its dry run, or resume an interrupted one."""
    job = _find(import_id)
    about = _about_columns(job)
    with failing_on(WrongState), _progress_bar() as progress:
        job_lifecycle.start_apply(
            job, operator(), timezone.now(), _warnings(exclude), suppress_do_not_mail=suppress
        )
        _finish(job, progress)
    _print_result(job, about, False, json)


@imports_app.command()
def undo(import_id: ImportId, json: Json = False) -> None:
    """Undo an import, within 30 days; later changes by the subscribers themselves are kept."""
    job = _find(import_id)
    with failing_on(WrongState), _progress_bar() as progress:
        job_lifecycle.start_undo(job, operator(), timezone.now())
        _finish(job, progress)
    if json:
        print_json({"import": job.pk, **job.undo_result})
        return
    print_text("Undone:")
    for name, figure in job.undo_result.items():
        print_text(f"  {name:12}{figure:>12,}")


@imports_app.command()
def discard(import_id: ImportId) -> None:
    """Delete an import that was not applied."""
    with failing_on(WrongState):
        job_lifecycle.discard(_find(import_id), operator(), timezone.now())
    print_text("Discarded; nothing was changed.")


@imports_app.command()
def rejects(
    import_id: ImportId,
    out: Annotated[Path | None, typer.Option(help="File to write; default: stdout.")] = None,
) -> None:
    """Write an import's rejected rows with reasons, as CSV to be corrected and imported again."""
    sheet = rejected_rows_sheet(_find(import_id))
    if out is None:
        write_csv(sheet, sys.stdout)
        return
    with failing_on(OSError), out.open("w", encoding="utf-8", newline="") as target:
        rows = write_csv(sheet, target)
    print_text(f"wrote {rows} rows to {out}")


def _find(import_id: int) -> ImportJob:
    job = ImportJob.objects.filter(pk=import_id).first()
    if job is None:
        fail(f"there is no import {import_id}; `mailer subscribers imports` lists them.")
    return job


def _pairs(given: list[str], form: str, example: str) -> dict[str, str]:
    """Values by name, from "Mail=email"."""
    found = {}
    for one in given:
        name, equals, value = one.rpartition("=")
        if not equals:
            fail(f"“{one}” has no value; write {form}, such as {example}.")
        found[name] = value
    return found


def _value_choices(given: list[str]) -> unknown_values.Choices:
    with failing_on(ValueError):
        return unknown_values.group_choices_by_kind(
            _pairs(given, "--value VALUE=CODE", "--value Kazahstan=KZ")
        )


def _warnings(text: str) -> list[str]:
    found = [one.strip() for one in text.split(",") if one.strip()]
    for one in found:
        if one not in WARNINGS:
            fail(f"“{one}” is not a warning; known: {', '.join(WARNINGS)}.")
    return found


def _finish(job: ImportJob, progress: ProgressReport) -> None:
    """Run the import until it is done, or wait for the process that already runs it."""
    while not job_lifecycle.RUNNER.run(job, timezone.now, lambda: False, progress):
        time.sleep(_POLL_SECONDS)


@contextmanager
def _progress_bar() -> Iterator[ProgressReport]:
    """A bar for each step on a terminal, nothing elsewhere."""
    # Slow, and only for imports that run here.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    terminal = type(console())(stderr=True)
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        yield show


def _print_result(job: ImportJob, about: dict[str, Any], dry_run: bool, json: bool) -> None:
    figures = job.expected if dry_run else job.result
    _print_rejects(job, json)
    if json:
        print_json({**figures, "dry_run": dry_run, "import": job.pk, **about})
        return
    print_text("Nothing was changed; this is what would happen:" if dry_run else "Done:")
    unsubscribed = figures["unsubscribed"]
    for name, label in _LABELS.items():
        note = f"  ({unsubscribed:,} unsubscribed earlier)" if name == "unchanged" and unsubscribed else ""
        print_text(f"  {label:12}{figures[name]:>12,}{note}")
    for name, number in figures["warnings"].items():
        print_text(f"  {number:,} addresses with the warning: {name}")
    if marked := figures.get("do_not_mail"):
        done = (
            "they will be suppressed, unless --no-suppress-do-not-mail is given"
            if dry_run
            else f"{figures['newly_suppressed']:,} suppressed"
        )
        print_text(f"  {marked:,} of the rejected rows are marked as unsubscribed or bounced; {done}")
    _print_columns(about)
    if dry_run:
        print_text(f"To apply it: mailer subscribers imports apply {job.pk}")
    else:
        print_text(f"To undo it within 30 days: mailer subscribers imports undo {job.pk}")


def _about_columns(job: ImportJob) -> dict[str, Any]:
    """What the columns of the file were used for."""
    options = job.options
    return {
        "product": options.get("product", ""),
        "deciding_columns": options.get("deciding", []),
        "unused_columns": dict(options.get("unused", [])),
        "unread_files": options.get("unread", []),
        "unknown_values": [
            UnknownValue(*one)._asdict() for one in options.get("unknown", []) if not _is_chosen(options, one)
        ],
    }


def _is_chosen(options: dict[str, Any], unknown: list[Any]) -> bool:
    kind, value, _rows = unknown
    chosen = unknown_values.folded_choices(options.get("values") or {}).get(kind, {})
    return chosen.get(fold_case_and_apostrophes(value), unknown_values.SKIP) != unknown_values.SKIP


def _print_columns(about: dict[str, Any]) -> None:
    if about["product"]:
        print_text(f"  The file is an export of {about['product']}.")
    if about["deciding_columns"]:
        print_text(f"  Who must get no mail was read from: {', '.join(about['deciding_columns'])}")
    for heading, sample in about["unused_columns"].items():
        example = f" (such as “{sample}”)" if sample else ""
        print_text(f"  Not imported: the column “{heading}”{example}")
    for name in about["unread_files"]:
        print_text(f"  Not read: {name}")
    for one in about["unknown_values"]:
        example = "KZ" if one["kind"] == "countries" else "ru"
        print_text(
            f"  Not known: “{one['value']}”, in {one['rows']:,} rows, which are rejected. "
            f'Say what it means with --value "{one["value"]}={example}"'
        )


def _print_rejects(job: ImportJob, json: bool) -> None:
    kinds = (RejectedRow.Kind.INVALID, RejectedRow.Kind.DO_NOT_MAIL)
    rows = RejectedRow.objects.filter(job=job.pk, kind__in=kinds).order_by("line")
    for line, reason in rows.values_list("line", "reason").iterator(chunk_size=2_000):
        if json:
            print_json({"line": line, "reason": reason})
        else:
            sys.stderr.write(f"line {line}: {reason}\n")


def _summary(job: ImportJob) -> dict[str, Any]:
    return {
        "id": job.pk,
        "state": job.state,
        "file": job.file_name,
        "list": job.mailing_list.slug,
        "source": job.source,
        "created_by": job.created_by,
        "at": job.created_at.isoformat(timespec="seconds"),
        "applied_by": job.applied_by,
        "error": job.error,
        **(job.result or job.expected),
    }
