"""`mailer subscribers …`: people in and out by file, and what is known of one of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from django.conf import settings
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from mailer.command.output import Json, emit, fail, failing_on, say
from subscribers.erasing import erase as erase_address
from subscribers.exporting import export_csv
from subscribers.importing import BrokenFile, ImportResult, Refusal, import_csv
from subscribers.models import MailingList, Subscriber
from subscribers.personal import everything
from subscribers.suppress import in_force, written

app = typer.Typer(no_args_is_help=True, help="Import, export, show and erase people.")

Address = Annotated[str, typer.Argument(metavar="A@B", help="The address.")]


@app.command("import")
def import_people(
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8 with columns email, name, language, countries.")],
    to: Annotated[str, typer.Option("--list", metavar="SLUG", help="The list that they join.")],
    source: Annotated[
        str, typer.Option(help="How they gave their consent, in words; default: the file's name.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count, change nothing.")] = False,
    json: Json = False,
) -> None:
    """Put the people of a file on a list, whole or not at all; refused rows are named one by one."""
    mailing_list = _list(to)
    with failing_on(BrokenFile, ValueError, OSError), file.open("rb") as stream:
        size = file.stat().st_size
        with _progress(stream, size) as on_batch:
            result = import_csv(
                stream,
                mailing_list,
                source or f"file {file.name}",
                timezone.now(),
                default_language=settings.CONFIG.site.languages[0],
                dry_run=dry_run,
                on_refusal=_refusals(json),
                on_batch=on_batch,
            )
    if json:
        emit(result.as_dict())
    else:
        _tell(result)


@app.command("export")
def export_people(
    from_list: Annotated[str, typer.Option("--list", metavar="SLUG", help="One list; default: all.")] = "",
    out: Annotated[Path | None, typer.Option(help="File to write; default: stdout.")] = None,
) -> None:
    """Write people and their subscriptions as CSV, which `import` reads again."""
    mailing_list = _list(from_list) if from_list else None
    if out is None:
        export_csv(sys.stdout, mailing_list)
        return
    with failing_on(OSError), out.open("w", encoding="utf-8", newline="") as target:
        rows = export_csv(target, mailing_list)
    say(f"wrote {rows} rows to {out}")


@app.command()
def show(address: Address, json: Json = False) -> None:
    """What is known of one person; with --json all that is kept about them."""
    person = Subscriber.objects.filter(email=written(address)).first()
    suppression = in_force(address)
    if person is None and suppression is None:
        fail("nobody here has this address.")
    known: dict[str, Any] = everything(person) if person else {"email": None, "subscriptions": []}
    known["suppressed"] = suppression.reason if suppression else None
    if json:
        emit(known)
        return
    for name, value in known.items():
        if not isinstance(value, list) or name == "countries":
            say(f"{name:12}{', '.join(value) if isinstance(value, list) else value or '–'}")
    for row in known.get("consents", []):
        about = f" {row['list']}" if row["list"] else ""
        say(f"{'said':12}{row['at']} {row['act']}{about} by {row['how']}")
    for row in known["subscriptions"]:
        say(f"{'on':12}{row['list']}: {row['state']} since {row['since']} ({row['source']})")


@app.command()
def erase(address: Address, json: Json = False) -> None:
    """Delete a person for good; a hash of the address stays, so that no import brings it back."""
    if not erase_address(address, timezone.now()):
        fail("nobody here has this address; nothing was changed.")
    if json:
        emit({"erased": True})
    else:
        say("Erased. Only a keyed hash of the address stays, and no mailing will reach it.")


def _list(slug: str) -> MailingList:
    found = MailingList.objects.filter(slug=slug).first()
    if found is None:
        known = ", ".join(MailingList.objects.values_list("slug", flat=True)) or "none yet"
        fail(f"there is no list “{slug}”; there are: {known}.")
    return found


def _refusals(json: bool) -> Callable[[Refusal], None]:
    def print_line(refusal: Refusal) -> None:
        sys.stderr.write(f"line {refusal.line}: {refusal.reason}\n")

    def print_json(refusal: Refusal) -> None:
        emit({"line": refusal.line, "reason": refusal.reason})

    return print_json if json else print_line


@contextmanager
def _progress(stream: BinaryIO, size: int) -> Iterator[Callable[[ImportResult], None]]:
    """A bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Importing", total=size)
        yield lambda result: bar.update(task, completed=stream.tell(), description=f"{result.read:,} rows")


def _tell(result: ImportResult) -> None:
    figures = result.as_dict()
    say("Nothing was changed; this is what would happen:" if figures.pop("dry_run") else "Done:")
    figures.pop("revived")
    left = figures.pop("unsubscribed")
    for name, number in figures.items():
        note = f"  ({left:,} of them had unsubscribed and stay so)" if name == "unchanged" and left else ""
        say(f"  {name:12}{number:>12,}{note}")
