"""Pictures in a bucket or in a folder of their own: in the backup, and restored whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from mailer import object_storage as objects
from mailer.backup import create
from mailer.backup import restore as restoring
from tests.backup import office
from tests.backup.test_backup import end_of
from tests.object_storage import ACCESS_KEY, ObjectStorage, object_storage

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db, pytest.mark.xdist_group("backup")]

PICTURE, UPLOAD = b"a picture" * 300_000, b"email\n"


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStorage]:
    with object_storage() as found:
        yield found


def in_bucket(server: ObjectStorage, prefix: str) -> dict[str, str]:
    """[storage] of an installation whose pictures are in the bucket."""
    return {
        "media": "s3",
        "s3_bucket": "office",
        "s3_endpoint": server.url,
        "s3_region": "eu-central-1",
        "s3_prefix": prefix,
        "s3_access_key": ACCESS_KEY,
        "s3_secret_key": "a secret",
    }


def filled(server: ObjectStorage, prefix: str) -> dict[str, bytes]:
    """The objects with this prefix, by the rest of their names."""
    start = f"office/{prefix}"
    return {name.removeprefix(start): data for name, data in server.objects.items() if name.startswith(start)}


def test_a_bucket_is_backed_up_and_restored_into_another_one_or_a_folder(
    server: ObjectStorage,
    office_folder: Path,
    configure: Any,
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the rows, which tests/backup/test_backup.py restores."""
    for name in [name for name in os.environ if name.startswith("MAILER_")]:
        monkeypatch.delenv(name)
    server.objects.clear()
    server.objects |= {
        "office/news/media/images/steppe.jpg": PICTURE,
        "office/news/media/images/": b"",
        "office/news/imports/abc": UPLOAD,
        "office/other/media/x": b"not ours",
    }
    database = {"url": f"sqlite:///{office_folder / 'mailer.db'}"}
    configure(storage=in_bucket(server, "news/"), database=database)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, home=office_folder)
    file, config_file = tmp_path / "a.backup", office_folder / "config.toml"
    made = create.create(file, config_file, office.PASSPHRASE, timezone.now(), with_bucket=True)
    assert "bucket" not in str(made.left_out)

    # One object is there already, as after a restoration that was killed.
    server.objects["office/copy/media/images/steppe.jpg"] = PICTURE
    end = end_of(file)
    monkeypatch.setattr(restoring, "_load", lambda *_: end)
    for name, value in in_bucket(server, "copy/").items():
        monkeypatch.setenv(f"MAILER_STORAGE__{name.upper()}", value)
    configure(storage=in_bucket(server, "copy/"))

    def restore(name: str, **options: bool) -> restoring.Summary:
        # The process ends after it, so it leaves its database in the environment.
        monkeypatch.setenv("MAILER_DATABASE__URL", "sqlite:///mailer.db")
        return restoring.restore(file, tmp_path / name, office.PASSPHRASE, lambda _: None, **options)

    done = restore("copy")
    assert (done.bucket, done.objects, done.other_bucket) == ("office", 1, True)
    assert filled(server, "copy/") == {"media/images/steppe.jpg": PICTURE, "imports/abc": UPLOAD}
    assert not list((tmp_path / "copy").glob("**/*.jpg"))
    server.objects["office/copy/media/images/newer.jpg"] = b"newer"
    with pytest.raises(restoring.RestoreError):
        restore("refused")
    done = restore("kept", skip_bucket_upload=True)
    assert (done.objects, len(filled(server, "copy/"))) == (0, 3)

    # Without a bucket, the same files go to the storage folder.
    monkeypatch.setenv("MAILER_STORAGE__MEDIA", "local")
    done = restore("folder")
    assert (done.bucket, done.objects) == ("", 0)
    assert (tmp_path / "folder" / "data" / "media" / "images" / "steppe.jpg").read_bytes() == PICTURE
    assert (tmp_path / "folder" / "data" / "imports" / "abc").read_bytes() == UPLOAD
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.backup", "copy", "folder", "kept"]


@pytest.fixture
def bucket(server: ObjectStorage, configure: Any) -> ObjectStorage:
    server.objects.clear()
    configure(storage=in_bucket(server, ""))
    return server


def test_objects_that_were_uploaded_are_deleted_after_an_error(
    bucket: ObjectStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / "media").mkdir(exist_ok=True)
        (tmp_path / "media" / name).write_bytes(PICTURE)
    bucket.objects["office/media/there"] = b"there"
    digest = objects.object_sha256("media/there")
    stored = {"storage/media/there": digest, "storage/media/a": "?", "storage/media/b": "?"}
    restoring._check_bucket(stored)
    with pytest.raises(restoring.Damaged), ExitStack() as cleaning:
        restoring._fill_bucket(tmp_path, stored, lambda *_: None, cleaning)
    assert bucket.objects == {"office/media/there": b"there"}


@pytest.mark.parametrize("name", ["there", "newer"])
def test_a_bucket_with_other_objects_is_refused(bucket: ObjectStorage, name: str) -> None:
    bucket.objects[f"office/media/{name}"] = b"newer"
    with pytest.raises(restoring.RestoreError):
        restoring._check_bucket({"storage/media/there": hashlib.sha256(b"there").hexdigest()})


def test_what_is_left_out_is_named(bucket: ObjectStorage, settings: Any, tmp_path: Path) -> None:
    config_file = Path(shutil.copyfile(office.ROOT / "tests" / "config.toml", tmp_path / "config.toml"))
    bucket.objects["office/media/there"] = b"there"
    for with_bucket in (False, True):
        summary = create.Summary(tmp_path)
        names = [name for name, _ in create._files(config_file, settings.CONFIG, summary, with_bucket)]
        assert ("storage/media/there" in names) is with_bucket
        assert ("the bucket office" in str(summary.left_out)) is not with_bucket


def test_an_object_that_ends_early_makes_the_backup_fail() -> None:
    with pytest.raises(objects.BucketError):
        objects._Body(io.BytesIO(b"short")).read(10)


@pytest.mark.parametrize("inside", [True, False])
def test_a_folder_for_pictures_alone_is_in_the_backup_once(
    inside: bool, configure: Any, settings: Any, tmp_path: Path
) -> None:
    media = tmp_path / "data" / "shared" if inside else tmp_path / "mnt"
    configure(storage={"path": str(tmp_path / "data"), "media_path": str(media)})
    for path in (
        media / "media" / "images" / "steppe.jpg",
        media / "imports" / "abc",
        # Not ours, on a disk with much else.
        media / "films" / "steppe.mp4",
        # Of a time before there was a folder for pictures.
        tmp_path / "data" / "media" / "images" / "steppe.jpg",
        tmp_path / "data" / "journal" / "1",
        tmp_path / "data" / "outbox" / "1",
    ):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    config_file = tmp_path / "config.toml"
    shutil.copyfile(office.ROOT / "tests" / "config.toml", config_file)
    names = [name for name, _ in create._files(config_file, settings.CONFIG, create.Summary(tmp_path), False)]
    assert sorted(name for name in names if name.startswith("storage/")) == [
        "storage/imports/abc",
        "storage/media/images/steppe.jpg",
        "storage/outbox/1",
    ]
