"""`mailer bench …`: measured comparisons on this machine.

Each command imports its measuring module itself: they are slow to load, and only one is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import typer

from mailer.cli.output import Json, command_group, console, failing_on, print_json

app = command_group("Measured comparisons on this machine; no mail is sent outside it.")

Backends = Annotated[
    list[str] | None,
    typer.Option("--backend", help="sqlite or postgresql; default: both, one after another."),
]


@app.command()
def send(
    messages: Annotated[int, typer.Option(min=1, help="Deliveries in each round.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median is shown.")] = 5,
    backend: Backends = None,
    sessions: Annotated[
        list[int] | None, typer.Option(min=1, help="Connections; default: 1, then 20.")
    ] = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(help="Server that takes the mail: light (no bottleneck) or smtp-sink; default: both."),
    ] = None,
    dkim: Annotated[
        list[str] | None, typer.Option(help="Sign every message: rsa, ed25519; default: none.")
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Encrypt with STARTTLS, to the light server; beside curl.")
    ] = False,
    json: Json = False,
) -> None:
    """Sending with the ledger recorded, beside Postfix's smtp-source to the same sink.

    Signatures are compared with what `openssl speed` signs on all cores.
    """
    from mailer.bench import send as sending
    from mailer.bench.smtp_sinks_and_reference_senders import SINKS

    settings = sending.Plan(
        messages,
        rounds,
        _backends(backend),
        tuple(sessions or sending.SESSIONS),
        tuple(sink or (("light",) if tls else SINKS)),
        tuple(dkim or ()),
        tls,
    )
    _show(sending.measure(settings), json)


@app.command()
def esp(
    service: Annotated[
        list[str] | None, typer.Option(help="postmark, mailjet, mailtrap, sendgrid or brevo; default: all.")
    ] = None,
    messages: Annotated[
        int, typer.Option(min=0, help="Deliveries through each; 0: what makes 400 calls.")
    ] = 0,
    json: Json = False,
) -> None:
    """ESP transports, to a service on loopback with 80 ms latency and some 429s.

    The rate is compared with what its batch size and the connections allow.
    """
    from mailer.bench import esp as calling

    _show(calling.measure(tuple(service or calling.SERVICES), messages), json)


@app.command()
def scale(
    messages: Annotated[int, typer.Option(min=1, help="Deliveries in each round.")] = 60_000,
    rounds: Annotated[
        int,
        typer.Option(
            min=0, help="Rounds with each number of workers in turns; the median is shown. 0: 1, then 5."
        ),
    ] = 0,
    latency: Annotated[float, typer.Option(min=0, help="Milliseconds until the relay replies.")] = 20.0,
    workers: Annotated[list[int] | None, typer.Option(min=1, help="Workers; default: 1, 2, then 4.")] = None,
    bound_by: Annotated[
        Literal["latency", "processor"] | None,
        typer.Option(help="What a worker waits for; default: the relay, then the processor."),
    ] = None,
    json: Json = False,
) -> None:
    """Several workers send one mailing: bound by the relay's latency, and by the processor. On PostgreSQL."""
    from mailer.bench import several_workers

    settings = several_workers.Plan(
        messages,
        rounds,
        latency / 1_000,
        tuple(workers or several_workers.WORKERS),
        (bound_by,) if bound_by else several_workers.BOUNDS,
    )
    _show(several_workers.measure(settings), json)


@app.command()
def million(
    messages: Annotated[int, typer.Option(min=1, help="Deliveries.")] = 1_000_000,
    backend: Backends = None,
    json: Json = False,
) -> None:
    """One long run over 20 sessions: its rate and memory."""
    from mailer.bench import send as sending

    _show(sending.million(messages, _backends(backend)), json)


@app.command()
def plan(
    readers: Annotated[int, typer.Option(min=1, help="Subscribers in the audience.")] = 1_000_000,
    backend: Backends = None,
    json: Json = False,
) -> None:
    """Planning a mailing: one row for each subscriber of the audience."""
    from mailer.bench import send as sending

    _show(sending.plan(readers, _backends(backend)), json)


@app.command()
def clicks(
    requests: Annotated[int, typer.Option(min=1, help="Clicks.")] = 20_000,
    connections: Annotated[int, typer.Option(min=1, help="Connections kept open.")] = 16,
    backend: Backends = None,
    json: Json = False,
) -> None:
    """Clicks through the web process, each written to the database."""
    from mailer.bench import clicks as clicking

    _show(clicking.measure(requests, connections, _backends(backend)), json)


@app.command()
def feedback(
    posts: Annotated[int, typer.Option(min=1, help="Posts in each round.")] = 3_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median is shown.")] = 3,
    backend: Backends = None,
    connections: Annotated[list[int] | None, typer.Option(min=1, help="Connections; default: 8.")] = None,
    json: Json = False,
) -> None:
    """ESP webhooks: posts stored by a web process, each committed before its 200, then processed."""
    from mailer.bench import webhooks

    settings = webhooks.Plan(posts, rounds, _backends(backend), tuple(connections or (8,)))
    _show(webhooks.measure(settings), json)


@app.command("import")
def import_people(
    rows: Annotated[int, typer.Option(min=1, help="Rows of the file.")] = 1_000_000,
    backend: Backends = None,
    json: Json = False,
) -> None:
    """Importing subscribers: read, compared, applied with consent; then the same file again."""
    from mailer.bench import imports

    _show(imports.measure(rows, _backends(backend)), json)


@app.command("login")
def page_during_sign_ins(
    clients: Annotated[int, typer.Option(min=1, help="Clients that post wrong passwords.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 10,
    backend: Backends = None,
    json: Json = False,
) -> None:
    """An unsubscribe page while clients hammer the sign-in, from one network and from many."""
    from mailer.bench import page_load_times as signing_in

    _show(signing_in.measure_during_sign_ins(clients, seconds, _backends(backend)), json)


@app.command()
def pages(
    readers: Annotated[int, typer.Option(min=1, help="Subscribers.")] = 1_000_000,
    mailings: Annotated[int, typer.Option(min=1, help="Latest editions with a delivery for each.")] = 3,
    rounds: Annotated[int, typer.Option(min=2, help="Requests of each page.")] = 50,
    backend: Backends = None,
    json: Json = False,
) -> None:
    """Every page of the desk, with five years of editions, 5,000 stories and many subscribers."""
    from mailer.bench import page_load_times as paging

    _show(paging.measure(readers, mailings, rounds, _backends(backend)), json)


@app.command()
def sources(
    sources: Annotated[int, typer.Option(min=21, help="Feeds, each at a host of its own.")] = 500,
    items: Annotated[int, typer.Option(min=1, help="Entries of each feed.")] = 50,
    latency: Annotated[float, typer.Option(min=0, help="Milliseconds until the server answers.")] = 100.0,
    backend: Backends = None,
    json: Json = False,
) -> None:
    """Polling feeds of a local server: all entries known, nothing new (HTTP 304), and all entries new."""
    from mailer.bench import feed_polling as polling

    _show(polling.measure(polling.Plan(sources, items, latency, _backends(backend))), json)


@app.command("small-machine")
def small_machine(
    readers: Annotated[int, typer.Option(min=1, help="Subscribers who get a message.")] = 100_000,
    json: Json = False,
) -> None:
    """All of `mailer run` in 512 MB: its memory at rest, and while it sends and serves pages."""
    from mailer.bench import small_machine as small

    _show(small.measure(readers), json)


def _backends(named: list[str] | None) -> tuple[str, ...]:
    from mailer.bench.send import DATABASES

    return tuple(named or DATABASES)


def _show(measurements: Iterator[dict[str, Any]], json: bool) -> None:
    from mailer.bench.figure_tables import tables
    from mailer.bench.send import Failed
    from mailer.bench.smtp_sinks_and_reference_senders import Missing

    records = []
    with failing_on(Missing, Failed):
        for record in measurements:
            if json:
                print_json(record)
            else:
                records.append(record)
    for table in tables(records, console().width):
        console().print(table)
