"""`mailer edition report`, `not-delivered` and `trend`: results of mailings for people and programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from django.conf import settings
from django.utils import timezone

from mailer.cli.argument_lookup import DryRun, EditionName, NewsletterName, find, find_edition, find_mailing
from mailer.cli.edition_command_results import dry_run_as_json, record_action
from mailer.cli.output import Json, command_group, console, fail, failing_on, print_json, print_text
from mailer.delivery.models import Mailing
from mailer.editions.models import Newsletter
from mailer.reports.edition_state import edition_as_json
from mailer.reports.number_formats import format_number, format_percent
from mailer.reports.stats import Stats, latest_dry_run, latest_mailing
from mailer.reports.tables import Cell, Column, Table, report_tables

if TYPE_CHECKING:
    from mailer.reports.mailing_engagement import Engagement
    from mailer.reports.not_delivered import NotDelivered
    from mailer.reports.spreadsheet_export import Sheet

# What counts, and what writes spreadsheets, is imported by the commands that do.
app = command_group()

ToCsv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write CSV; - for stdout.")]
ToXlsx = Annotated[Path | None, typer.Option("--xlsx", metavar="FILE", help="Write an Excel workbook.")]


@app.command()
def report(
    edition: EditionName,
    table: Annotated[str, typer.Option(help="Only this table, such as failures or providers.")] = "",
    csv: ToCsv = None,
    xlsx: ToXlsx = None,
    of_dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Show the balanced account of an edition's mailing: a summary, totals, and detailed tables."""
    from mailer.reports.collect_stats import collect
    from mailer.reports.mailing_engagement import Engagement, click_tables, engagement_of
    from mailer.reports.reason_labels_and_mailing_summary import mailing_summary

    found = find_edition(edition)
    mailing = latest_dry_run(found) if of_dry_run else latest_mailing(found)
    counts = collect(mailing, timezone.now()) if mailing else Stats()
    engagement = engagement_of(mailing) if mailing else Engagement()
    available = {**report_tables(counts, found.newsletter.zone), **click_tables(engagement)}
    if table and table not in available:
        fail(f"a report has no table “{table}”; it has {', '.join(available)}.")
    chosen = [available[table]] if table else list(available.values())
    if csv or xlsx:
        from mailer.reports.spreadsheet_export import long_format_sheet, table_sheet_without_totals

        whole = chosen if table or xlsx else []
        rows_written = _write(
            [table_sheet_without_totals(one) for one in whole] or [long_format_sheet(chosen)], csv, xlsx
        )
        record_action(found, "export_report")
        _say_written(rows_written, "rows", csv, xlsx)
    elif json:
        from mailer.delivery.rollout import apply_stop_rules

        print_json(
            {
                **edition_as_json(found),
                **(dry_run_as_json(mailing) if mailing and of_dry_run else {}),
                **counts.totals.as_dict(),
                "summary": list(mailing_summary(counts, engagement.summary)),
                "unsubscribed": dict(counts.unsubscribes),
                "stop_rules": apply_stop_rules.stop_rule_actions_as_json(mailing) if mailing else [],
                "tables": {one.key: one.records() for one in chosen},
            }
        )
    elif table:
        _print_table(chosen[0])
    else:
        _print_report(f"{found}: {_state(mailing, found, of_dry_run)}", mailing, counts, engagement)
        print_text(f"  Tables: {', '.join(available)} (--table).")


@app.command()
def trend(newsletter: NewsletterName, csv: ToCsv = None, xlsx: ToXlsx = None, json: Json = False) -> None:
    """Compare a newsletter's sent editions, newest first."""
    from mailer.reports.trend import latest_sent_editions, trend_table

    found = find(Newsletter, newsletter)
    table = trend_table(latest_sent_editions(found, timezone.now()))
    if csv or xlsx:
        from mailer.reports.spreadsheet_export import table_sheet_without_totals

        _say_written(_write([table_sheet_without_totals(table)], csv, xlsx), "rows", csv, xlsx)
    elif json:
        for row in table.records():
            print_json({"newsletter": found.slug, **row})
    else:
        _print_table(table)


@app.command("not-delivered")
def not_delivered(
    edition: EditionName,
    reason: Annotated[str, typer.Option(help="Only this reason, such as suppressed or bounced.")] = "",
    csv: ToCsv = None,
    xlsx: ToXlsx = None,
    of_dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """List the recipients who did not get the edition, with reasons; erased ones without an address."""
    from mailer.reports import not_delivered as undelivered

    found = find_edition(edition)
    recipients = undelivered.not_delivered(find_mailing(found, of_dry_run), reason)
    if csv or xlsx:
        rows_written = _write([undelivered.not_delivered_sheet(recipients)], csv, xlsx)
        record_action(found, "export_not_delivered")
        _say_written(rows_written, "recipients", csv, xlsx)
        return
    total = 0
    for recipient in recipients:
        total += 1
        print_json(recipient.as_dict()) if json else print_text(_recipient_line(recipient))
    if not json:
        print_text(
            f"Not delivered to {total}." if total else "Delivered to the whole audience, as far as is known."
        )


def _write(sheets: list[Sheet], csv: Path | None, xlsx: Path | None) -> int:
    """Write the file and return the number of rows. Fails when the file cannot be written."""
    from mailer.reports.spreadsheet_export import write_csv, write_xlsx

    with failing_on(OSError):
        if xlsx is not None:
            with _private_file(xlsx).open("wb") as workbook:
                return write_xlsx(sheets, workbook)
        if csv is None or str(csv) == "-":
            return write_csv(sheets[0], sys.stdout)
        with _private_file(csv).open("w", encoding="utf-8", newline="") as lines:
            return write_csv(sheets[0], lines)


def _private_file(path: Path) -> Path:
    """The file holds addresses: only its owner may read it."""
    path.touch(mode=0o600)
    return path


def _say_written(rows: int, noun: str, csv: Path | None, xlsx: Path | None) -> None:
    if str(csv) != "-":
        print_text(f"wrote {rows} {noun} to {xlsx or csv}")


def _state(mailing: Mailing | None, edition: Any, dry_run: bool) -> str:
    if mailing is None:
        return str(edition_as_json(edition)["state"])
    to = f", a dry run to {mailing.dry_run_to}" if dry_run else ""
    return f"{mailing.get_state_display()}{to}"


def _print_report(title: str, mailing: Mailing | None, counts: Stats, engagement: Engagement) -> None:
    from mailer.reports.reason_labels_and_mailing_summary import mailing_summary

    print_text(title)
    if mailing and mailing.reason:
        print_text(f"  {mailing.reason}")
    for one in mailing.interventions.all() if mailing else ():
        at = one.at.astimezone(ZoneInfo(settings.CONFIG.site.timezone))
        print_text(f"  {at:%Y-%m-%d %H:%M} {one.get_action_display()}: {one.message}")
    for sentence in mailing_summary(counts, engagement.summary) if mailing else ():
        print_text(f"  {sentence}")
    for name, value in counts.totals.as_dict().items():
        if isinstance(value, dict):
            for reason, recipients in value.items():
                print_text(f"  {'excluded: ' + reason.replace('_', ' '):32}{recipients:>9}")
        else:
            print_text(f"  {name.replace('_', ' '):32}{value:>9}")


def _recipient_line(recipient: NotDelivered) -> str:
    reply = f" “{recipient.reply}”" if recipient.reply else ""
    retry = f" Next attempt {recipient.due_at:%Y-%m-%d %H:%M} UTC." if recipient.due_at else ""
    address = recipient.email or f"subscriber {recipient.subscriber} (erased)"
    return f"{address}: {recipient.reason_label or recipient.state}.{reply}{retry}"


def _print_table(table: Table) -> None:
    from rich.table import Table as PrintedTable  # slow, and only for people

    printed = PrintedTable(
        title=str(table.title), title_justify="left", caption=str(table.note) or None, caption_justify="left"
    )
    for column in table.columns:
        printed.add_column(str(column.label), justify="left" if column.kind == "text" else "right")
    for row in (*table.rows, *([table.total] if table.total else [])):
        printed.add_row(*(_cell(cell, column) for cell, column in zip(row, table.columns, strict=True)))
    console().print(printed)


def _cell(cell: Cell, column: Column) -> str:
    if cell is None or isinstance(cell, str):
        return cell or ""
    return format_percent(cell) if column.kind == "share" else format_number(int(cell))
