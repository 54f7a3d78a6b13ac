"""Which files hold addresses or secrets, and that only their owner may open them."""

from __future__ import annotations

import logging
import os
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mailer.config import Config

log = logging.getLogger(__name__)
# What every process of ours creates is for its owner only.
UMASK = 0o077
# Of a file's mode: what its group, and what all others may do.
_GROUP, _OTHERS = 0o070, 0o007
# SQLite's files beside the database.
_SQLITE_SUFFIXES = ("", "-wal", "-shm", "-journal")
_NAMED_IN_LOG = 5


class Exposed(NamedTuple):
    """A file or folder that others than its owner may open."""

    path: Path
    # The permission bits.
    mode: int
    # Whether it belongs to the user of this process, who can change its mode.
    is_ours: bool

    @property
    def to_everyone(self) -> bool:
        """Whether every user of the machine may open it, and not only a group."""
        return bool(self.mode & _OTHERS)


def exposed_paths(file: Path, config: Config) -> list[Exposed]:
    """The private files and folders that others may open; `file` is the configuration's own."""
    found = []
    for path in _private_paths(file, config):
        try:
            status = path.stat()
        except OSError:
            continue
        mode = stat.S_IMODE(status.st_mode)
        if mode & (_GROUP | _OTHERS):
            found.append(Exposed(path, mode, status.st_uid == os.geteuid()))
    return found


def restrict_private_files_to_owner(file: Path, config: Config) -> list[Path]:
    """Close those that belong to the user of this process to all others; which ones were changed."""
    changed = []
    for path, mode, is_ours in exposed_paths(file, config):
        if not is_ours:
            continue
        try:
            path.chmod(mode & ~(_GROUP | _OTHERS))
        except OSError as error:
            log.warning("action=file_mode_not_changed path=%s error=%s", path, error.strerror)
            continue
        changed.append(path)
    if changed:
        named = " ".join(map(str, changed[:_NAMED_IN_LOG]))
        log.warning("action=file_modes_tightened count=%d paths=%s", len(changed), named)
    return changed


def _private_paths(file: Path, config: Config) -> Iterator[Path]:
    """The configuration, the files of its secrets, the database, and all of the storage folder."""
    yield file
    yield config.path(config.keys.file)
    yield from secret_files(file)
    if config.database.url.startswith("sqlite:///") and ":memory:" not in config.database.url:
        database = config.path(config.database.url.removeprefix("sqlite:///"))
        for suffix in _SQLITE_SUFFIXES:
            yield database.with_name(database.name + suffix)
    for folder, _, names in os.walk(config.path(config.storage.path)):
        yield Path(folder)
        paths = (Path(folder, name) for name in names)
        yield from (path for path in paths if not path.is_symlink())


def secret_files(file: Path) -> Iterator[Path]:
    """The files that the configuration reads secrets from: its keys that end in _file or token_path."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return
    sections = [section for section in table.values() if isinstance(section, dict)]
    for section in [*sections, *table.get("relays", [])]:
        for key, value in section.items():
            if key.endswith(("_file", "token_path")) and isinstance(value, str) and value:
                yield file.resolve().parent / value
