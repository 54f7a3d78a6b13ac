"""Writing a backup: what is left of one that was killed, and file systems without links."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from mailer.backup import create
from mailer.backup.encrypted_file import BackupFileError


def test_what_a_killed_backup_left_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    killed, running = (tmp_path / f".mailer-2026-11-{day}T052200Z.backup.unfinished" for day in (28, 29))
    others = [tmp_path / name for name in ("mailer-2026-11-27T052200Z.backup", ".other.unfinished")]
    for path in (killed, running, *others):
        path.write_bytes(b"x")
    with running.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        create.delete_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([running, *others])


def no_links(*_: Any) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("links", [True, False])
def test_a_finished_backup_replaces_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    new, path = tmp_path / "new", tmp_path / "a.backup"
    new.write_bytes(b"new")
    create._put_in_place(new, path)
    assert path.read_bytes() == b"new"
    new.unlink(missing_ok=True)
    new.write_bytes(b"newer")
    with pytest.raises((BackupFileError, FileExistsError)):
        create._put_in_place(new, path)
    assert path.read_bytes() == b"new"
