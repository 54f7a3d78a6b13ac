"""`mailer move-database`: an embedded installation is copied to PostgreSQL."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from mailer.backup.database_interface import DatabaseError
from mailer.cli.main import loading_without_gc
from mailer.cli.output import Json, command_group, failing_on, print_json, print_text, print_whole

app = command_group()


@app.command()
def move_database(
    to: Annotated[
        str,
        typer.Option(
            envvar="MAILER_MOVE_TO",
            help="The URL of an empty PostgreSQL database. Other users of the machine can read an option: "
            "with a password in it, set the variable instead.",
        ),
    ],
    json: Json = False,
) -> None:
    """Copy an embedded installation (SQLite) to PostgreSQL, compare every row, and say what to configure.

    Stop web and worker first. If it is interrupted, run it again: it goes on where it was. The source stays
    as it is.
    """
    with loading_without_gc():
        from django.conf import settings
        from django.utils import timezone

        from mailer.backup import move_database as moving
        from mailer.worker.machine_locks import WorkerAlreadyRunning, database_alone, worker_lock
    storage = settings.CONFIG.path(settings.CONFIG.storage.path)
    errors = (moving.MoveError, DatabaseError, WorkerAlreadyRunning)
    with failing_on(*errors), worker_lock(storage), database_alone(storage), _bars(json) as on_progress:
        moved = moving.move_sqlite_to_postgresql(to, timezone.now(), on_progress)
    for one in moved:
        if json:
            print_json({"table": one.name, "rows": one.rows, "sha256": one.digest})
        elif one.rows:
            print_text(f"{one.name:<38} {one.rows:>11,} rows equal, {one.digest[:16]}")
    copied, compared = moving.copied_and_compared_per_second(moved)
    if json:
        print_json({"copied_per_second": round(copied), "compared_per_second": round(compared)})
        return
    if moved:
        print_text(
            f"{sum(one.rows for one in moved):,} rows of {len(moved)} tables are equal in both databases; "
            f"{copied:,.0f} rows a second copied, {compared:,.0f} compared."
        )
    print_text("\nWrite this URL, with its password, into config.toml, and start web and worker again:\n")
    print_whole(f'   [database]\n   url = "{_without_password(to)}"\n')
    print_text("The former database is kept, and sends nothing any more.")


def _without_password(url: str) -> str:
    """The URL with an ellipsis in place of its password."""
    return re.sub(r"(?<=://)([^:/@]*):[^/]*@", r"\1:…@", url)


@contextmanager
def _bars(json: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for the table that is being copied, on a terminal."""
    if json or not sys.stderr.isatty():
        yield lambda name, count, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda name, count, total: progress.update(task, description=name, completed=count, total=total)
