"""Pictures in a bucket or in a folder of their own: in the backup, and restored whole or not at all."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mailer import object_storage as objects
from mailer.backup import create
from mailer.backup import restore as restoring
from tests.backup import office
from tests.object_storage import ACCESS_KEY, ObjectStorage, object_storage

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

PICTURE, UPLOAD = b"a picture" * 300_000, b"email\n"


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStorage]:
    with object_storage() as found:
        yield found


def variables(server: ObjectStorage, prefix: str = "news/") -> dict[str, str]:
    """The environment of an installation whose pictures are in the bucket."""
    return {
        "MAILER_STORAGE__MEDIA": "s3",
        "MAILER_STORAGE__S3_BUCKET": "office",
        "MAILER_STORAGE__S3_ENDPOINT": server.url,
        "MAILER_STORAGE__S3_REGION": "eu-central-1",
        "MAILER_STORAGE__S3_PREFIX": prefix,
        "MAILER_STORAGE__S3_ACCESS_KEY": ACCESS_KEY,
        "MAILER_STORAGE__S3_SECRET_KEY": "a secret",
    }


def filled(server: ObjectStorage, prefix: str) -> dict[str, bytes]:
    """The objects with this prefix, by the rest of their names."""
    start = f"office/{prefix}"
    return {name.removeprefix(start): data for name, data in server.objects.items() if name.startswith(start)}


@pytest.mark.journey
def test_a_bucket_is_backed_up_and_restored_into_another_one_or_a_folder(
    server: ObjectStorage, office_folder: Path, tmp_path: Path
) -> None:
    server.objects.clear()
    server.objects |= {
        "office/news/media/images/steppe.jpg": PICTURE,
        "office/news/media/images/": b"",
        "office/news/imports/abc": UPLOAD,
        "office/other/media/x": b"not ours",
    }
    passphrase = office_folder / "passphrase"
    without = office.backup(office_folder, str(tmp_path / "without.backup"), **variables(server))
    assert "bucket office" in " ".join(without["left_out"])
    file = tmp_path / "with.backup"
    record = office.backup(office_folder, str(file), "--with-bucket", **variables(server))
    assert record["left_out"] == []
    assert record["files"] == without["files"] + 2

    done = office.restore(file, tmp_path / "folder", passphrase=passphrase)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "folder" / "data" / "media" / "images" / "steppe.jpg").read_bytes() == PICTURE

    # One object is there already, as after a restoration that was killed.
    server.objects["office/copy/media/images/steppe.jpg"] = PICTURE
    done = office.restore(file, tmp_path / "copy", passphrase=passphrase, **variables(server, "copy/"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["objects"] == 1
    assert filled(server, "copy/") == {"media/images/steppe.jpg": PICTURE, "imports/abc": UPLOAD}
    assert not (tmp_path / "copy" / ".bucket").exists()
    assert not (tmp_path / "copy" / "data" / "media").exists()

    # What is not in the backup is never written over or left among it.
    server.objects["office/copy/media/images/newer.jpg"] = b"newer"
    before = dict(server.objects)
    done = office.restore(file, tmp_path / "third", passphrase=passphrase, **variables(server, "copy/"))
    assert done.returncode == 1 and "--keep-bucket" in done.stderr
    assert not (tmp_path / "third").exists()
    assert server.objects == before


@pytest.fixture
def bucket(server: ObjectStorage, configure: Any) -> ObjectStorage:
    server.objects.clear()
    keys = {"s3_access_key": ACCESS_KEY, "s3_secret_key": "a secret", "s3_region": "eu-central-1"}
    configure(storage={"media": "s3", "s3_bucket": "office", "s3_endpoint": server.url, **keys})
    return server


def test_objects_that_were_uploaded_are_deleted_after_an_error(
    bucket: ObjectStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / "media").mkdir(exist_ok=True)
        (tmp_path / "media" / name).write_bytes(PICTURE)
    bucket.objects["office/media/there"] = b"there"
    digest = objects.sha256("media/there")
    stored = {"storage/media/there": digest, "storage/media/a": "?", "storage/media/b": "?"}
    restoring._check_bucket(stored)
    with pytest.raises(restoring.Damaged), ExitStack() as cleaning:
        restoring._fill_bucket(tmp_path, stored, lambda *_: None, cleaning)
    assert bucket.objects == {"office/media/there": b"there"}


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
