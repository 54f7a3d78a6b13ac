"""`mailer subscribers …`: import, export, show and erase subscribers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from django.utils import timezone
from wagtail.log_actions import log

from mailer.cli import subscriber_imports
from mailer.cli.lookup import find_list, operator
from mailer.cli.output import Json, command_group, emit, fail, failing_on, say
from mailer.reports.export import subscribers_sheet, write_csv, write_xlsx
from subscribers.exports import json_lines
from subscribers.models import MailingList, Subscriber
from subscribers.privacy.data_access import collect
from subscribers.privacy.erasure import erase as erase_address
from subscribers.suppression import active_suppression, normalise_or_lower

app = command_group("Import, export, show and erase subscribers.")
app.command("import")(subscriber_imports.import_people)
app.add_typer(subscriber_imports.app, name="imports")

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
    kind = kind or (out.suffix.lstrip(".") if out and out.suffix in (".xlsx", ".json") else "csv")
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
    say(f"wrote {rows} rows to {out}")


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
    data: dict[str, Any] = collect(subscriber) if subscriber else {"email": None, "subscriptions": []}
    data["suppressed"] = suppression.reason if suppression else None
    if json:
        emit(data)
        return
    for name, value in data.items():
        if isinstance(value, dict):
            value = [f"{field}: {content}" for field, content in value.items()]
        if not isinstance(value, list) or all(isinstance(one, str) for one in value):
            say(f"{name:20}{', '.join(value) if isinstance(value, list) else value or '–'}")
    for row in data.get("consents", []):
        about = f" {row['list']}" if row["list"] else ""
        say(f"{'consent':20}{row['at']} {row['act']}{about} by {row['how']}")
    for row in data["subscriptions"]:
        say(f"{'list':20}{row['list']}: {row['state']} since {row['since']} ({row['source']})")


@app.command()
def erase(address: Address, json: Json = False) -> None:
    """Erase a subscriber; a hash of the address is kept, so that no import adds it again."""
    if not erase_address(address, timezone.now()):
        fail("no subscriber has this address; nothing was changed.")
    if json:
        emit({"erased": True})
    else:
        say("Erased. Only a keyed hash of the address is kept, and no mailing will be sent to it.")
