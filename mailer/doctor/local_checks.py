"""Checks of this machine: database, storage, clock, worker, file modes, keys, audit log and so on."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import tempfile
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from mailer.accounts import find_unused_accounts
from mailer.audit_log import chain
from mailer.config import Config, ConfigError, file_modes, key_ring
from mailer.delivery.smtp import dkim
from mailer.doctor.check_types import CheckResult, Context, Status
from mailer.doctor.dns_client import is_loopback_or_empty
from mailer.feedback.parsing import classify_bounce_reasons
from mailer.instance import no_send_status
from mailer.instance.models import Instance
from mailer.migrations import _account_changes, _triggers
from subscribers import verify_address_hash_key
from subscribers.migrations import _triggers as subscriber_triggers

_MEGABYTE = 1024 * 1024
# Free bytes that are too few for a mailing, and that soon will be.
_PROBLEM_BELOW, _WARNING_BELOW = 200 * _MEGABYTE, 2000 * _MEGABYTE
# The oldest PostgreSQL that Django 5.2 supports.
_MIN_POSTGRESQL = 140000
# SQLite and the attempt journal need locks and shared memory, which do not work on these file systems.
_NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "glusterfs")
# adjtimex(2): TIME_ERROR.
_NOT_SYNCHRONISED = 5
# Days after which the last backup is too old.
_BACKUP_DAYS = 7
# Named one by one; of more only the number is shown.
_SHOWN = 3


def check_configuration(config: Config) -> Iterator[CheckResult]:
    """Settings that are valid and still a mistake."""
    result = partial(CheckResult, "configuration", config.site.url)
    mistakes = list(_mistakes(config))
    for status, message, advice in mistakes:
        yield result(status, message, advice)
    if not mistakes:
        yield result("ok", "No mistakes were found in the configuration.")


def _mistakes(config: Config) -> Iterator[tuple[Status, str, str]]:
    site = config.site
    if not site.url.startswith("https://") and not _is_local(site.url):
        advice = "Set up a reverse proxy with TLS, and use https:// in [site] url of the configuration."
        yield "problem", "The address of this site ([site] url) does not use https.", advice
    if site.debug:
        message = "[site] debug is on: error pages show technical details to everyone."
        yield "problem", message, "Set [site] debug to false."
    try:
        zoneinfo.ZoneInfo(site.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        yield (
            "problem",
            f"The time zone in [site] timezone is unknown: {site.timezone!r}.",
            ("Set [site] timezone to a name such as Asia/Almaty."),
        )
    try:
        dkim.signer_for(config.dkim)
    except ConfigError as error:
        yield "problem", str(error), "The worker does not start until this is fixed."
    try:
        classify_bounce_reasons.require_valid_custom_rules(config)
    except classify_bounce_reasons.RulesError as error:
        yield "problem", str(error), "Until this is fixed, only the built-in rules classify bounces."


def _is_local(url: str) -> bool:
    return is_loopback_or_empty(urlsplit(url).hostname)


def check_database() -> Iterator[CheckResult]:
    """Reachable, of a supported version, and migrated. Must run in the thread of the caller's connection."""
    kind = "SQLite" if connection.vendor == "sqlite" else "PostgreSQL"
    result = partial(CheckResult, "database", kind)
    try:
        connection.ensure_connection()
        version = connection.pg_version if kind == "PostgreSQL" else 0  # type: ignore[attr-defined]
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        yield result(
            "problem",
            f"The database cannot be used: {reason}",
            ("Fix [database] url in the configuration, or start the database server."),
        )
        return
    if pending:
        yield result(
            "problem",
            f"Migrations that are pending: {len(pending)}.",
            "To update the database, run: mailer migrate",
        )
    if version and version < _MIN_POSTGRESQL:
        yield result(
            "problem",
            f"The database server's version {version // 10000} is too old.",
            f"Upgrade the database server to {_MIN_POSTGRESQL // 10000} or newer.",
        )
    if kind == "SQLite":
        yield from _sqlite_file()
    if not pending:
        yield result("ok", "The database answers, and its tables are up to date.")


def _sqlite_file() -> Iterator[CheckResult]:
    name = str(connection.settings_dict["NAME"])
    if name == ":memory:" or name.startswith("file:"):
        return
    result = partial(CheckResult, "database", "SQLite")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        (mode,) = cursor.fetchone()
    if mode != "wal":
        yield result(
            "problem",
            (f"The database's journal mode is “{mode}” and not WAL, so pages wait while mail is sent."),
            "Move the database to a local disk that this system can write to.",
        )
    file_system = file_system_of(Path(name))
    if file_system in _NETWORK_FILE_SYSTEMS:
        yield result(
            "problem",
            (
                f"The database file {name} is on a network file system ({file_system}), where "
                "SQLite's locks do not work."
            ),
            "Move the database to a local disk, or use PostgreSQL.",
        )
    yield from check_free_space("database", Path(name).parent)


def file_system_of(path: Path) -> str:
    """The kernel's name for the type of the file system; empty if it is unknown."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    except OSError:
        return ""
    above = [mount for mount in mounts if path.resolve().is_relative_to(mount[0].replace("\\040", " "))]
    return max(above, key=lambda mount: len(mount[0]), default=["", ""])[1]


def create_and_check_storage(config: Config) -> Iterator[CheckResult]:
    """The folder of images, attempt journals and locks."""
    folder = config.path(config.storage.path)
    result = partial(CheckResult, "storage", str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        yield result(
            "problem",
            f"The storage folder is not writable: {error.strerror}.",
            "Make the worker's user the owner of the storage folder, or change [storage] path.",
        )
        return
    file_system = file_system_of(folder)
    if file_system in _NETWORK_FILE_SYSTEMS:
        yield result(
            "problem",
            (
                f"The storage folder is on a network file system ({file_system}); the journal "
                "of sent messages needs a local disk."
            ),
            (
                "Move the storage folder to a local disk. Only pictures may be on a shared disk: "
                "[storage] media_path."
            ),
        )
    low = list(check_free_space("storage", folder))
    yield from low
    if not low:
        free = shutil.disk_usage(folder).free
        yield result("ok", f"The storage folder is writable; {free / 1000000000.0:.1f} GB are free.")


def check_media_storage(config: Config) -> Iterator[CheckResult]:
    """Pictures and uploads, where they are not in the storage folder: a file is written, read and deleted."""
    keys = config.storage
    if keys.media == "local" and not keys.media_path:
        return
    subject = str(config.path(keys.media_path)) if keys.media == "local" else keys.s3_bucket
    result = partial(CheckResult, "media", subject)
    place, probe = storages["imports"], b"mailer doctor"
    try:
        name = place.save("doctor", ContentFile(probe))
        try:
            with place.open(name) as file:
                found = file.read()
        finally:
            place.delete(name)
    except Exception as error:  # noqa: BLE001  (an object storage has errors of its own)
        advice = (
            "Correct the settings of the object storage: “media” under [storage] in config.toml "
            "(docs/several-machines.md). The web pages and the worker must both be able to write to it."
        )
        yield result(
            "problem",
            (f"The object storage for pictures cannot be written and read: {type(error).__name__}: {error}"),
            advice,
        )
        return
    if found == probe:
        yield result("ok", ("A test file was written to the object storage for pictures, read and deleted."))
    else:
        yield result(
            "problem",
            ("The data read from the object storage for pictures differs from what was written to it."),
        )


def check_free_space(check: str, folder: Path) -> Iterator[CheckResult]:
    """A result only if the folder's disk is nearly full."""
    free = shutil.disk_usage(folder).free
    if free < _WARNING_BELOW:
        yield CheckResult(
            check,
            str(folder),
            "problem" if free < _PROBLEM_BELOW else "warning",
            f"Only {free // _MEGABYTE} MB are free on the disk of this folder.",
            "Free some disk space: when the disk is full, sending stops.",
        )


def check_clock(context: Context) -> Iterator[CheckResult]:
    """The kernel's state of this machine's clock, and the clock of a database server elsewhere."""
    result = partial(CheckResult, "clock", "")
    here = datetime.now(zoneinfo.ZoneInfo(settings.TIME_ZONE))
    local_time = f"The time of this server is {here:%H:%M} in the office's time zone ({settings.TIME_ZONE})."
    host = connection.settings_dict.get("HOST", "")
    if (
        connection.vendor == "postgresql"
        and host
        and not host.startswith("/")
        and not is_loopback_or_empty(host)
    ):
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            apart = abs((cursor.fetchone()[0] - datetime.now(UTC)).total_seconds())
        if apart > 5:
            yield result(
                "problem" if apart > 60 else "warning",
                f"The clocks of this machine and of the database server are {apart:.0f} seconds apart.",
                ("Synchronise the clocks of both machines with a time server (chrony, systemd-timesyncd)."),
            )
            return
    state = _clock_state()
    if context.config.demo.enabled:
        yield result("skipped", f"{local_time} The demo's mail is not sent to other machines.")
    elif state is None:
        yield result(
            "skipped", (f"{local_time} This system does not report whether its clock is synchronised.")
        )
    elif state == _NOT_SYNCHRONISED:
        yield result(
            "warning",
            f"{local_time} The kernel reports that this clock is not synchronised.",
            (
                "Synchronise the clock with a time server (chrony, systemd-timesyncd); compare "
                "it with `date -u`."
            ),
        )
    else:
        yield result("ok", f"{local_time} The clock is synchronised with a time server.")


def _clock_state() -> int | None:
    """The state that adjtimex(2) returns; None if it is not available."""
    try:
        state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)))
    except (OSError, AttributeError):
        return None
    return state if state >= 0 else None


def check_worker_running(config: Config) -> Iterator[CheckResult]:
    """Whether a process holds the worker's lock on this machine."""
    result = partial(CheckResult, "worker", "")
    lock = config.path(config.storage.path) / "worker.lock"
    if lock.exists() and _is_locked(lock):
        yield result("ok", "A worker is running on this machine.")
    elif config.demo.enabled:
        yield result("skipped", "The demo is not running, so there is no worker.")
    else:
        message = "No worker is running on this machine: no edition is assembled or sent."
        yield result("warning", message, "Start the worker with: mailer run")


def check_sending_allowed() -> Iterator[CheckResult]:
    """Whether this installation, and this machine of it, may send. In the caller's thread."""
    result = partial(CheckResult, "sending", "")
    try:
        reason = no_send_status.no_send_reason()
    except DatabaseError:
        yield result("skipped", ("The database cannot be used, or must be updated with `mailer migrate`."))
        return
    if reason is None:
        yield result("ok", "This installation is not in no-send mode: it sends mail.")
    elif reason == no_send_status.NOT_JOINED:
        message = f"Nothing is sent from this machine, because {no_send_status.describe_reason(reason)}."
        yield result("problem", message, "On a new machine of the installation, run: mailer join")
    else:
        advice = (
            "Read docs/backup.md; then an admin ends no-send mode in the desk, or run: mailer resume-sending"
        )
        yield result("problem", f"No mail is sent, because {no_send_status.describe_reason(reason)}.", advice)


def check_backup(config: Config, now: datetime) -> Iterator[CheckResult]:
    """When the last backup was made with `mailer backup`. In the caller's thread."""
    result = partial(CheckResult, "backup", "")
    if config.demo.enabled:
        yield result("skipped", "The demo needs no backup.")
        return
    try:
        last = Instance.objects.values_list("last_backup_at", flat=True).first()
    except DatabaseError:
        yield result("skipped", ("The database cannot be used, or must be updated with `mailer migrate`."))
        return
    advice = "Run `mailer backup` every night (docs/backup.md), and copy the file to another machine."
    if last is None:
        yield result("warning", "No backup of this system was made with `mailer backup`.", advice)
        return
    days = (now - last).days
    if days >= _BACKUP_DAYS:
        yield result("warning", f"The last backup of this system is {days} days old.", advice)
    else:
        yield result("ok", f"The last backup of this system was made on {last:%Y-%m-%d at %H:%M UTC}.")


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def check_file_permissions(config: Config) -> Iterator[CheckResult]:
    """Configuration, keys, database and storage, which other users of the machine must not open."""
    result = partial(CheckResult, "files", "")
    file = Path(os.environ.get("MAILER_CONFIG", "config.toml"))
    found = file_modes.exposed_paths(file, config)
    # A group may have been given access on purpose where another user owns the file.
    wrong = [one for one in found if one.to_everyone or one.is_ours]
    for one in wrong[:_SHOWN]:
        who = "Every user of this machine" if one.to_everyone else "The file's group of users"
        advice = (
            f"Run: chmod go= {one.path}; web and worker do this when they start, for files "
            "that their user owns."
        )
        yield result("problem", f"{who} may open the secret file {one.path} (mode {one.mode:04o}).", advice)
    if len(wrong) > _SHOWN:
        yield result(
            "problem",
            (f"{len(wrong) - _SHOWN} more secret files can be opened by other users of this machine."),
            "Run chmod go= for these files too.",
        )
    if not wrong:
        yield result(
            "ok",
            (
                "Only their owner can open the files of the configuration, the "
                "keys, the database and the storage."
            ),
        )


def check_key_file(config: Config, now: datetime) -> Iterator[CheckResult]:
    """The keys file, and whether its address-hash key is the database's. In the caller's thread."""
    path = config.path(config.keys.file)
    result = partial(CheckResult, "keys", str(path))
    try:
        ring = key_ring.load(path, now)
        verify_address_hash_key.verify_address_hash_key()
    except ConfigError as error:
        yield result(
            "problem", str(error), ("The web process and the worker do not start until this is fixed.")
        )
    except verify_address_hash_key.WrongAddressHashKey as error:
        yield result(
            "problem",
            f"The key file {error}",
            ("The web process and the worker do not start until this file is right."),
        )
    except DatabaseError:
        yield result("skipped", "The database cannot be used.")
    else:
        ages = ", ".join(
            f"{purpose} {(now - ring.current(purpose).created_at).days}" for purpose in ring.keys
        )
        yield result(
            "ok",
            (f"The stored hashes of email addresses match their key. Days since a key was made: {ages}."),
        )


_PROBLEMS = {
    "broken": "the chain does not fit at record {}",
    "changed": "entry {} was changed",
    "deleted": "entry {} was deleted",
    "unchained": "entry {} was written past the application",
}


def check_audit_log() -> Iterator[CheckResult]:
    """The chain of the audit log, and the database's triggers. In the caller's thread."""
    result = partial(CheckResult, "audit_log", "")
    try:
        triggers = [*_triggers.TRIGGERS, *subscriber_triggers.TRIGGERS]
        lacking = [trigger.name for trigger in subscriber_triggers.missing(connection, triggers)]
        lacking += _account_changes.missing(connection)
        found = chain.verify()
    except DatabaseError:
        yield result("skipped", ("The database cannot be used, or must be updated with `mailer migrate`."))
        return
    if lacking:
        names = ", ".join(lacking)
        advice = "Find out who removed the triggers; `mailer migrate` creates them again."
        yield result(
            "problem",
            (f"Database triggers that protect approvals and the audit log are missing: {names}."),
            advice,
        )
    if found.count:
        shown = "; ".join(_PROBLEMS[kind].format(number) for kind, number in found.problems[:_SHOWN])
        more = f" and {found.count - _SHOWN} more" if found.count > _SHOWN else ""
        advice = (
            "A person or a program changed the audit log in the database directly. "
            "Compare it with the backup."
        )
        yield result("problem", (f"The audit log was changed outside of this system: {shown}{more}."), advice)
    elif not lacking:
        head = found.head[:16] or "none"
        yield result("ok", (f"The audit log is unchanged: {found.entries} entries; the last MAC is {head}."))


def check_unused_accounts(now: datetime) -> Iterator[CheckResult]:
    """Accounts without a recent sign-in. In the caller's thread."""
    result = partial(CheckResult, "accounts", "")
    try:
        names = [user.username for user in find_unused_accounts.unused_accounts(now)]
    except DatabaseError:
        yield result("skipped", ("The database cannot be used, or must be updated with `mailer migrate`."))
        return
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        message = (
            f"These accounts were not used for {find_unused_accounts.UNUSED_DAYS} days: "
            f"{', '.join(names[:_SHOWN])}{more}."
        )
        yield result("warning", message, ("Deactivate accounts that are not needed (Settings › Users)."))
    else:
        yield result(
            "ok", f"Every active staff account was used in the last {find_unused_accounts.UNUSED_DAYS} days."
        )
