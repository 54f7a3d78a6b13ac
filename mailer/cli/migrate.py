"""`mailer migrate`: bring the database up to date."""

from __future__ import annotations

import typer
from django.core.management import call_command

from mailer.cli.output import say

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring the database up to date with this version; running it twice changes nothing."""
    call_command("migrate", verbosity=0, interactive=False)
    say("The database is up to date.")
