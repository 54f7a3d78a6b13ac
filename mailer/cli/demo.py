"""`mailer demo`: the sample edition, on this machine only.

`mailer demo-run`, which is not shown in the help, is the part of it that needs Django.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.output import command_group, fail, failing_on, print_json, print_text
from mailer.demo.folder import free_port, is_free, is_of_demo_or_new, prepare
from mailer.worker.supervisor import mailer_command, stop_on_signals, supervise

app = command_group()
run = command_group("The processes of `mailer demo`.")
app.add_typer(run, name="demo-run")

# Messages a second: slow enough to watch, and to pause in the middle.
WATCHABLE_RATE = 2.0
# Long enough to press "Undo" once.
UNDO_SECONDS = 5


@app.command()
def demo(
    once: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Run everything unattended; caught mail is written to DIR/inbox."),
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its database and mail.")] = Path(".demo"),
    port: Annotated[int, typer.Option(min=1, max=65_535, envvar="PORT", help="Port of the pages.")] = 8000,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the data of an earlier demo first.")] = False,
) -> None:
    """Send the sample edition from stories to inboxes; no mail is sent outside this machine."""
    if once is not None:
        _run_once(once)
    _refuse_installation(folder)
    if not is_free(port):
        other = free_port()
        fail(
            f"port {port} is taken by another program. Stop it, or choose another: "
            f"mailer demo --port {other} (make run PORT={other})"
        )
    if fresh and (folder / "config.toml").exists():
        shutil.rmtree(folder)
    inbox = folder / "mail"
    with failing_on(OSError):
        config = prepare(
            folder, port=port, rate=WATCHABLE_RATE, connections=1, inbox=inbox, undo=UNDO_SECONDS
        )
    _replace_process(config, "serve")


def _refuse_installation(folder: Path) -> None:
    """End the command before it replaces a configuration, or deletes a folder, that the demo did not make."""
    with failing_on(OSError):
        is_refused = not is_of_demo_or_new(folder)
    if is_refused:
        fail(f"{folder} has a config.toml that is not of a demo; nothing was changed. Give another --folder.")


def _run_once(directory: Path) -> None:
    _refuse_installation(directory / "state")
    for name in ("inbox", "staff", "state"):
        if (directory / name).exists() and any((directory / name).iterdir()):
            fail(f"{directory / name} is not empty; give a new folder, or delete it first.")
    with failing_on(OSError):
        config = prepare(directory / "state", port=free_port(), rate=0, connections=4, inbox=directory)
    _replace_process(config, "once")


def _replace_process(config: Path, command: str) -> None:
    """Continue as `mailer demo-run`, which reads the configuration just written."""
    sys.stdout.flush()
    arguments = [sys.executable, "-m", "mailer", "--config", str(config), "demo-run", command]
    # The environment's settings for another installation must not change the demo.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILER_")}
    os.execve(sys.executable, arguments, environment)  # noqa: S606  (our own command, without a shell)


@run.command()
def serve() -> None:
    """Run web, worker and mail catcher until asked to stop."""
    from mailer.demo import demo_setup_and_readiness

    stop = threading.Event()
    stop_on_signals(stop)
    print_text("\n  Starting the demo …")
    demo_setup_and_readiness.set_up()
    threading.Thread(target=_print_start_page, args=(stop,), daemon=True).start()
    supervise(
        {
            "catcher": mailer_command("demo-run", "catcher"),
            "web": mailer_command("web"),
            "worker": mailer_command("worker"),
        },
        stop,
    )


def _print_start_page(stop: threading.Event) -> None:
    """Print the address of the demo as soon as it answers."""
    from mailer.demo import demo_setup_and_readiness

    while not demo_setup_and_readiness.is_answering():
        if stop.wait(0.2):
            return
    print_text(f"  The demo is ready: {demo_setup_and_readiness.start_page()}")
    print_text("  No mail is sent outside this machine. Ctrl-C stops it.\n")


@run.command()
def once() -> None:
    """Run from stories to inboxes, unattended; the last line is the account as JSON."""
    from mailer.demo import run_unattended

    try:
        result = run_unattended.run_unattended()
    except run_unattended.Unfinished as error:
        fail(error)
    print_json(result)


@run.command()
def catcher() -> None:
    """Run the mail catcher alone."""
    from mailer.demo import demo_setup_and_readiness

    stop = threading.Event()
    stop_on_signals(stop)
    demo_setup_and_readiness.run_mail_catcher(stop)
