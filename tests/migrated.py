"""The migrated SQLite database, kept between runs under a name that stands for what made it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
from contextlib import closing
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
    "permissions.py",
    "search_index.py",
    "suppression.py",
)


class Turn:
    """One process migrates; the others wait until it has kept what came of it."""

    def __init__(self) -> None:
        _FOLDER.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(_FOLDER / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Whether this process has to migrate.
        self.mine = not _is_migrated(kept())
        if not self.mine:
            self._end()

    def keep(self, database: sqlite3.Connection) -> None:
        """Write the migrated database down, whole or not at all, and let the others go on."""
        for old in _FOLDER.glob("*.db"):
            old.unlink(missing_ok=True)
        unfinished = _FOLDER / "unfinished"
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(unfinished)) as target:
            database.backup(target)
        if _is_migrated(unfinished):
            unfinished.rename(kept())
        self._end()

    def _end(self) -> None:
        os.close(self._lock)


def _is_migrated(path: Path) -> bool:
    """Whether there is a database with migrations. A run that was cut short may have left an empty one."""
    if not path.exists():
        return False
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'django_migrations'")
        return tables.fetchone() is not None


@cache
def kept() -> Path:
    """Where the database is, or will be, that these migrations make."""
    digest = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    # The database knows its address-hash key.
    digest.update((ROOT / "tests" / "keys.toml").read_bytes())
    for package in ("mailer", "subscribers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.parent.name == "migrations" or path.name in _MAKERS:
                digest.update(path.read_bytes())
    return _FOLDER / f"{digest.hexdigest()[:32]}.db"


def restore(database: sqlite3.Connection) -> None:
    """Put it in place of whatever is in `database`."""
    with closing(sqlite3.connect(kept())) as source:
        source.backup(database)
