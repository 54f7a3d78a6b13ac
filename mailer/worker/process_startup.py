"""What processes do before they serve or send: private files, the right address-hash key, static files."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import os
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from mailer import telemetry
from mailer.config import ConfigError, Worker, file_modes, json_log
from mailer.instance import database_copy_detection
from mailer.worker import machine_locks
from subscribers import verify_address_hash_key


def log_uncaught_exceptions() -> None:
    """Write what ends the process or a thread in the format of the log."""
    if settings.CONFIG.logging.format == "json":
        json_log.log_uncaught_exceptions()


def start_tracing(role: str) -> None:
    """Send spans of this process, web or worker, where [tracing] names an endpoint. Raises ConfigError."""
    telemetry.start_tracing(settings.CONFIG.tracing.endpoint, role)


def make_files_private() -> None:
    """Close our files to other users of the machine: those that exist, and those that will be created."""
    os.umask(file_modes.UMASK)
    file_modes.restrict_private_files_to_owner(
        Path(os.environ.get("MAILER_CONFIG", "config.toml")), settings.CONFIG
    )


def require_matching_address_hash_key() -> None:
    """Raises ConfigError where the database's address hashes were made with another key.

    Likewise for a database into which rows are still being loaded.
    """
    require_database_fully_loaded()
    try:
        verify_address_hash_key.verify_address_hash_key()
    except verify_address_hash_key.WrongAddressHashKey as error:
        raise as_config_error(error) from error


def require_database_fully_loaded() -> None:
    """Raises ConfigError for a database that `mailer restore` or `mailer move-database` has not finished.

    Both mark a database of PostgreSQL until they have.
    """
    if connection.vendor != "postgresql":
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('mailer_load'), to_regclass('mailer_move')")
            marks = cursor.fetchone()
    except DatabaseError:
        # What uses the database next says so.
        return
    if any(marks):
        raise ConfigError(
            "this database is being restored or moved to, and that has not finished. Run `mailer restore` or "
            "`mailer move-database` again."
        )


def begin_no_send_if_copied_or_restored() -> None:
    """Begin no-send mode where the database is a copy, or was put back to an earlier state."""
    database_copy_detection.enforce_identity(timezone.now())


def hold_database() -> None:
    """Keep `mailer move-database` out while this process runs. Raises ConfigError while it runs."""
    machine_locks.hold_shared_database_lock(settings.CONFIG.path(settings.CONFIG.storage.path))


def worker_config_with_queues(configured: Worker, queues: str) -> Worker:
    """[worker] with the queues of the command line, separated by commas; empty: those of the configuration.

    Raises ConfigError for an unknown queue, and for queues of the embedded engine, which has none.
    """
    names = tuple(name.strip() for name in queues.split(",") if name.strip())
    if not names:
        return configured
    chosen = dataclasses.replace(configured, queues=names)
    if chosen.engine != "cluster":
        raise ConfigError('--queues needs [worker] engine = "cluster"; the embedded worker runs every job.')
    try:
        chosen.check()
    except ValueError as error:
        raise ConfigError(f"--{error}") from error
    return chosen


def as_config_error(error: verify_address_hash_key.WrongAddressHashKey) -> ConfigError:
    """The error with the file that it is about."""
    return ConfigError(f"{settings.CONFIG.path(settings.CONFIG.keys.file)}: {error}")


def collect_static_files() -> None:
    """Copy the static files of all packages to STATIC_ROOT, where they changed since the last time.

    Files of former releases stay, because pages that are open name them, and so do web processes of that
    release on the same storage. In a checkout there is nothing to do. Raises ConfigError where the folder
    cannot be written.
    """
    if not settings.STATIC_FILES_COLLECTED or settings.STATIC_ROOT is None:
        return
    # Only the web process has static files.
    from django.contrib.staticfiles import finders
    from django.core.management import call_command

    root = Path(settings.STATIC_ROOT)
    found = hashlib.sha256()
    for finder in finders.get_finders():
        for name, storage in finder.list([]):
            status = os.stat(storage.path(name))  # noqa: PTH116  (storages have names, not paths)
            found.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    collected = root / "collected"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if collected.exists() and collected.read_text("ascii") == found.hexdigest():
                return
            call_command("collectstatic", interactive=False, verbosity=0)
            collected.write_text(found.hexdigest(), "ascii")
    except OSError as error:
        raise ConfigError(f"{root}: static files cannot be written ({error.strerror}).") from error
