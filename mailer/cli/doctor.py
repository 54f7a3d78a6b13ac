"""`mailer doctor`: look at everything that mail depends on, and say what to change."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from django.utils import timezone
from rich.console import Console
from rich.text import Text

from mailer.cli.output import Json, console, emit, say
from mailer.doctor import runner
from mailer.doctor.dns import Names
from mailer.doctor.records import Finding

app = typer.Typer()

_TITLES = {
    "configuration": "Configuration",
    "database": "Database",
    "storage": "Storage",
    "clock": "Clock",
    "worker": "Worker",
    "web": "Web process",
    "site": "Site",
    "one_click": "One-click leaving",
    "service": "Service",
    "webhooks": "Webhooks",
    "relay": "Relay",
    "tls": "Encryption",
    "spf": "SPF",
    "dkim": "DKIM",
    "dmarc": "DMARC",
    "reverse_dns": "Reverse DNS",
    "bounce_mx": "Bounce domain",
    "bounce_mailbox": "Bounce mailbox",
}
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
        str, typer.Option(help="Ask this DNS server (an IP address) in place of the machine's own.")
    ] = "",
    nameserver_port: Annotated[int, typer.Option(hidden=True)] = 53,
    patience: Annotated[float, typer.Option(help="Seconds to wait for each answer from elsewhere.")] = 10,
) -> None:
    """Check configuration, machine, relay, DNS and the way back; exit status 1 when there is a problem."""
    world = runner.world(Names(nameserver, nameserver_port, min(patience, 5.0)), patience)
    counted: Counter[str] = Counter()
    with _progress() as waiting:
        for finding in runner.examine(world, timezone.now(), waiting):
            counted[finding.verdict] += 1
            emit(finding.as_dict()) if json else _show(finding)
    if not json:
        _sum_up(counted)
    if counted["problem"]:
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """What is waited for, on a line that goes away; on stderr, and only where somebody watches."""
    watched = Console(stderr=True, highlight=False)
    if not watched.is_terminal:
        yield lambda words: None
        return
    with watched.status("Looking …") as status:
        yield lambda words: status.update(f"Waiting for {words or 'DNS'} …")


def _show(finding: Finding) -> None:
    mark, colour = _MARKS[finding.verdict]
    subject = f" {finding.subject}" if finding.subject else ""
    console.print(Text.assemble((f"{mark:<{_INDENT}}", colour), (_TITLES[finding.check], "bold"), subject))
    for words in (finding.seen, f"→ {finding.advice}" if finding.advice else ""):
        if words:
            say(_indented(words))
    for record in finding.records:
        # Not wrapped by us, so that it can be copied whole.
        for name, value in (("Name ", record.name), ("Type ", record.type), ("Value", record.value)):
            console.print(Text.assemble(" " * (_INDENT + 2), (name, "dim"), f" {value}"), soft_wrap=True)


def _indented(words: str) -> str:
    """In lines of the console's width; records and addresses stay whole."""
    room = console.width - _INDENT
    wrapped = textwrap.fill(words, room, break_long_words=False, break_on_hyphens=False)
    return textwrap.indent(wrapped, " " * _INDENT)


def _sum_up(counted: Counter[str]) -> None:
    parts = []
    for verdict, one, more in (
        ("problem", "problem", "problems"),
        ("warning", "warning", "warnings"),
        ("ok", "in order", "in order"),
        ("skipped", "skipped", "skipped"),
    ):
        if count := counted[verdict]:
            parts.append(f"{count} {one if count == 1 else more}")
    console.print(f"\n{', '.join(parts)}.")
