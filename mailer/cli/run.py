"""`mailer run`: web and worker, kept running."""

from __future__ import annotations

import threading

import typer
from django.conf import settings
from django.core.management import call_command

from mailer.cli.output import say
from mailer.delivery.smtp import dkim
from mailer.worker.local import stop_on_signals
from mailer.worker.supervisor import itself, supervise

app = typer.Typer()


@app.command()
def run() -> None:
    """Bring the database up to date, then keep web and worker running until asked to stop."""
    dkim.configured()
    call_command("migrate", verbosity=0, interactive=False)
    stop = threading.Event()
    stop_on_signals(stop)
    web = settings.CONFIG.web
    say(f"Serving {settings.CONFIG.site.url} on {web.host}:{web.port}; Ctrl-C stops.")
    supervise({"web": itself("web"), "worker": itself("worker")}, stop)
