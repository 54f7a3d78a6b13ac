"""The second half of `mailer demo`, with Django."""

from __future__ import annotations

import threading

import typer

from mailer.cli.output import emit, fail, say
from mailer.demo import run
from mailer.worker.local import stop_on_signals
from mailer.worker.supervisor import itself, supervise

app = typer.Typer(no_args_is_help=True)


@app.command()
def serve() -> None:
    """Web, worker and mail catcher, until asked to stop."""
    stop = threading.Event()
    stop_on_signals(stop)
    run.set_up()
    say(f"\n  The demo is ready: {run.start_page()}\n  Nothing leaves this machine. Ctrl-C stops it.\n")
    programs = {"catcher": itself("rehearse", "catcher"), "web": itself("web"), "worker": itself("worker")}
    supervise(programs, stop)


@app.command()
def once() -> None:
    """From stories to inboxes, unattended; the last line is the account as JSON."""
    try:
        result = run.play()
    except run.Unfinished as error:
        fail(error)
    emit(result)


@app.command()
def catcher() -> None:
    """The mail catcher alone."""
    stop = threading.Event()
    stop_on_signals(stop)
    run.catch(stop)
