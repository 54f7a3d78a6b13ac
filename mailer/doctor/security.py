"""Checks of what protects addresses, secrets and the record of actions: file modes, keys, the audit log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from django.db import DatabaseError, connection

from mailer.accounts import audit
from mailer.audit_log import chain
from mailer.config import Config, ConfigError, file_modes, key_ring
from mailer.doctor.check import CheckResult
from mailer.migrations import _account_changes, _triggers
from subscribers import key_canary
from subscribers.migrations import _triggers as subscriber_triggers

# Named one by one; of more only the number is shown.
_SHOWN = 3


def files(config: Config) -> Iterator[CheckResult]:
    """Configuration, keys, database and storage, which other users of the machine must not open."""
    result = partial(CheckResult, "files", "")
    file = Path(os.environ.get("MAILER_CONFIG", "config.toml"))
    found = file_modes.exposed_paths(file, config)
    # A group may have been given access on purpose where another user owns the file.
    wrong = [one for one in found if one.to_everyone or one.is_ours]
    for one in wrong[:_SHOWN]:
        who = "Every user of this machine" if one.to_everyone else "Its group"
        advice = f"chmod go= {one.path}; web and worker do this at their start for files of their own user."
        yield result("problem", f"{who} may open {one.path} (mode {one.mode:04o}).", advice)
    if len(wrong) > _SHOWN:
        yield result("problem", f"{len(wrong) - _SHOWN} more files are open to other users.", "As above.")
    if not wrong:
        yield result("ok", "Only their owner can open configuration, keys, database and storage.")


def keys(config: Config, now: datetime) -> Iterator[CheckResult]:
    """The keys file, and whether its address-hash key is the database's. In the caller's thread."""
    path = config.path(config.keys.file)
    result = partial(CheckResult, "keys", str(path))
    try:
        ring = key_ring.load(path, now)
        key_canary.verify()
    except ConfigError as error:
        yield result("problem", str(error), "Neither web nor worker starts until this is fixed.")
    except key_canary.WrongAddressHashKey as error:
        yield result("problem", f"The file {error}", "Neither web nor worker starts until then.")
    except DatabaseError:
        yield result("skipped", "The database cannot be used.")
    else:
        ages = ", ".join(
            f"{purpose} {(now - ring.current(purpose).created_at).days}" for purpose in ring.keys
        )
        yield result("ok", f"The address hashes match the database. Days since a key was made: {ages}.")


_PROBLEMS = {
    "broken": "the chain does not fit at record {}",
    "changed": "entry {} was changed",
    "deleted": "entry {} was deleted",
    "unchained": "entry {} was written past the application",
}


def audit_log() -> Iterator[CheckResult]:
    """The chain of the audit log, and the database's triggers. In the caller's thread."""
    result = partial(CheckResult, "audit_log", "")
    try:
        triggers = [*_triggers.TRIGGERS, *subscriber_triggers.TRIGGERS]
        lacking = [trigger.name for trigger in subscriber_triggers.missing(connection, triggers)]
        lacking += _account_changes.missing(connection)
        found = chain.verify()
    except DatabaseError:
        yield result("skipped", "The database cannot be used, or is not migrated.")
        return
    if lacking:
        names = ", ".join(lacking)
        advice = "Find out who removed them; `mailer migrate` creates them again."
        yield result("problem", f"The database lacks triggers: {names}.", advice)
    if found.count:
        shown = "; ".join(_PROBLEMS[kind].format(number) for kind, number in found.problems[:_SHOWN])
        more = f" and {found.count - _SHOWN} more" if found.count > _SHOWN else ""
        advice = "A person or a program wrote to the database directly. Compare with the backup."
        yield result("problem", f"The audit log was tampered with: {shown}{more}.", advice)
    elif not lacking:
        head = found.head[:16] or "none"
        yield result("ok", f"Its {found.entries} entries are as they were written; the last MAC is {head}.")


def accounts(now: datetime) -> Iterator[CheckResult]:
    """Accounts without a recent sign-in. In the caller's thread."""
    result = partial(CheckResult, "accounts", "")
    try:
        names = list(audit.unused_accounts(now).values_list("username", flat=True))
    except DatabaseError:
        yield result("skipped", "The database cannot be used, or is not migrated.")
        return
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        message = f"Not signed in to for {audit.UNUSED_DAYS} days: {', '.join(names[:_SHOWN])}{more}."
        yield result("warning", message, "Deactivate accounts that are not needed (Settings › Users).")
    else:
        yield result("ok", f"Every active account was used in the last {audit.UNUSED_DAYS} days.")
