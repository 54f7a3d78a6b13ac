"""Uploaded files that wait to be read: stored under a random name, previewed, and deleted once read."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from subscribers.imports.mapping import Columns
from subscribers.imports.models import ImportJob
from subscribers.imports.rows import UnreadableFile
from subscribers.imports.table_file import open_table

_NAME = re.compile(r"[A-Za-z0-9_-]{20,64}")
# Rows of a preview, and characters of each cell.
_PREVIEW_ROWS, _PREVIEW_CELL = 5, 80


@dataclass(frozen=True)
class Preview:
    """How a file begins, as it would be read."""

    columns: Columns
    rows: tuple[tuple[str, ...], ...]
    # Empty for a workbook.
    encoding: str


def store(chunks: Iterable[bytes]) -> tuple[str, int]:
    """Write a file with mode 0600; returns its random name, and its size in bytes. Raises OSError."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name, size = secrets.token_urlsafe(24), 0
    path = folder / name
    try:
        with path.open("xb") as target:
            path.chmod(0o600)
            for chunk in chunks:
                size += target.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return name, size


def path_of(name: str) -> Path:
    """The path of a stored file."""
    if not _NAME.fullmatch(name):
        raise ValueError("not the name of a stored file")
    return _folder() / name


def open_upload(job: ImportJob) -> BinaryIO:
    """The job's uploaded file. Raises UnreadableFile when it is gone."""
    try:
        return path_of(job.upload).open("rb")
    except FileNotFoundError:
        raise UnreadableFile("The file is no longer stored; upload it again.") from None


def preview(job: ImportJob, encoding: str = "", delimiter: str = "") -> Preview:
    """How the file begins; encoding and delimiter are detected if empty. Raises UnreadableFile."""
    options = {"encoding": encoding, "delimiter": delimiter}
    with open_upload(job) as stream, open_table(stream, options, allow_missing_email=True) as table:
        rows = [
            tuple(cell[:_PREVIEW_CELL] for cell in cells) for _, cells in islice(table.rows, _PREVIEW_ROWS)
        ]
        return Preview(table.columns, tuple(rows), table.encoding)


def delete(name: str) -> None:
    """Delete a stored file; harmless when it is gone or the name is empty."""
    if name:
        path_of(name).unlink(missing_ok=True)


def delete_older_than(age: timedelta) -> None:
    """Delete files that no job will read any more."""
    before = time.time() - age.total_seconds()
    for path in _folder().glob("*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()


def _folder() -> Path:
    config = settings.CONFIG
    folder: Path = config.path(config.storage.path)
    return folder / "imports"
