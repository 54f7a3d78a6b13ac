"""Restores a backup into an empty folder and an empty database, whole or not at all.

Everything is written beside its place, verified, and moved there at the end. The whole file is authenticated
before anything of it is used. Rows go straight from the encrypted file into the database. Objects of a bucket
are uploaded when all else is verified, and read back; where an error occurs, they are deleted.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import secrets
import shutil
import tarfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from django.utils import timezone

from mailer import config as configuration
from mailer.backup.create import FORMAT, OnProgress, sqlite_path
from mailer.backup.database_interface import DatabaseError, Loader
from mailer.backup.encrypted_file import (
    BackupFileError,
    Damaged,
    DecryptingReader,
    NewerVersion,
    authenticate_and_digest,
)
from mailer.backup.postgresql_rows import PostgresqlLoader, connect
from mailer.backup.row_format import Table, TableDigest
from mailer.backup.sqlite_rows import SqliteLoader
from mailer.config import Config
from mailer.config.sections import Storage

# Begins the names of what is not in its place yet.
_STAGED = ".restoring-"
_CONFIG, _KEYS, _SECRETS, _STORAGE = "config/config.toml", "config/keys.toml", "config/files/", "storage/"
# What several machines may share ([storage] media_path, or a bucket).
_MEDIA = ("storage/media/", "storage/imports/")
# Where files wait that go into a bucket, in the folder that is moved at the end.
_FOR_BUCKET = ".bucket"
_DATABASE_VARIABLE = "MAILER_DATABASE__URL"
# Applications whose tables hold no state of their own, and exist on PostgreSQL only.
_QUEUE = "procrastinate"


class RestoreError(Exception):
    """The backup cannot be restored here."""


@dataclass
class Summary:
    """What was restored."""

    config: Path
    files: int = 0
    # Rows by table, each table verified by its checksum.
    rows: dict[str, int] = field(default_factory=dict)
    # When the backup was made, ISO 8601.
    created_at: str = ""
    # The configuration names another database, or another bucket, than was restored into.
    other_database: bool = False
    other_bucket: bool = False
    # The bucket that the restored installation uses, "" without one; and how many objects were uploaded.
    bucket: str = ""
    objects: int = 0


@dataclass(frozen=True)
class _Place:
    """A file or folder that is written to `staged` and moved to `final` at the end."""

    staged: Path
    final: Path


def restore(
    file: Path,
    folder: Path,
    passphrase: str,
    start_django: Callable[[Path], None],
    on_progress: OnProgress = lambda *_: None,
    *,
    skip_bucket_upload: bool = False,
) -> Summary:
    """Restore the backup `file`: the configuration into `folder`, the rest where the configuration says.

    Variables MAILER_… of the environment take precedence over the restored configuration, as everywhere.
    `skip_bucket_upload`: leave the objects of the bucket as they are. `start_django` is called with the
    configuration. Raises RestoreError, BackupFileError, DatabaseError, ConfigError and OSError; then nothing
    is left of the restoration.
    """
    _check_empty(folder, "The folder")
    _authenticate(file, passphrase, on_progress)
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = _staging_for(folder)
    staging.mkdir(mode=0o700)
    with ExitStack() as cleaning:
        cleaning.callback(shutil.rmtree, staging, ignore_errors=True)
        return _restore(
            file, folder, staging, passphrase, start_django, on_progress, cleaning, skip_bucket_upload
        )


def _restore(
    file: Path,
    folder: Path,
    staging: Path,
    passphrase: str,
    start_django: Callable[[Path], None],
    on_progress: OnProgress,
    cleaning: ExitStack,
    keep_bucket: bool,
) -> Summary:
    with _archive(file, passphrase) as archive:
        manifest = _read_manifest(archive)
        places, loaded, stored = _extract_files(archive, staging, folder, cleaning)
    summary = Summary(folder / "config.toml", created_at=str(manifest["created_at"]))
    others = {name: value for name, value in os.environ.items() if name != _DATABASE_VARIABLE}
    written = configuration.load(staging / "config.toml", others).database.url
    summary.other_database = written != loaded.database.url
    for_bucket = staging / _FOR_BUCKET
    if loaded.storage.media == "s3":
        summary.bucket = loaded.storage.s3_bucket
        summary.other_bucket = not _names_bucket(staging / "config.toml", loaded.storage)
        if keep_bucket:
            shutil.rmtree(for_bucket, ignore_errors=True)
    database = sqlite_path(loaded)
    if database is not None:
        place = _place(database, staging, folder, "The database", cleaning)
        places.append(place)
        os.environ[_DATABASE_VARIABLE] = f"sqlite:///{place.staged}"
    start_django(staging / "config.toml")
    if for_bucket.exists():
        _check_bucket(stored)
    with _loader(database and places[-1].staged, loaded.database.url, cleaning) as loader:
        end = _load(file, passphrase, manifest, loader, on_progress)
    for name, digest in end["files"].items():
        if stored.get(name) != digest:
            raise Damaged(f"The file {name} was not restored as it was. Check the disk.")
    summary.files = len(stored)
    summary.rows = {name: rows for name, (rows, _) in end["tables"].items()}
    if for_bucket.exists():
        summary.objects = _fill_bucket(for_bucket, stored, on_progress, cleaning)
        shutil.rmtree(for_bucket)
    for place in places:
        if place.staged.exists():
            _move(place)
    # Now that all is in place, no failure takes a part of it away.
    cleaning.pop_all()
    return summary


def _names_bucket(file: Path, storage: Storage) -> bool:
    """Whether the configuration file has the same bucket, without the environment."""
    written = tomllib.loads(file.read_text(encoding="utf-8-sig")).get("storage", {})
    names = ("media", "s3_bucket", "s3_endpoint", "s3_prefix")
    return all(written.get(name, getattr(Storage, name)) == getattr(storage, name) for name in names)


def _check_bucket(stored: Mapping[str, str]) -> None:
    """Raises RestoreError where the bucket holds an object that the backup has not, or otherwise."""
    from mailer import object_storage

    for name in object_storage.object_names():
        digest = stored.get(f"storage/{name}")
        if digest is None or digest != object_storage.object_sha256(name):
            raise RestoreError(
                "The bucket holds pictures or uploaded files that are not those of the backup. Name another "
                "bucket or another beginning of names by MAILER_STORAGE__S3_BUCKET or "
                "MAILER_STORAGE__S3_PREFIX; or leave its objects as they are by --keep-bucket."
            )


def _fill_bucket(
    folder: Path, stored: Mapping[str, str], on_progress: OnProgress, cleaning: ExitStack
) -> int:
    """Upload what is in the folder and not in the bucket, and read it back; how many objects."""
    from mailer import object_storage

    there, count = set(object_storage.object_names()), 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name in there:
            continue
        cleaning.callback(_delete_object, name)
        object_storage.upload_object(name, path)
        if object_storage.object_sha256(name) != stored[f"storage/{name}"]:
            raise Damaged(f"The object {name} was not stored as it was. Check the object storage.")
        count += 1
        on_progress("objects of the bucket", count)
    return count


def _delete_object(name: str) -> None:
    from mailer import object_storage

    # The error that led here says more.
    with suppress(object_storage.BucketError):
        object_storage.delete_object(name)


def _check_empty(path: Path, what: str) -> None:
    if path.is_dir() and all(one.name.startswith(_STAGED) for one in path.iterdir()):
        return
    if path.exists():
        raise RestoreError(
            f"{what} {path} is not empty. A backup is restored into an empty place: choose another, or move "
            "away what is there."
        )


def _staging_for(path: Path) -> Path:
    """Where `path` is prepared, on the same file system: in it if it is a folder, and otherwise beside it.

    The user of a service can write to the service's folder, and often not to the one above.
    """
    name = f"{_STAGED}{secrets.token_hex(4)}"
    if not path.is_dir():
        return path.with_name(f".{path.name}{name}")
    for left in path.iterdir():
        # By an earlier restoration that was killed.
        shutil.rmtree(left)
    return path / name


def _move(place: _Place) -> None:
    """Move what is staged to its place; into a folder that exists, the configuration last."""
    if place.staged.parent != place.final:
        place.final.parent.mkdir(parents=True, exist_ok=True)
        place.staged.replace(place.final)
        return
    for one in sorted(place.staged.iterdir(), key=lambda path: path.name == "config.toml"):
        one.replace(place.final / one.name)
    place.staged.rmdir()


def _authenticate(file: Path, passphrase: str, on_progress: OnProgress) -> None:
    """Read the whole file, so that none of a damaged one is used."""
    done = 0

    def on_read(octets: int) -> None:
        nonlocal done
        done += octets
        on_progress("checking the file", done)

    with file.open("rb") as opened:
        authenticate_and_digest(DecryptingReader(opened, passphrase), on_read)


@contextmanager
def _archive(file: Path, passphrase: str) -> Iterator[Iterator[tuple[str, io.BufferedIOBase]]]:
    """The members of the archive, in order: names and contents."""
    with (
        file.open("rb") as opened,
        gzip.GzipFile(fileobj=io.BufferedReader(DecryptingReader(opened, passphrase), 1 << 20)) as unpacked,
        tarfile.open(fileobj=unpacked, mode="r|") as archive,
    ):
        yield _members(archive)


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, Any]]:
    for member in archive:
        path = PurePosixPath(member.name)
        content = archive.extractfile(member) if member.isfile() else None
        # A doubled slash would make what follows a prefix an absolute path.
        unusual = path.is_absolute() or ".." in path.parts or str(path) != member.name
        if content is None or unusual:
            raise BackupFileError(f"The backup holds {member.name!r}, which `mailer backup` does not write.")
        yield member.name, content


def _read_manifest(archive: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    name, content = next(archive, ("", None))
    if content is None or name != "manifest.json":
        raise BackupFileError("The backup does not begin with its manifest.")
    manifest: dict[str, Any] = json.load(content)
    if manifest["format"] > FORMAT:
        raise NewerVersion(
            f"This backup was made by a newer version of mailer ({manifest.get('version')}). Install that "
            "version, and restore with it."
        )
    return manifest


def _extract_files(
    archive: Iterator[tuple[str, Any]], staging: Path, folder: Path, cleaning: ExitStack
) -> tuple[list[_Place], Config, dict[str, str]]:
    """Write configuration, keys and stored files; where they go, the configuration, and their SHA-256."""
    stored: dict[str, str] = {}
    loaded: Config | None = None
    keys = b""
    places = [_Place(staging, folder)]
    storage = media = staging
    for name, content in archive:
        if name == _CONFIG:
            stored[name] = _write(staging / "config.toml", content)
        elif name == _KEYS:
            keys = content.read()
            stored[name] = hashlib.sha256(keys).hexdigest()
        elif name.startswith(_SECRETS):
            stored[name] = _write(staging / name.removeprefix(_SECRETS), content)
        elif not name.startswith(("rows/", _STORAGE)):
            raise BackupFileError(f"The backup holds {name!r}, which this version does not know.")
        if loaded is None and name.startswith(("rows/", _STORAGE)):
            loaded = configuration.load(staging / "config.toml", os.environ)
            place = _place(loaded.path(loaded.keys.file), staging, folder, "The keys file", cleaning)
            _write(place.staged, io.BytesIO(keys))
            outside = [place]
            storage, media = _storage_folders(loaded, staging, folder, outside, cleaning)
            # The folder with everything in it is moved last.
            places = [*(one for one in outside if not one.staged.is_relative_to(staging)), *places]
        if name.startswith("rows/"):
            break
        if name.startswith(_STORAGE):
            shared = name.startswith(_MEDIA)
            stored[name] = _write((media if shared else storage) / name.removeprefix(_STORAGE), content)
    if loaded is None:
        raise BackupFileError("The backup holds no rows.")
    return places, loaded, stored


def _storage_folders(
    loaded: Config, staging: Path, folder: Path, places: list[_Place], cleaning: ExitStack
) -> tuple[Path, Path]:
    """Where the files of this machine are staged, and those that several machines may share."""
    staged = partial(_storage_folder, staging=staging, folder=folder, places=places, cleaning=cleaning)
    path = loaded.path(loaded.storage.path)
    media = loaded.path(loaded.storage.media_path or loaded.storage.path)
    storage = staged(path)
    if loaded.storage.media == "s3":
        return storage, staging / _FOR_BUCKET
    if media.is_relative_to(path):
        return storage, storage / media.relative_to(path)
    return storage, staged(media)


def _storage_folder(
    path: Path, staging: Path, folder: Path, places: list[_Place], cleaning: ExitStack
) -> Path:
    """Where the files of a storage folder are staged; its place is added to `places`."""
    for place in places:
        if place.final == path:
            return place.staged
    place = _place(path, staging, folder, "The folder", cleaning)
    place.staged.mkdir(parents=True, exist_ok=True, mode=0o700)
    places.append(place)
    return place.staged


def _place(path: Path, staging: Path, folder: Path, what: str, cleaning: ExitStack) -> _Place:
    """Where the configuration, as it is staged, puts this file or folder."""
    if path.is_relative_to(staging.resolve()):
        return _Place(path, folder / path.relative_to(staging.resolve()))
    _check_empty(path, what)
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = _staging_for(path)
    cleaning.callback(_remove, staged)
    return _Place(staged, path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _write(path: Path, content: Any) -> str:
    """Write a file for its owner only; its SHA-256, of what is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
    with path.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


@contextmanager
def _loader(path: Path | None, url: str, cleaning: ExitStack) -> Iterator[Loader]:
    """Loads into a migrated database; on PostgreSQL, one that was empty before."""
    if path is not None:
        loader = SqliteLoader(path)
        try:
            yield loader
        finally:
            loader.close()
        return
    with connect(url) as connection:
        postgresql = PostgresqlLoader(connection)
        postgresql.hold()
        if postgresql.is_prepared():
            # What an earlier restoration left that was killed.
            postgresql.drop_everything()
        if postgresql.has_tables():
            raise RestoreError(
                "The database is not empty. A backup is restored into an empty one: create another, and name "
                f"it by {_DATABASE_VARIABLE}."
            )
        cleaning.callback(_drop_everything, url)
        yield postgresql


def _drop_everything(url: str) -> None:
    with connect(url) as connection:
        PostgresqlLoader(connection).drop_everything()


def _load(
    file: Path, passphrase: str, manifest: Mapping[str, Any], loader: Loader, on_progress: OnProgress
) -> dict[str, Any]:
    """Migrate, load and verify all rows; what the archive says about itself at its end."""
    found = [Table.from_dict(one) for one in manifest["tables"]]
    _migrate_to([(str(app), str(name)) for app, name in manifest["migrations"]])
    loader.prepare(found)
    end = _load_rows(file, passphrase, {table.name: table for table in found}, loader, on_progress)
    loader.finish(end["last_ids"])
    snapshot = loader.snapshot()
    for table in found:
        digest = TableDigest(table)
        for block in snapshot.read(table):
            digest.update(block)
        if [digest.rows, digest.hexdigest()] != end["tables"][table.name]:
            raise DatabaseError(f"The rows of {table.name} are not as they were in the backup.")
        on_progress(f"checked {table.name}", digest.rows)
    _finish_with_django()
    return end


def _load_rows(
    file: Path, passphrase: str, found: Mapping[str, Table], loader: Loader, on_progress: OnProgress
) -> dict[str, Any]:
    rows = dict.fromkeys(found, 0)
    with _archive(file, passphrase) as archive:
        for name, content in archive:
            if name == "end.json":
                end: dict[str, Any] = json.load(content)
                return end
            if name.startswith("rows/"):
                table = found[name.split("/")[1]]
                lines = content.read()
                loader.load(table, lines)
                rows[table.name] += lines.count(b"\n")
                on_progress(table.name, rows[table.name])
    raise BackupFileError("The backup has no end.")


def _migrate_to(recorded: list[tuple[str, str]]) -> None:
    """Create the tables as they were when the backup was made. Raises NewerVersion."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    loader, graph = executor.loader, executor.loader.graph
    known = {*graph.nodes, *loader.disk_migrations}
    known.update(one for migration in loader.disk_migrations.values() for one in migration.replaces)
    wanted = {node for node in recorded if node[0] != _QUEUE}
    unknown = sorted(wanted - known)
    if unknown:
        raise NewerVersion(
            "This backup was made by a newer version of mailer: its database has the migration "
            f"{unknown[0][0]}.{unknown[0][1]}. Install that version, and restore with it."
        )
    if {node for node in graph.leaf_nodes() if node[0] != _QUEUE} <= wanted:
        call_command("migrate", verbosity=0, interactive=False)
    else:
        # The last migrations of each application at that time.
        recorded_nodes = wanted & set(graph.nodes)
        executor.migrate([node for node in recorded_nodes if not _is_followed(graph, node, recorded_nodes)])
    _close_connections()


def _is_followed(graph: Any, node: tuple[str, str], nodes: set[tuple[str, str]]) -> bool:
    """Whether a later migration of the same application is among the nodes."""
    return any(child.key in nodes and child.key[0] == node[0] for child in graph.node_map[node].children)


def _finish_with_django() -> None:
    """Bring the tables up to date with this version, make the search index anew, and let nothing be sent."""
    from django.core.management import call_command

    from mailer.instance import database_copy_detection

    call_command("migrate", verbosity=0, interactive=False)
    call_command("update_index", verbosity=0, stdout=io.StringIO())
    database_copy_detection.mark_restored_and_stop_sending(timezone.now())
    _close_connections()


def _close_connections() -> None:
    from django.db import connections

    connections.close_all()
