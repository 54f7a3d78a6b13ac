"""The migrated databases, kept between runs under a name that stands for what made them.

`python -m tests.migrated` makes SQLite's, if there is none yet.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_FOLDER = ROOT / ".pytest_cache" / "migrated"
# Beside the migrations: tables, the applications that have some, and what is done behind them.
_MAKERS = (
    "models.py",
    "apps.py",
    "settings.py",
    "fields.py",
    "role_groups_and_grants.py",
    "search_index.py",
    "suppression.py",
)


class Turn:
    """One process migrates; the others wait until it has kept what came of it."""

    def __init__(self) -> None:
        self._turn = alone("sqlite")
        self._turn.__enter__()
        # Whether this process has to migrate.
        self.mine = not _is_migrated(kept())
        if not self.mine:
            self._end()

    def keep(self, database: sqlite3.Connection) -> None:
        """Write the migrated database down, whole or not at all, and let the others go on."""
        _delete_old("db")
        unfinished = _FOLDER / "unfinished"
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(unfinished)) as target:
            database.backup(target)
        if _is_migrated(unfinished):
            unfinished.rename(kept())
        self._end()

    def _end(self) -> None:
        self._turn.__exit__(None, None, None)


@contextmanager
def alone(name: str) -> Iterator[None]:
    """One process at a time."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(_FOLDER / f"{name}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_migrated(path: Path) -> bool:
    """Whether there is a database with migrations. A run that was cut short may have left an empty one."""
    if not path.exists():
        return False
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'django_migrations'")
        return tables.fetchone() is not None


def keep(suffix: str, content: bytes) -> None:
    """Write a migrated database down, whole or not at all."""
    _delete_old(suffix)
    unfinished = _FOLDER / f"unfinished.{suffix}"
    unfinished.write_bytes(content)
    unfinished.rename(kept(suffix))


def _delete_old(suffix: str) -> None:
    for old in _FOLDER.glob(f"*.{suffix}"):
        old.unlink(missing_ok=True)


@cache
def kept(suffix: str = "db") -> Path:
    """Where the database is, or will be, that these migrations make: a file, or a dump ("sql")."""
    digest = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    # The database knows its address-hash key.
    digest.update((ROOT / "tests" / "keys.toml").read_bytes())
    for package in ("mailer", "subscribers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.parent.name == "migrations" or path.name in _MAKERS:
                digest.update(path.read_bytes())
    return _FOLDER / f"{digest.hexdigest()[:32]}.{suffix}"


def restore(database: sqlite3.Connection, path: Path | None = None) -> None:
    """Put it, or a copy of it, in place of whatever is in `database`."""
    with closing(sqlite3.connect(f"file:{path or kept()}?mode=ro", uri=True)) as source:
        source.backup(database)


def main() -> None:
    turn = Turn()
    if not turn.mine:
        return
    import django

    django.setup()
    from django.db import connection

    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    turn.keep(connection.connection)


if __name__ == "__main__":
    main()
