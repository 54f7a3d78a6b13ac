"""`mailer run`, `web`, `worker` and `migrate`: the processes of an installation.

Each imports what it needs when it is called: `run` supervises for weeks and holds no Django, and only `web`
loads screens.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.main import loading_without_gc, start_django
from mailer.cli.output import command_group, failing_on, print_text

app = command_group()

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@app.command("run")
def migrate_and_supervise() -> None:
    """Bring the database up to date, then keep web and worker running until asked to stop."""
    from mailer import config
    from mailer.config import json_log
    from mailer.config.log_masking import MaskingFormatter, mask_uncaught_exceptions
    from mailer.worker.supervisor import mailer_command, stop_on_signals, supervise

    loaded = config.load(Path(os.environ.get("MAILER_CONFIG", "config.toml")), os.environ)
    # In a process of its own: what this loads is no longer in memory afterwards.
    prepared = subprocess.run(mailer_command("migrate", "--before-run"), check=False)  # noqa: S603
    if prepared.returncode:
        raise typer.Exit(prepared.returncode)
    stop = threading.Event()
    stop_on_signals(stop)
    formatter = MaskingFormatter(config.LOG_FORMAT)
    mask_uncaught_exceptions()
    if loaded.logging.format == "json":
        formatter = json_log.JsonFormatter()
        json_log.log_uncaught_exceptions()
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    print_text(f"Serving {loaded.site.url} on {loaded.web.host}:{loaded.web.port}; Ctrl-C stops.")
    programs = {"web": mailer_command("web"), "worker": mailer_command("worker")}
    supervise(programs, stop, ready_program="web")


@app.command()
def web() -> None:
    """Serve the pages on [web] host and port."""
    with loading_without_gc():
        start_django(desk=True)
        from mailer.worker import process_startup
        from mailer.worker.web_server import serve
    process_startup.log_uncaught_exceptions()
    process_startup.start_tracing("web")
    process_startup.make_files_private()
    process_startup.require_matching_address_hash_key()
    process_startup.hold_database()
    process_startup.begin_no_send_if_copied_or_restored()
    process_startup.collect_static_files()
    for number in _STOP_SIGNALS:
        signal.signal(number, _end)
    serve()


@app.command()
def worker(
    queues: Annotated[
        str,
        typer.Option(
            "--queues",
            help="What this worker of a cluster does, such as deliver,fetch; default: [worker] queues.",
        ),
    ] = "",
) -> None:
    """Run the jobs of every package until asked to stop: assemble, send, read bounces."""
    with loading_without_gc():
        start_django()
        from django.conf import settings

        from mailer.worker import process_startup
        from mailer.worker.machine_locks import WorkerAlreadyRunning
        from mailer.worker.supervisor import stop_on_signals

        chosen = process_startup.worker_config_with_queues(settings.CONFIG.worker, queues)
        clustered = chosen.engine == "cluster"
        # Each engine loads a library that the other does not need.
        engine = importlib.import_module(
            f"mailer.worker.{'cluster_worker' if clustered else 'single_worker'}"
        )
    process_startup.log_uncaught_exceptions()
    process_startup.start_tracing("worker")
    process_startup.make_files_private()
    process_startup.require_matching_address_hash_key()
    process_startup.hold_database()
    process_startup.begin_no_send_if_copied_or_restored()
    stop = threading.Event()
    stop_on_signals(stop)
    if clustered:
        engine.run(stop, chosen.queues)
        return
    with failing_on(WorkerAlreadyRunning):
        engine.run(stop)


@app.command()
def migrate(before_run: Annotated[bool, typer.Option("--before-run", hidden=True)] = False) -> None:
    """Bring the database up to date with this version; running it twice changes nothing."""
    with loading_without_gc():
        start_django(all_tables=True)
        from django.core.management import call_command
        from django.db import connection
        from django.db.migrations.recorder import MigrationRecorder

        from mailer.worker import process_startup
        from subscribers.verify_address_hash_key import WrongAddressHashKey
    process_startup.make_files_private()
    process_startup.require_database_fully_loaded()
    if before_run:
        from mailer.delivery.smtp import dkim

        dkim.configured_signer()
    applied_before = MigrationRecorder(connection).applied_migrations().keys()
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except WrongAddressHashKey as error:
        raise process_startup.as_config_error(error) from error
    process_startup.begin_no_send_if_copied_or_restored()
    if before_run:
        return
    new = sorted(MigrationRecorder(connection).applied_migrations().keys() - applied_before)
    if not applied_before:
        print_text("The database's tables were created.")
    elif new:
        print_text("Applied: " + ", ".join(f"{app}.{name}" for app, name in new))
    print_text("The database is up to date.")


def _end(*_: object) -> None:
    """Exit, and ignore further signals: recorded clicks are still written to the database."""
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0)
