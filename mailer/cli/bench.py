"""`mailer bench …`: measured comparisons on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.table import Table

from mailer.bench import clicks as following
from mailer.bench import imports as bringing
from mailer.bench import pages as looking
from mailer.bench import send as sending
from mailer.bench import webhooks
from mailer.bench.peers import SINKS, Missing
from mailer.cli.output import Json, console, emit, failing_on

app = typer.Typer(no_args_is_help=True, help="Measured comparisons on this machine; nothing leaves it.")

Backends = Annotated[
    list[str] | None,
    typer.Option("--backend", help="sqlite or postgresql; default: both, one after another."),
]


@app.command()
def send(
    messages: Annotated[int, typer.Option(min=1, help="Deliveries in each round.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many is shown.")] = 5,
    backend: Backends = None,
    sessions: Annotated[
        list[int] | None, typer.Option(min=1, help="Connections; default: 1, then 20.")
    ] = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(help="Who takes the mail: light (never the brake) or smtp-sink; default: both."),
    ] = None,
    dkim: Annotated[
        list[str] | None, typer.Option(help="Sign every message: rsa, ed25519; default: none.")
    ] = None,
    json: Json = False,
) -> None:
    """Sending, ledger and all, beside Postfix's smtp-source to the same sink."""
    what = sending.Plan(
        messages,
        rounds,
        tuple(backend or sending.BACKENDS),
        tuple(sessions or sending.SESSIONS),
        tuple(sink or SINKS),
        tuple(dkim or ()),
    )
    _show(sending.measure(what), json)


@app.command()
def million(
    messages: Annotated[int, typer.Option(min=1, help="Deliveries.")] = 1_000_000,
    backend: Backends = None,
    json: Json = False,
) -> None:
    """One long run over 20 sessions: its rate, and how much memory it takes."""
    _show(sending.million(messages, tuple(backend or sending.BACKENDS)), json)


@app.command()
def plan(
    readers: Annotated[int, typer.Option(min=1, help="Readers of the mailing.")] = 1_000_000,
    backend: Backends = None,
    json: Json = False,
) -> None:
    """Planning a mailing: membership frozen, one row per reader."""
    _show(sending.plan(readers, tuple(backend or sending.BACKENDS)), json)


@app.command()
def clicks(
    requests: Annotated[int, typer.Option(min=1, help="Clicks.")] = 20_000,
    connections: Annotated[int, typer.Option(min=1, help="Connections kept open.")] = 16,
    backend: Backends = None,
    json: Json = False,
) -> None:
    """Clicks on a mail's link through the web process, each written to the database."""
    _show(following.measure(requests, connections, tuple(backend or sending.BACKENDS)), json)


@app.command()
def feedback(
    posts: Annotated[int, typer.Option(min=1, help="Posts in each round.")] = 3_000,
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many is shown.")] = 3,
    backend: Backends = None,
    connections: Annotated[list[int] | None, typer.Option(min=1, help="Open at a time; default: 8.")] = None,
    json: Json = False,
) -> None:
    """Services' webhooks: posts kept by a web process, each committed before its 200, and read afterwards."""
    what = webhooks.Plan(posts, rounds, tuple(backend or sending.BACKENDS), tuple(connections or (8,)))
    _show(webhooks.measure(what), json)


@app.command("import")
def import_people(
    rows: Annotated[int, typer.Option(min=1, help="Rows of the file.")] = 1_000_000,
    backend: Backends = None,
    json: Json = False,
) -> None:
    """Importing people: read, compared, applied with consent; then the same file again."""
    _show(bringing.measure(rows, tuple(backend or sending.BACKENDS)), json)


@app.command()
def pages(
    readers: Annotated[int, typer.Option(min=1, help="Readers.")] = 1_000_000,
    mailings: Annotated[int, typer.Option(min=1, help="Editions that were sent to all of them.")] = 10,
    rounds: Annotated[int, typer.Option(min=2, help="How often each page is asked for.")] = 50,
    backend: Backends = None,
    json: Json = False,
) -> None:
    """The desk's pages over many readers and deliveries: people found, and what became of mailings."""
    _show(looking.measure(readers, mailings, rounds, tuple(backend or sending.BACKENDS)), json)


def _show(measurements: Iterator[dict[str, Any]], json: bool) -> None:
    table = Table()
    with failing_on(Missing, sending.Failed):
        for number, one in enumerate(measurements):
            if json:
                emit(one)
                continue
            if not number:
                for name in one:
                    table.add_column(name.replace("_", " "), justify="right")
            table.add_row(*map(_written, one.values()))
    if not json:
        console.print(table)


def _written(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int | float) else str(value)
