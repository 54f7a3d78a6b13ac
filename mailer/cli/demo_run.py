"""`mailer demo-run`, the part of `mailer demo` that needs Django; not shown in the help."""

from __future__ import annotations

import threading

from mailer.cli.output import command_group, fail, print_json, print_text
from mailer.demo import run_unattended
from mailer.worker.supervisor import mailer_command, stop_on_signals, supervise

app = command_group("The processes of `mailer demo`.")


@app.command()
def serve() -> None:
    """Run web, worker and mail catcher until asked to stop."""
    stop = threading.Event()
    stop_on_signals(stop)
    run_unattended.set_up()
    print_text(f"\n  The demo is ready: {run_unattended.start_page()}")
    print_text("  No mail is sent outside this machine. Ctrl-C stops it.\n")
    supervise(
        {
            "catcher": mailer_command("demo-run", "catcher"),
            "web": mailer_command("web"),
            "worker": mailer_command("worker"),
        },
        stop,
    )


@app.command()
def once() -> None:
    """Run from stories to inboxes, unattended; the last line is the account as JSON."""
    try:
        result = run_unattended.run_unattended()
    except run_unattended.Unfinished as error:
        fail(error)
    print_json(result)


@app.command()
def catcher() -> None:
    """Run the mail catcher alone."""
    stop = threading.Event()
    stop_on_signals(stop)
    run_unattended.catch(stop)
