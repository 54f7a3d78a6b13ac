"""The keys file: the installation's secrets, by purpose and key id, apart from the configuration.

Each purpose has keys of its own, so that one can be replaced without the others. A replaced key still reads
what it wrote until a stated time. Two purposes keep their key for ever: address hashes of erased subscribers
cannot be made again with another key, and neither can the records of past entries of the audit log.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from mailer.config.section_reader import ConfigError

# sessions: sign-ins, forms and password resets. tokens: links and addresses in mail. stored_secrets: secrets
# in the database, such as those of second factors. addresses: hashes of addresses. audit_log: its chain.
Purpose = Literal["sessions", "tokens", "stored_secrets", "addresses", "audit_log"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
# How long a replaced key still reads: longer than any session lasts; as long as mail with its links is kept;
# for good, because a secret is encrypted anew only when it changes.
READ_FOR: Mapping[Purpose, timedelta] = {
    "sessions": timedelta(days=30),
    "tokens": timedelta(days=3 * 365),
    "stored_secrets": timedelta(days=100 * 365),
}
_MIN_LENGTH = 32
_HEADER = """\
# The secrets of this installation, by purpose. Keep this file secret, and in the backup, apart from the
# database's. `mailer keys list` shows ids and ages, `mailer keys rotate` replaces a key. Without the key of
# the address hashes, suppressed addresses are no longer recognised, and nothing starts.
"""


@dataclass(frozen=True)
class Key:
    # Counts up from 1 within its purpose; the last digit stands in each token.
    id: int
    # Aware.
    created_at: datetime
    secret: str = field(repr=False)
    # The key was replaced, and reads until then; None: it is in use.
    read_until: datetime | None = None


@dataclass(frozen=True)
class KeyRing:
    # The keys of each purpose that can be used, the one in use first.
    keys: Mapping[Purpose, tuple[Key, ...]]

    def current(self, purpose: Purpose) -> Key:
        """The key in use."""
        return self.keys[purpose][0]

    def secrets(self, purpose: Purpose) -> list[str]:
        """The secret in use, and behind it those that only read."""
        return [key.secret for key in self.keys[purpose]]


def create(path: Path, now: datetime) -> None:
    """Write a keys file with a new key for each purpose, for its owner only. Raises FileExistsError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_to_toml({purpose: [_new_key([], now)] for purpose in PURPOSES}))


def load(path: Path, now: datetime) -> KeyRing:
    """The keys that can be used at `now`. Raises ConfigError."""
    readable = {
        purpose: tuple(key for key in keys if key.read_until is None or key.read_until > now)
        for purpose, keys in _read(path).items()
    }
    return KeyRing(readable)


def rotate(path: Path, purpose: Purpose, read_for: timedelta, now: datetime) -> Key:
    """Add a new key for the purpose, and let the present one read for this time; the new key.

    Keys that no longer read are deleted. The file is replaced in one step. Raises ConfigError, also for a
    purpose whose key is never replaced.
    """
    if purpose not in READ_FOR:
        raise ConfigError(f"the key of {purpose} is never replaced; docs/operations.md explains why.")
    keys = _read(path)
    before, *former = keys[purpose]
    replaced = Key(before.id, before.created_at, before.secret, now + read_for)
    kept = [key for key in (replaced, *former) if key.read_until is None or key.read_until > now]
    new = _new_key([before, *former], now)
    keys[purpose] = [new, *kept]
    _replace(path, _to_toml(keys))
    return new


def _new_key(former: list[Key], now: datetime) -> Key:
    return Key(
        max((key.id for key in former), default=0) + 1, now.replace(microsecond=0), secrets.token_urlsafe(48)
    )


def _read(path: Path) -> dict[Purpose, list[Key]]:
    """All keys of the file, newest first."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: the keys cannot be read ({error.strerror}). `mailer init` writes them, and "
            "`mailer keys create` for a configuration that was written by hand. If this installation has "
            "subscribers, restore the file from the backup instead."
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    unknown = [name for name in table if name not in PURPOSES]
    if unknown:
        raise ConfigError(f"{path}: unknown purpose {unknown[0]!r}; known: {', '.join(PURPOSES)}.")
    return {purpose: _keys_of(purpose, table.get(purpose), path) for purpose in PURPOSES}


def _keys_of(purpose: Purpose, rows: Any, path: Path) -> list[Key]:
    try:
        keys = [Key(**row) for row in rows]
        valid = all(_is_valid(key) for key in keys)
    except (TypeError, ValueError, AttributeError):
        raise ConfigError(f"{path}: [[{purpose}]] needs id, created_at and secret.") from None
    if not valid:
        raise ConfigError(
            f"{path}: a key of [[{purpose}]] cannot be used; its secret has {_MIN_LENGTH} characters or more,"
            " and its times a zone."
        )
    if [key.read_until for key in keys].count(None) != 1 or len({key.id for key in keys}) < len(keys):
        raise ConfigError(f"{path}: [[{purpose}]] needs one key without read_until, and each its own id.")
    return sorted(keys, key=lambda key: (key.read_until is not None, -key.id))


def _is_valid(key: Key) -> bool:
    times = [key.created_at, *([] if key.read_until is None else [key.read_until])]
    return (
        isinstance(key.id, int)
        and key.id > 0
        and len(key.secret) >= _MIN_LENGTH
        and all(time.tzinfo is not None for time in times)
    )


def _to_toml(keys: Mapping[Purpose, list[Key]]) -> str:
    lines = [_HEADER]
    for purpose, rows in keys.items():
        for key in rows:
            lines += [f"[[{purpose}]]", f"id = {key.id}", f"created_at = {_time(key.created_at)}"]
            lines += [f"read_until = {_time(key.read_until)}"] if key.read_until else []
            lines += [f'secret = "{key.secret}"', ""]
    return "\n".join(lines)


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


def _replace(path: Path, text: str) -> None:
    """Replace the file's content, whole or not at all."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
