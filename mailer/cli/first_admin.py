"""The second half of `mailer init`, with Django: database, groups, first admin."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from django.contrib.auth.models import User
from django.core.management import call_command

from mailer.cli.output import fail
from mailer.desk.accounts.groups import ensure_groups

app = typer.Typer()


@app.command()
def first_admin(username: str, email: Annotated[str, typer.Argument()] = "") -> None:
    """Make the database and one superuser; its password comes in the environment, hidden from others."""
    password = os.environ.get("MAILER_FIRST_PASSWORD", "")
    if not password:
        fail("MAILER_FIRST_PASSWORD is empty; use `mailer init`.")
    call_command("migrate", verbosity=0, interactive=False)
    ensure_groups()
    if not User.objects.filter(username=username).exists():
        User.objects.create_superuser(username, email, password)
