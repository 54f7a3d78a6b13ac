"""`mailer edition …` about what was sent: the report, its tables, who was not reached, edition by edition."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from django.conf import settings
from django.utils import timezone
from rich.table import Table as Printed

from mailer.cli.lookup import Name, edition_named, one_named
from mailer.cli.mailings import OfRehearsal, mailing_of, note, rehearsal_told
from mailer.cli.output import Json, console, emit, fail, failing_on, say
from mailer.delivery.models import Mailing
from mailer.delivery.rollout import stop_rules
from mailer.editions.models import Newsletter
from mailer.reports import not_delivered as missing
from mailer.reports.collect import count
from mailer.reports.edition_state import edition_summary
from mailer.reports.engagement import Reading, reading_of, reading_tables
from mailer.reports.export import Sheet, long_sheet, sheet_of, write_csv, write_xlsx
from mailer.reports.labels import number, percent
from mailer.reports.stats import Counts
from mailer.reports.summary import summary
from mailer.reports.table import Cell, Column, Table
from mailer.reports.tables import tables
from mailer.reports.totals import latest_mailing, latest_rehearsal
from mailer.reports.trend import editions_sent, trend_table

app = typer.Typer()

ToCsv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="As CSV; - for stdout.")]
ToXlsx = Annotated[Path | None, typer.Option("--xlsx", metavar="FILE", help="As a workbook.")]


@app.command()
def report(
    edition: Name,
    table: Annotated[str, typer.Option(help="One of its tables, such as failures or providers.")] = "",
    csv: ToCsv = None,
    xlsx: ToXlsx = None,
    rehearsal: OfRehearsal = False,
    json: Json = False,
) -> None:
    """The balanced account of an edition's mailing, in words and numbers, and the tables behind it."""
    found = edition_named(edition)
    mailing = latest_rehearsal(found) if rehearsal else latest_mailing(found)
    counts = count(mailing, timezone.now()) if mailing else Counts()
    reading = reading_of(mailing) if mailing else Reading()
    made = {**tables(counts, found.newsletter.zone), **reading_tables(reading)}
    if table and table not in made:
        fail(f"a report has no table “{table}”; it has {', '.join(made)}.")
    chosen = [made[table]] if table else list(made.values())
    if csv or xlsx:
        whole = chosen if table or xlsx else []
        written = _written([sheet_of(one) for one in whole] or [long_sheet(chosen)], csv, xlsx)
        note(found, "export")
        say(f"wrote {written} rows to {xlsx or csv}") if str(csv) != "-" else None
    elif json:
        about = rehearsal_told(mailing) if mailing and rehearsal else {}
        told = {
            "summary": list(summary(counts, reading.sentence)),
            "left": dict(counts.left),
            "stops": stop_rules.told(mailing) if mailing else [],
        }
        rows = {one.key: one.records() for one in chosen}
        emit({**edition_summary(found), **about, **counts.account.as_dict(), **told, "tables": rows})
    elif table:
        _print(chosen[0])
    else:
        _tell(f"{found}: {_state(mailing, found, rehearsal)}", mailing, counts, reading)
        say(f"  Tables: {', '.join(made)} (--table).")


@app.command()
def trend(
    newsletter: Annotated[str, typer.Argument(help="Slug or id.")],
    csv: ToCsv = None,
    xlsx: ToXlsx = None,
    json: Json = False,
) -> None:
    """A newsletter's editions that were sent, newest first, each with what it came to."""
    found = one_named(Newsletter, newsletter)
    made = trend_table(editions_sent(found, timezone.now()))
    if csv or xlsx:
        written = _written([sheet_of(made)], csv, xlsx)
        say(f"wrote {written} rows to {xlsx or csv}") if str(csv) != "-" else None
    elif json:
        for row in made.records():
            emit({"newsletter": found.slug, **row})
    else:
        _print(made)


@app.command()
def unreached(
    edition: Name,
    reason: Annotated[str, typer.Option(help="Only these, such as suppressed or bounced.")] = "",
    csv: ToCsv = None,
    xlsx: ToXlsx = None,
    rehearsal: OfRehearsal = False,
    json: Json = False,
) -> None:
    """Who did not get it, and why; an erased reader is a number without an address."""
    found = edition_named(edition)
    readers = missing.unreached(mailing_of(found, rehearsal), reason)
    if csv or xlsx:
        written = _written([missing.sheet(readers)], csv, xlsx)
        note(found, "unreached")
        say(f"wrote {written} readers to {xlsx or csv}") if str(csv) != "-" else None
        return
    listed = 0
    for listed, one in enumerate(readers, start=1):  # noqa: B007  (the last one is told)
        emit(one.as_dict()) if json else say(_line(one))
    if not json:
        say(f"{listed} not reached." if listed else "Everybody in the audience got it, as far as we know.")


def _written(sheets: list[Sheet], csv: Path | None, xlsx: Path | None) -> int:
    """How many rows went into the file."""
    with failing_on(OSError):
        if xlsx is not None:
            with _private(xlsx).open("wb") as file:
                return write_xlsx(sheets, file)
        if csv is None or str(csv) == "-":
            return write_csv(sheets[0], sys.stdout)
        with _private(csv).open("w", encoding="utf-8", newline="") as lines:
            return write_csv(sheets[0], lines)


def _private(path: Path) -> Path:
    """Addresses are nobody else's business."""
    path.touch(mode=0o600)
    return path


def _state(mailing: Mailing | None, edition: Any, rehearsal: bool) -> str:
    if mailing is None:
        return str(edition_summary(edition)["state"])
    to = f", a rehearsal to {mailing.rehearsal_to}" if rehearsal else ""
    return f"{mailing.get_state_display()}{to}"


def _tell(head: str, mailing: Mailing | None, counts: Counts, reading: Reading) -> None:
    say(head)
    if mailing and mailing.reason:
        say(f"  {mailing.reason}")
    for one in mailing.interventions.all() if mailing else ():
        at = one.at.astimezone(ZoneInfo(settings.CONFIG.site.timezone))
        say(f"  {at:%Y-%m-%d %H:%M} {one.get_deed_display()}: {one.words}")
    for sentence in summary(counts, reading.sentence) if mailing else ():
        say(f"  {sentence}")
    for name, value in counts.account.as_dict().items():
        if isinstance(value, dict):
            for reason, readers in value.items():
                say(f"  {'left out: ' + reason.replace('_', ' '):32}{readers:>9}")
        else:
            say(f"  {name.replace('_', ' '):32}{value:>9}")


def _line(one: missing.Unreached) -> str:
    said = f" “{one.reply}”" if one.reply else ""
    later = f" Next try {one.due_at:%Y-%m-%d %H:%M} UTC." if one.due_at else ""
    return f"{one.email or f'reader {one.subscriber} (erased)'}: {one.words or one.state}.{said}{later}"


def _print(table: Table) -> None:
    printed = Printed(
        title=table.title, title_justify="left", caption=table.note or None, caption_justify="left"
    )
    for column in table.columns:
        printed.add_column(column.label, justify="left" if column.kind == "text" else "right")
    for row in (*table.rows, *([table.total] if table.total else [])):
        printed.add_row(*(_cell(cell, column) for cell, column in zip(row, table.columns, strict=True)))
    console.print(printed)


def _cell(cell: Cell, column: Column) -> str:
    if cell is None or isinstance(cell, str):
        return cell or ""
    return percent(cell) if column.kind == "share" else number(int(cell))
