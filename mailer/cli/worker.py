"""`mailer worker`: run the jobs of every stage."""

from __future__ import annotations

import threading

import typer

from mailer.cli.output import failing_on
from mailer.worker import local

app = typer.Typer()


@app.command()
def worker() -> None:
    """Assemble, send and read what comes back, until asked to stop."""
    stop = threading.Event()
    local.stop_on_signals(stop)
    with failing_on(local.WorkerRuns):
        local.run(stop)
