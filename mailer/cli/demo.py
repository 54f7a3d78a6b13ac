"""`mailer demo`: the sample edition, on this machine only."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.output import fail
from mailer.demo.folder import free_port, is_free, prepare

app = typer.Typer()

# Slow enough to watch, and to stop in the middle.
WATCHABLE_RATE = 2.0
# Long enough to press "Undo" once.
UNDO_SECONDS = 5


@app.command()
def demo(
    once: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Do the whole job unattended; caught mail lands in DIR/inbox."),
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its database and mail.")] = Path(".demo"),
    port: Annotated[int, typer.Option(envvar="PORT", help="Port of the pages.")] = 8000,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget what an earlier demo left, and start anew.")
    ] = False,
) -> None:
    """The sample edition goes from stories to inboxes; nothing leaves this machine."""
    if once is not None:
        _once(once)
    if not is_free(port):
        fail(
            f"port {port} is taken by another program. Stop it, or choose another: "
            f"make run PORT={free_port()}"
        )
    if fresh and (folder / "config.toml").exists():
        shutil.rmtree(folder)
    inbox = folder / "mail"
    config = prepare(folder, port=port, rate=WATCHABLE_RATE, connections=1, inbox=inbox, undo=UNDO_SECONDS)
    _become(config, "serve")


def _once(directory: Path) -> None:
    for name in ("inbox", "staff", "state"):
        if (directory / name).exists() and any((directory / name).iterdir()):
            fail(f"{directory / name} is not empty; give a new folder, or delete it first.")
    config = prepare(directory / "state", port=free_port(), rate=0, connections=4, inbox=directory)
    _become(config, "once")


def _become(config: Path, part: str) -> None:
    """Go on as a process that reads the configuration just written."""
    sys.stdout.flush()
    command = [sys.executable, "-m", "mailer", "--config", str(config), "rehearse", part]
    # What the shell says about another installation must not reach into the demo.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILER_")}
    os.execve(sys.executable, command, environment)  # noqa: S606  (ourselves, without a shell)
