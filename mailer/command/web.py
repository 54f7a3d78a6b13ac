"""`mailer web`: serve the pages."""

from __future__ import annotations

import signal
import sys

import typer

from mailer.work.server import serve

app = typer.Typer()


@app.command()
def web() -> None:
    """Serve the pages on [web] host and port."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve()
