"""`mailer web`: serve the pages."""

from __future__ import annotations

import signal
import sys

import typer

from mailer.worker.server import serve

app = typer.Typer()

_ENDS = (signal.SIGTERM, signal.SIGINT)


@app.command()
def web() -> None:
    """Serve the pages on [web] host and port."""
    for number in _ENDS:
        signal.signal(number, _end)
    serve()


def _end(*_: object) -> None:
    """Come to an end, and let nobody hurry it: what was counted is still written."""
    for number in _ENDS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0)
