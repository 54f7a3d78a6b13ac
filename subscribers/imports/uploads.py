"""Files that wait to be read, in the storage: under a name that tells nothing, and gone once read."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from django.conf import settings

_NAME = re.compile(r"[A-Za-z0-9_-]{20,64}")


def keep(pieces: Iterable[bytes]) -> tuple[str, int]:
    """Write a file that nobody else may read; its name, and its size in bytes. Raises OSError."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name, size = secrets.token_urlsafe(24), 0
    path = folder / name
    try:
        with path.open("xb") as target:
            path.chmod(0o600)
            for piece in pieces:
                size += target.write(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return name, size


def path_of(name: str) -> Path:
    """Where a kept file is."""
    if not _NAME.fullmatch(name):
        raise ValueError("no name of a kept file")
    return _folder() / name


def drop(name: str) -> None:
    """Delete a kept file; harmless when it is gone."""
    if name:
        path_of(name).unlink(missing_ok=True)


def sweep(days: float) -> None:
    """Delete files that are older: whatever was to read them has forgotten them."""
    before = time.time() - days * 86_400
    for path in _folder().glob("*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()


def _folder() -> Path:
    config = settings.CONFIG
    folder: Path = config.path(config.storage.path)
    return folder / "imports"
