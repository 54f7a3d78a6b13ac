"""`mailer doctor`: check everything that mail depends on, and say what to change."""

from __future__ import annotations

import ipaddress
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from django.utils import timezone
from rich.text import Text

from mailer.cli.output import Json, command_group, console, fail, failing_on, print_json, print_text
from mailer.doctor import runner
from mailer.doctor.check_types import CheckResult
from mailer.doctor.dns_client import Dns
from mailer.doctor.requested_check_runs import TITLES

app = command_group()

_MARKS = {
    "ok": ("✓ ok", "green"),
    "warning": ("! warning", "yellow"),
    "problem": ("✗ problem", "red"),
    "skipped": ("· skipped", "dim"),
}
_INDENT = 11


@app.command()
def doctor(
    json: Json = False,
    nameserver: Annotated[
        str, typer.Option(help="Query this DNS server (an IP address) instead of the machine's own.")
    ] = "",
    nameserver_port: Annotated[int, typer.Option(hidden=True)] = 53,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds to wait for each answer of another server.")
    ] = 10,
    only: Annotated[list[str] | None, typer.Option(help="Make this check only; may be repeated.")] = None,
) -> None:
    """Check configuration, machine, relay, DNS and bounces; exit status 1 if there is a problem."""
    for name in only or ():
        if name not in TITLES:
            fail(f"there is no check “{name}”; known: {', '.join(TITLES)}.")
    if nameserver:
        with failing_on(ValueError):
            ipaddress.ip_address(nameserver)
    context = runner.create_context(Dns(nameserver, nameserver_port, min(timeout, 5.0)), timeout)
    counted: Counter[str] = Counter()
    with _progress() as waiting:
        for result in runner.run_checks(context, timezone.now(), waiting, only):
            counted[result.status] += 1
            print_json(result.as_dict()) if json else _show(result)
    if not json:
        _summarise(counted)
    if counted["problem"]:
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show the check that is being waited for in a temporary line on stderr, in a terminal only."""
    watched = type(console())(stderr=True, highlight=False)
    if not watched.is_terminal:
        yield lambda title: None
        return
    with watched.status("Checking …") as status:
        yield lambda title: status.update(f"Waiting for {title or 'DNS'} …")


def _show(result: CheckResult) -> None:
    mark, colour = _MARKS[result.status]
    subject = f" {result.subject}" if result.subject else ""
    console().print(
        Text.assemble((f"{mark:<{_INDENT}}", colour), (str(TITLES[result.check]), "bold"), subject)
    )
    for text in (result.message, f"→ {result.advice}" if result.advice else ""):
        if text:
            print_text(_indented(text))
    for record in result.records:
        # Not wrapped, so that it can be copied whole.
        for name, value in (("Name ", record.name), ("Type ", record.type), ("Value", record.value)):
            console().print(Text.assemble(" " * (_INDENT + 2), (name, "dim"), f" {value}"), soft_wrap=True)


def _indented(text: str) -> str:
    """Wrapped to the console's width; records and addresses are not broken."""
    width = console().width - _INDENT
    wrapped = textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
    return textwrap.indent(wrapped, " " * _INDENT)


def _summarise(counted: Counter[str]) -> None:
    parts = []
    for status, one, more in (
        ("problem", "problem", "problems"),
        ("warning", "warning", "warnings"),
        ("ok", "in order", "in order"),
        ("skipped", "skipped", "skipped"),
    ):
        if count := counted[status]:
            parts.append(f"{count} {one if count == 1 else more}")
    console().print(f"\n{', '.join(parts)}.")
