"""The identity of the installation, in the database and on each of its machines.

A machine has the identity in a file of its storage folder, which no backup holds. By this file, and by what
is known about the database server or file, a process recognises at its start that its database is a copy, or
was put back to an earlier state; docs/backup.md lists what is recognised and what is not.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from mailer.instance import models
from mailer.instance.models import Instance

FILE = "instance.json"
_MACHINE = Path("/etc/machine-id")
# A standby that takes over may lack the last seconds. What is older than this was put back by a person.
_OLDER = timedelta(minutes=10)


class Machine(NamedTuple):
    """What the machine's file says."""

    # Of the installation that the machine has joined.
    identity: str
    # As the column of Instance, when this machine last wrote it.
    seen_at: datetime


def enforce_identity(now: datetime) -> None:
    """Compare database and machine, note that both are in use, and begin no-send mode where they do not fit.

    Called when a process starts. A new database gets an identity, and its
    machine joins it; further machines join by `let_this_machine_join`.
    """
    if Instance._meta.db_table not in connection.introspection.table_names():
        return
    with _locked():
        fingerprint = _fingerprint()
        row = models.load_instance()
        if row is None:
            row = models.get_or_create_instance(now, fingerprint)
            _write(Machine(row.identity, row.seen_at))
            return
        machine = _read()
        if fingerprint and row.database != fingerprint:
            row = _adopt(row, fingerprint, now)
        if machine is None or machine.identity != row.identity:
            if row.no_send_since is None:
                return
            # Nothing is sent anyway, until a person confirms what this database is.
            machine = Machine(row.identity, row.seen_at)
        if row.seen_at < machine.seen_at - _OLDER:
            models.begin_or_replace_no_send(Instance.Reason.OLDER, now)
        seen_at = max(row.seen_at, now)
        Instance.objects.filter(pk=row.pk, seen_at__lt=seen_at).update(seen_at=seen_at)
        _write(Machine(row.identity, seen_at))


def enforce_existing_identity(now: datetime) -> None:
    """`enforce_identity` for a database that has an identity already; the worker's job."""
    if models.load_instance() is not None:
        enforce_identity(now)


def let_this_machine_join(now: datetime) -> bool:
    """Let this machine take part in the installation of its database; False in no-send mode.

    In no-send mode a person confirms first what the database is.
    """
    enforce_identity(now)
    with _locked():
        row = models.load_instance()
        if row is None or row.no_send_since is not None:
            return False
        _write(Machine(row.identity, row.seen_at))
        return True


def machine_has_joined(identity: str) -> bool:
    """Whether this machine takes part in the installation of this identity."""
    machine = _read()
    return machine is not None and machine.identity == identity


def mark_restored_and_stop_sending(now: datetime) -> None:
    """The database was restored from a backup: it is an installation of its own, and sends nothing."""
    with transaction.atomic():
        models.get_or_create_instance(now, "")
        models.begin_or_replace_no_send(
            Instance.Reason.RESTORED, now, identity=models.new_identity(), database="", seen_at=now
        )


def _adopt(row: Instance, fingerprint: str, now: datetime) -> Instance:
    """Take note of another server or file. Where that was to be expected, it is no copy."""
    # A restored database does not name any.
    known = not row.database or (
        row.no_send_since is not None
        and row.no_send_reason in (Instance.Reason.COPIED, Instance.Reason.OLDER)
    )
    with transaction.atomic():
        changed = Instance.objects.filter(pk=row.pk, database=row.database)
        if known:
            changed.update(database=fingerprint)
        elif changed.update(database=fingerprint, identity=models.new_identity()):
            models.begin_or_replace_no_send(Instance.Reason.COPIED, now)
    row.refresh_from_db()
    return row


def _fingerprint() -> str:
    """Which database this is, so that a copy has another one; "" where that is unknown.

    PostgreSQL: the identifier of the cluster, which a standby shares, and of the database in it. SQLite: the
    machine and the file.
    """
    if connection.vendor == "postgresql":
        parts = _postgresql_identifiers()
    else:
        name = str(connection.settings_dict["NAME"])
        if name.startswith(("file:", ":memory:")) or not Path(name).exists():
            return ""
        parts = f"{_machine_id()} {Path(name).stat().st_ino}"
    return hashlib.sha256(f"{connection.vendor} {parts}".encode()).hexdigest()


def _postgresql_identifiers() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
        (database,) = cursor.fetchone()
        try:
            with transaction.atomic():
                cursor.execute("SELECT system_identifier FROM pg_control_system()")
                (cluster,) = cursor.fetchone()
        except DatabaseError:
            # Some hosted servers do not permit it.
            cluster = ""
    return f"{cluster} {database}"


def _machine_id() -> str:
    try:
        return _MACHINE.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _path() -> Path:
    config = settings.CONFIG
    folder: Path = config.path(config.storage.path)
    return folder / FILE


@contextmanager
def _locked() -> Iterator[None]:
    """Let one process of the machine at a time create and compare."""
    path = _path().with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read() -> Machine | None:
    try:
        values = json.loads(_path().read_text("utf-8"))
        return Machine(str(values["identity"]), datetime.fromisoformat(values["seen_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(machine: Machine) -> None:
    """Replace the file, whole or not at all, for its owner only."""
    path = _path()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{FILE}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"identity": machine.identity, "seen_at": machine.seen_at.isoformat()}, file)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
