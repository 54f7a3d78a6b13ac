"""Pictures and uploaded files in an object storage: the pages and the worker find them there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from mailer.config import ConfigError, parse
from mailer.doctor import local_checks
from mailer.editions.pictures import store_permanent_picture
from subscribers.imports import job_lifecycle, uploads_and_staging
from subscribers.imports.models import ImportJob, ImportRow
from subscribers.models import MailingList
from tests import cast
from tests.object_storage import ACCESS_KEY, ObjectStorage, object_storage


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStorage]:
    with object_storage() as found:
        yield found


@pytest.fixture
def bucket(server: ObjectStorage, settings: Any, configure: Callable[..., None]) -> dict[str, bytes]:
    """The objects of the bucket by name, and settings that lead to it."""
    server.objects.clear()
    keys = {"s3_access_key": ACCESS_KEY, "s3_secret_key": "a secret", "s3_region": "eu-central-1"}
    configure(
        storage={
            "media": "s3",
            "s3_bucket": "office",
            "s3_endpoint": server.url,
            "s3_prefix": "news/",
            **keys,
        }
    )
    backend = "mailer.object_storage.Bucket"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": backend, "OPTIONS": {"folder": "media"}},
        "imports": {"BACKEND": backend, "OPTIONS": {"folder": "imports"}},
    }
    return server.objects


@pytest.mark.django_db
def test_pictures_are_stored_and_served_from_the_bucket(client: Client, bucket: dict[str, bytes]) -> None:
    cast.staff()
    image = cast.picture()
    picture = store_permanent_picture(image)
    assert picture.url.startswith("http://localhost")
    path = picture.url.partition("/media/")[2]
    assert {f"office/news/media/{path}", f"office/news/media/{image.file.name}"} <= set(bucket)
    addresses = [f"/media/{path}", image.file.url, image.get_rendition("max-165x165").url]
    assert [client.get(address).status_code for address in addresses] == [404, 404, 404]
    client.force_login(cast.User.objects.get(username="admin"))
    for address in addresses:
        response = client.get(address)
        assert response.status_code == 200
        assert response["Content-Type"].startswith("image/")
        assert b"".join(response) == bucket[f"office/news{address}"]
        response.close()
    assert client.get("/media/images/none.png").status_code == 404


@pytest.mark.django_db
def test_an_upload_is_read_by_a_worker_elsewhere_and_deleted(bucket: dict[str, bytes]) -> None:
    now = timezone.now()
    monthly = MailingList.objects.create(slug="monthly", name="Monthly")
    options = job_lifecycle.ImportOptions(monthly, "a paper form", "lola")
    # More than one part of an upload.
    rows = (f"{number}@example.org,{'x' * 50}\n".encode() for number in range(100))
    many = ((b" " * 999 + b"\n") * 1_000 for _ in range(6))
    job = job_lifecycle.create_upload("people.csv", [b"email,name\n", *rows, *many], options, now)
    assert set(bucket) == {f"office/news/imports/{job.upload}"}
    assert uploads_and_staging.preview(job).rows[0][0] == "0@example.org"
    job_lifecycle.set_columns(job, {}, "", "")
    job_lifecycle.RUNNER.read_and_run_due(lambda: now, lambda: False)
    assert ImportJob.objects.get().state == "ready" and ImportRow.objects.count() == 100
    assert not bucket and not uploads_and_staging.is_stored(job.upload)
    job_lifecycle.create_upload("people.csv", [b"email\n"], options, now)
    uploads_and_staging.delete_files_older_than(timedelta(days=1))
    assert not bucket


@pytest.mark.django_db
def test_an_upload_that_cannot_be_stored_leaves_no_import(
    bucket: dict[str, bytes], configure: Callable[..., None]
) -> None:
    configure(storage={"s3_access_key": "another"})
    monthly = MailingList.objects.create(slug="monthly", name="Monthly")
    with pytest.raises(OSError, match="stored"):
        job_lifecycle.create_upload(
            "people.csv", [b"email\n"], job_lifecycle.ImportOptions(monthly, "form", "lola"), timezone.now()
        )
    assert not ImportJob.objects.exists()


def test_the_doctor_tries_the_bucket(
    bucket: dict[str, bytes], settings: Any, configure: Callable[..., None]
) -> None:
    assert [one.status for one in local_checks.check_media_storage(settings.CONFIG)] == ["ok"]
    assert not bucket
    configure(storage={"s3_access_key": "another"})
    # The storage keeps its keys.
    settings.STORAGES = dict(settings.STORAGES)
    (found,) = local_checks.check_media_storage(settings.CONFIG)
    assert found.status == "problem" and "Forbidden" in found.message
    configure(storage={"media": "local"})
    assert not list(local_checks.check_media_storage(settings.CONFIG))


def test_an_incomplete_configuration_is_named(tmp_path: Path) -> None:
    table: dict[str, Any] = {"site": {"url": "http://localhost", "name": "Office"}}
    for storage, named in (
        ({}, "s3_bucket"),
        ({"s3_bucket": "office", "s3_access_key": "key"}, "s3_secret_key"),
        ({"s3_bucket": "office", "s3_endpoint": "s3.example.org"}, "s3_endpoint"),
    ):
        table["storage"] = {"media": "s3", **storage}
        with pytest.raises(ConfigError, match=named):
            parse(table, {}, home=tmp_path, origin="config.toml")
