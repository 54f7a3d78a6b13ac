"""Locks that one process of a machine holds."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mailer.config import ConfigError

_DATABASE_LOCK = "database.lock"
# Open until the process ends.
_held: list[IO[str]] = []


class WorkerAlreadyRunning(Exception):  # noqa: N818
    """Another worker holds this machine's lock."""


def hold_shared_database_lock(storage: Path) -> None:
    """Keep `database_alone` out for as long as this process lives. Raises ConfigError where it is in."""
    storage.mkdir(parents=True, exist_ok=True)
    lock = (storage / _DATABASE_LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise ConfigError("the database is being moved; wait until that has finished.") from error
    _held.append(lock)


@contextmanager
def database_alone(storage: Path) -> Iterator[None]:
    """Keep web and worker of this machine out. Raises WorkerAlreadyRunning where one runs."""
    storage.mkdir(parents=True, exist_ok=True)
    with (storage / _DATABASE_LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise WorkerAlreadyRunning(f"web or worker runs with {storage}; stop both first.") from error
        yield


@contextmanager
def worker_lock(storage: Path, name: str = "worker.lock") -> Iterator[None]:
    """Hold the machine's worker lock, or another one of this name.

    The kernel releases it whenever and however the process ends. Raises WorkerAlreadyRunning.
    """
    storage.mkdir(parents=True, exist_ok=True)
    with (storage / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise WorkerAlreadyRunning(f"a worker already runs with {storage}; stop it first.") from error
        yield
