"""`mailer backup` and `mailer restore`: everything comes back, on either database, or nothing is left."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from mailer.backup import restore as restoring
from mailer.backup.database_interface import DatabaseError
from mailer.backup.encrypted_file import BackupFileError, DecryptingReader
from mailer.backup.row_format import TableDigest, tables
from tests.backup import office
from tests.postgres import Server

# The database that the installation begins with is migrated for tests that use one.
pytestmark = [pytest.mark.sqlite, pytest.mark.django_db, pytest.mark.xdist_group("backup")]


def end_of(path: Path) -> dict[str, Any]:
    """What the archive says about itself: rows and digests by table, last ids, files."""
    with restoring._archive(path, office.PASSPHRASE) as archive:
        return next(json.load(content) for name, content in archive if name == "end.json")


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (folder, *folder.rglob("*"))}


@pytest.mark.journey
def test_a_restored_installation_is_the_one_that_was_backed_up(office_folder: Path, restored: Path) -> None:
    target = restored
    for name in ("config.toml", "keys.toml", "relay-password", "data/media/original_images/steppe.jpg"):
        assert (target / name).read_bytes() == (office_folder / name).read_bytes()
    # What is about the other machine is not restored, and nobody else can read what is.
    assert not (target / "data" / "worker.lock").exists()
    assert modes(target.parent) == {0}
    assert sorted(path.name for path in target.parent.iterdir()) == ["office"]
    before, after = (
        office.query(folder, "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
        for folder in (office_folder, target)
    )
    assert after == before
    (found,) = office.query(target, "SELECT name FROM subscribers_subscriber ORDER BY id LIMIT 1")
    assert found == (office.AWKWARD,)
    # Ids are not given out twice, neither here nor by the original since.
    last_id = "SELECT seq FROM sqlite_sequence WHERE name = 'subscribers_subscriber'"
    ((here,),), ((there,),) = office.query(target, last_id), office.query(office_folder, last_id)
    assert here >= there + 100_000
    # The chain of the audit log, the triggers and the search index are whole.
    assert office.problems(target) == []
    (match,) = office.query(
        target, "SELECT count(*) FROM subscribers_trigram WHERE subscribers_trigram MATCH '\"reader-7\"'"
    )
    assert match[0] > 0
    with pytest.raises(sqlite3.IntegrityError), closing(sqlite3.connect(target / "mailer.db")) as database:
        database.execute("DELETE FROM wagtailcore_modellogentry")


@pytest.mark.journey
@pytest.mark.postgres
def test_a_backup_of_sqlite_is_restored_on_postgresql_with_equal_rows(
    office_folder: Path, backup_file: Path, tmp_path: Path, postgres: Server
) -> None:
    url = postgres.empty("restored")
    # The folder that a service's user owns, below one that it cannot write to, or a mount point. An earlier
    # restoration was killed.
    target = tmp_path / "office"
    (target / ".restoring-killed").mkdir(parents=True)
    inode = target.stat().st_ino
    done = office.restore(
        backup_file, target, passphrase=office_folder / "passphrase", MAILER_DATABASE__URL=url
    )
    assert done.returncode == 0, done.stderr
    assert target.stat().st_ino == inode
    assert not list(target.glob(".restoring-*"))
    shutil.copy(office_folder / "passphrase", target)
    again = office.backup(target, str(tmp_path / "again.backup"), MAILER_DATABASE__URL=url)
    assert again["rows"] > 500
    before, after = end_of(backup_file), end_of(tmp_path / "again.backup")
    # The original may have given the next ones since.
    assert after["last_ids"]["subscribers_subscriber"] > before["last_ids"]["subscribers_subscriber"] + 99_999
    changed = {name for name, digest in before["tables"].items() if after["tables"][name] != digest}
    # PostgreSQL has the tables of its job queue besides, and what is restored has another identity.
    assert changed <= {"django_content_type", "auth_permission", "mailer_instance"}
    assert office.problems(target, MAILER_DATABASE__URL=url) == []
    # A database that is not empty is refused.
    once_more = office.restore(
        backup_file,
        tmp_path / "third",
        passphrase=office_folder / "passphrase",
        MAILER_DATABASE__URL=url,
    )
    assert once_more.returncode == 1
    assert not (tmp_path / "third").exists()
    assert "password" not in once_more.stderr.lower()


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_a_database_that_is_being_restored_is_left_alone_by_another_restoration(postgres: Server) -> None:
    url = postgres.empty("at_once")
    with (
        ExitStack() as cleaning,
        restoring._loader(None, url, cleaning),
        pytest.raises(DatabaseError),
        ExitStack() as other,
        restoring._loader(None, url, other),
    ):
        pass
    with ExitStack() as cleaning, restoring._loader(None, url, cleaning):
        pass


def test_nothing_is_restored_into_a_folder_that_is_not_empty(
    office_folder: Path, backup_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "office").mkdir()
    (tmp_path / "office" / "notes").write_text("mine")
    done = office.restore(backup_file, tmp_path / "office", passphrase=office_folder / "passphrase")
    assert done.returncode == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["office", "notes"]


@pytest.mark.parametrize("damage", ["passphrase", "truncated", "modified"])
def test_an_unusable_file_is_refused_and_leaves_nothing(
    damage: str, office_folder: Path, backup_file: Path, tmp_path: Path
) -> None:
    passphrase, file = tmp_path / "passphrase", tmp_path / "broken.backup"
    passphrase.write_text("another passphrase" if damage == "passphrase" else office.PASSPHRASE)
    passphrase.chmod(0o600)
    data = bytearray(backup_file.read_bytes())
    if damage == "truncated":
        del data[-1000:]
    elif damage == "modified":
        data[-1000] ^= 1
    file.write_bytes(data)
    done = office.restore(file, tmp_path / "office", passphrase=passphrase)
    assert done.returncode == 1
    assert (damage in done.stderr) and done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.backup", "passphrase"]


def test_old_backups_are_deleted_and_the_new_one_is_private_and_recorded(
    office_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    others = ("mailer-2020-01-01T000000Z.backup", "mailer-2020-01-02T000000Z.backup", "notes.backup")
    for name in others:
        (folder / name).touch()
    record = office.backup(office_folder, str(folder), "--keep", "2")
    assert record["deleted"] == [str(folder / others[0])]
    assert stat.S_IMODE(Path(record["file"]).stat().st_mode) == 0o600
    assert len(list(folder.iterdir())) == 3
    assert office.query(
        office_folder, "SELECT count(*) FROM mailer_instance WHERE last_backup_at > '2020'"
    ) == [(1,)]


@pytest.mark.parametrize(("mode", "text"), [(0o644, office.PASSPHRASE), (0o600, "too short")])
def test_a_passphrase_that_others_can_read_or_guess_is_refused(
    mode: int, text: str, office_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "passphrase"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(AssertionError, match="mailer: "):
        office.mailer(office_folder, "backup", str(tmp_path / "new.backup"), "--passphrase-file", str(path))
    assert not (tmp_path / "new.backup").exists()


def test_a_backup_shows_nothing_of_what_it_holds(backup_file: Path) -> None:
    data = backup_file.read_bytes()
    assert b"reader-" not in data and b"[site]" not in data
    with backup_file.open("rb") as file:
        reader = DecryptingReader(file, office.PASSPHRASE)
        assert reader.read(2) == b"\x1f\x8b"


def test_equal_values_have_equal_digests_in_the_form_of_both_databases() -> None:
    (table,) = (one for one in tables() if one.name == "mailer_throttlestate")
    assert [column.kind for column in table.columns] == ["integer", "text", "json", "timestamp"]
    digests = []
    for data in (r'{"b": [1e5, 0.10], "a": "\\u00fc\\\\n"}', r'{"a": "ü\\\\n", "b": [100000, 0.1]}'):
        digest = TableDigest(table)
        digest.update(f"1\tkey\t{data}\t2021-12-03 09:00:00+00\n".encode())
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    "name",
    [
        *("/etc/passwd", "../up", "storage/../../up", "storage//etc/passwd", "config/files//etc/passwd"),
        *("storage/media//etc/passwd", "./config/config.toml", "storage/./x"),
    ],
)
def test_an_archive_that_leads_out_of_its_folder_is_refused(name: str) -> None:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    written.seek(0)
    with tarfile.open(fileobj=written) as archive, pytest.raises(BackupFileError):
        list(restoring._members(archive))


def test_files_with_places_of_their_own_are_put_there(
    backup_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the storage folder is a volume, and pictures are on a folder that machines share."""
    for name in [name for name in os.environ if name.startswith("MAILER_")]:
        monkeypatch.delenv(name)
    volume, shared, secret = tmp_path / "volume", tmp_path / "shared", tmp_path / "secrets" / "keys.toml"
    monkeypatch.setenv("MAILER_STORAGE__PATH", str(volume))
    monkeypatch.setenv("MAILER_STORAGE__MEDIA_PATH", str(shared))
    monkeypatch.setenv("MAILER_KEYS__FILE", str(secret))
    # An empty mount point is as good as none.
    shared.mkdir()
    staging = tmp_path / "staging"
    staging.mkdir()
    with ExitStack() as cleaning:
        with restoring._archive(backup_file, office.PASSPHRASE) as archive:
            restoring._read_manifest(archive)
            places, _, _ = restoring._extract_files(archive, staging, tmp_path / "office", cleaning)
        staged = {place.final: place.staged for place in places}
        assert set(staged) == {secret, volume, shared, tmp_path / "office"}
        assert staged[secret].read_bytes() == (office.ROOT / "tests" / "keys.toml").read_bytes()
        assert (staged[shared] / "media" / "original_images" / "steppe.jpg").exists()
    # After an error nothing is left beside these places.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secrets", "shared", "staging"]
    assert list((tmp_path / "secrets").iterdir()) == []
    (shared / "pictures").touch()
    with (
        ExitStack() as cleaning,
        restoring._archive(backup_file, office.PASSPHRASE) as archive,
        pytest.raises(restoring.RestoreError),
    ):
        restoring._read_manifest(archive)
        restoring._extract_files(archive, tmp_path / "again", tmp_path / "office", cleaning)
