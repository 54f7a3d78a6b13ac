"""Writes a backup: configuration, keys, stored files and every row of the database, in one encrypted file.

Pictures and uploaded files are in the storage folder, in `media_path`, or in a bucket; in the archive they
have the same names, so that they can be restored into any of these.

The archive inside is a compressed tar of, in this order, manifest.json, config/…, storage/…,
rows/TABLE/NUMBER and end.json. The rows are those of one moment, and web and worker go on meanwhile.
"""

from __future__ import annotations

import errno
import fcntl
import gzip
import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from mailer.backup import postgresql_rows, sqlite_rows
from mailer.backup.database_interface import Snapshot
from mailer.backup.encrypted_file import (
    BackupFileError,
    Damaged,
    DecryptingReader,
    EncryptingWriter,
    authenticate_and_digest,
)
from mailer.backup.row_format import Table, TableDigest, tables
from mailer.config import Config, file_modes

FORMAT = 1
# Bytes of rows in one part of the archive, at least.
_PART = 4 << 20
_COPY = 1 << 20
# Folders of the storage folder that are about processes of this machine, or are collected anew.
_LEFT_OUT = ("journal", "static")
# Those that several machines share ([storage] media_path, or a bucket).
_SHARED = ("media", "imports")
# Ends the name of a backup that is being written.
_UNFINISHED = ".unfinished"
_NAME = re.compile(r"mailer-\d{4}-\d{2}-\d{2}T\d{6}Z\.backup")

OnProgress = Callable[[str, int], None]
# Opens a file or an object; also its bytes. Raises FileNotFoundError where it was deleted meanwhile.
_Source = Callable[[], tuple[Any, int]]


@dataclass
class Summary:
    """What a backup holds."""

    path: Path
    octets: int = 0
    files: int = 0
    # Rows by table.
    rows: dict[str, int] = field(default_factory=dict)
    # What the configuration names and the backup does not hold, in words.
    left_out: list[str] = field(default_factory=list)
    # Older backups that were deleted.
    deleted: list[Path] = field(default_factory=list)


def default_name(now: datetime) -> str:
    """The name of a backup made now, "mailer-2026-11-29T052200Z.backup"; `now` is in UTC."""
    return f"mailer-{now:%Y-%m-%dT%H%M%SZ}.backup"


def create(
    path: Path,
    config_file: Path,
    passphrase: str,
    now: datetime,
    on_progress: OnProgress = lambda *_: None,
    *,
    with_bucket: bool = False,
) -> Summary:
    """Write the backup to `path`, which must not exist, and read it back; nothing is left after a failure.

    `with_bucket`: also the objects of the bucket that the configuration names.
    `on_progress` gets a table's name and the number of its rows so far. Raises BackupFileError and OSError.
    """
    if path.exists():
        raise BackupFileError(f"{path} exists already.")
    database = sqlite_path(settings.CONFIG)
    if database is not None and not database.exists():
        raise BackupFileError("There is no database to back up; run: mailer migrate")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    delete_abandoned(path.parent)
    unfinished = path.with_name(f".{path.name}{_UNFINISHED}")
    summary = Summary(path)
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            with suppress(OSError):
                # Not every file system has locks; `delete_abandoned` needs them too.
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            writer = EncryptingWriter(file, passphrase)
            _write_archive(writer, config_file, summary, now, on_progress, with_bucket)
            writer.close()
            file.flush()
            os.fsync(file.fileno())
            verify(unfinished, passphrase, writer.digest.digest())
            _put_in_place(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    summary.octets = path.stat().st_size
    return summary


def verify(path: Path, passphrase: str, digest: bytes) -> None:
    """Read the whole file back. Raises Damaged where it does not hold what was written."""
    with path.open("rb") as file:
        if authenticate_and_digest(DecryptingReader(file, passphrase)) != digest:
            raise Damaged("What is in the file is not what was written. Check the disk.")


def delete_abandoned(folder: Path) -> None:
    """Delete what backups to this folder left that were killed: each may be as large as a backup."""
    for path in folder.glob(f".mailer-*.backup{_UNFINISHED}"):
        with suppress(OSError), path.open("rb") as file:
            # The process that still writes it holds the lock.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _put_in_place(unfinished: Path, path: Path) -> None:
    """Give the file its name. Raises BackupFileError where another has it."""
    try:
        # Unlike `rename`, this replaces no file that was created meanwhile.
        os.link(unfinished, path)
    except OSError as error:
        # FAT and many network file systems have no links.
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        if path.exists():
            raise BackupFileError(f"{path} exists already.") from error
        unfinished.rename(path)


def delete_older(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest `keep` backups that have names of `default_name`; which were deleted."""
    found = sorted(path for path in folder.glob("mailer-*.backup") if _NAME.fullmatch(path.name))
    old = found[:-keep]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def sqlite_path(config: Config) -> Path | None:
    """The file of the configured database; None for PostgreSQL."""
    url = config.database.url
    return config.path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _write_archive(
    writer: EncryptingWriter,
    config_file: Path,
    summary: Summary,
    now: datetime,
    on_progress: OnProgress,
    with_bucket: bool,
) -> None:
    config = settings.CONFIG
    found = tables()
    with (
        _open_snapshot(config) as snapshot,
        gzip.GzipFile(fileobj=writer, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        _add(archive, "manifest.json", _json(_manifest(found, now)))
        end: dict[str, Any] = {"files": {}, "tables": {}}
        for name, source in _files(config_file, config, summary, with_bucket):
            if file_digest := _add_file(archive, name, source):
                end["files"][name] = file_digest
                on_progress("files", len(end["files"]))
        summary.files = len(end["files"])
        for table in found:
            digest = _add_rows(archive, snapshot, table, on_progress)
            end["tables"][table.name] = [digest.rows, digest.hexdigest()]
            summary.rows[table.name] = digest.rows
        end["last_ids"] = snapshot.last_ids(found)
        _add(archive, "end.json", _json(end))


def _open_snapshot(config: Config) -> AbstractContextManager[Snapshot]:
    path = sqlite_path(config)
    return (
        postgresql_rows.open_snapshot(config.database.url)
        if path is None
        else sqlite_rows.open_snapshot(path)
    )


def _manifest(found: list[Table], now: datetime) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": metadata.version("newsletter-mailer"),
        "created_at": now.isoformat(),
        "database": connection.vendor,
        "migrations": sorted(MigrationRecorder(connection).applied_migrations()),
        "tables": [table.as_dict() for table in found],
    }


def _files(
    config_file: Path, config: Config, summary: Summary, with_bucket: bool
) -> Iterator[tuple[str, _Source]]:
    """Names in the archive, and the files: the configuration first."""
    yield "config/config.toml", partial(_open, config_file)
    yield "config/keys.toml", partial(_open, config.path(config.keys.file))
    home = config.home.resolve()
    for secret in file_modes.secret_files(config_file):
        if secret.resolve().is_relative_to(home):
            yield f"config/files/{secret.resolve().relative_to(home)}", partial(_open, secret)
        else:
            summary.left_out.append(f"{secret}, which is outside of the configuration's folder")
    storage = config.path(config.storage.path)
    media = config.path(config.storage.media_path or config.storage.path)
    if config.storage.media == "s3":
        yield from _own_files(storage, (*_LEFT_OUT, *_SHARED))
        if with_bucket:
            yield from _objects()
        else:
            summary.left_out.append(
                f"the bucket {config.storage.s3_bucket}, with pictures and uploaded files; --with-bucket "
                "adds them"
            )
    elif media == storage:
        yield from _own_files(storage, _LEFT_OUT)
    else:
        # What is left there of a time before `media_path` is not in use.
        yield from _own_files(storage, (*_LEFT_OUT, *_SHARED), media)
        for name in _SHARED:
            for path in _stored_files(media / name):
                yield f"storage/{path.relative_to(media)}", partial(_open, path)


def _own_files(
    storage: Path, left_out: Iterable[str], other: Path | None = None
) -> Iterator[tuple[str, _Source]]:
    """The files of the storage folder's folders but for `left_out`, and for `other`, which may be there."""
    if not storage.is_dir():
        return
    for folder in sorted(one for one in storage.iterdir() if one.is_dir() and one.name not in left_out):
        for path in _stored_files(folder):
            if other is None or not path.is_relative_to(other):
                yield f"storage/{path.relative_to(storage)}", partial(_open, path)


def _stored_files(top: Path) -> Iterator[Path]:
    """The files below a folder that belong to the installation, in order."""
    for folder, below, names in os.walk(top):
        below.sort()
        for path in (Path(folder, name) for name in sorted(names)):
            if path.is_file() and not path.is_symlink() and path.suffix not in (".backup", _UNFINISHED):
                yield path


def _objects() -> Iterator[tuple[str, _Source]]:
    """The objects of the bucket, with the names of files in the storage folder."""
    # Loads boto3, which few installations have.
    from mailer import object_storage

    for name in object_storage.object_names():
        yield f"storage/{name}", partial(object_storage.open_object, name)


def _open(path: Path) -> tuple[BinaryIO, int]:
    file = path.open("rb")
    return file, os.fstat(file.fileno()).st_size


def _add_file(archive: tarfile.TarFile, name: str, source: _Source) -> str:
    """Add a file or an object; its SHA-256, or "" where it was deleted meanwhile."""
    try:
        file, size = source()
    except FileNotFoundError:
        return ""
    with file:
        reader = _HashingReader(file, size)
        archive.addfile(_entry(name, size), reader)
        return reader.digest.hexdigest()


class _HashingReader(io.RawIOBase):
    """Hashes what is read of a file. One that grows or shrinks meanwhile is read to the size it had."""

    def __init__(self, file: Any, size: int) -> None:
        self._file = file
        self._left = size
        self.digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data: bytes = self._file.read(wanted).ljust(wanted, b"\0")
        self._left -= len(data)
        self.digest.update(data)
        return data


def _add_rows(
    archive: tarfile.TarFile, snapshot: Snapshot, table: Table, on_progress: OnProgress
) -> TableDigest:
    digest = TableDigest(table)
    part, number = bytearray(), 0
    on_progress(table.name, 0)
    for block in snapshot.read(table):
        digest.update(block)
        part += block
        if len(part) >= _PART:
            _add(archive, f"rows/{table.name}/{number:06}", bytes(part))
            part.clear()
            number += 1
            on_progress(table.name, digest.rows)
    if part:
        _add(archive, f"rows/{table.name}/{number:06}", bytes(part))
    on_progress(table.name, digest.rows)
    return digest


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    archive.addfile(_entry(name, len(data)), io.BytesIO(data))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()
