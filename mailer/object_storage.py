"""Pictures and uploaded files in a bucket of an S3-compatible storage.

The web process serves pictures from there: addresses are the same as with files on disk, and the bucket stays
private.
"""

from __future__ import annotations

import hashlib
import io
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from storages.backends.s3 import S3Storage

# Of pictures, and of uploaded files. Behind `s3_prefix`, objects are named as "media/images/steppe.jpg".
FOLDERS = ("media", "imports")

# Bytes of a file that are held in memory; larger ones are on disk while they are read.
_IN_MEMORY = 2 * 1024 * 1024
# Seconds to connect, and between two packets.
_CONNECT_TIMEOUT, _READ_TIMEOUT = 5, 30
_CHUNK = 1 << 20


class BucketError(OSError):
    """The bucket cannot be read or written; the text is for the operator."""


class Bucket(S3Storage):  # type: ignore[misc]  # django-storages has no types
    """One folder of the bucket that the configuration names."""

    def __init__(self, folder: str) -> None:
        storage = settings.CONFIG.storage
        prefix = storage.s3_prefix.strip("/")
        super().__init__(
            bucket_name=storage.s3_bucket,
            endpoint_url=storage.s3_endpoint or None,
            region_name=storage.s3_region or None,
            access_key=storage.s3_access_key or None,
            secret_key=storage.s3_secret_key or None,
            location=f"{prefix}/{folder}" if prefix else folder,
            file_overwrite=False,
            max_memory_size=_IN_MEMORY,
            client_config=Config(
                signature_version="s3v4",
                connect_timeout=_CONNECT_TIMEOUT,
                read_timeout=_READ_TIMEOUT,
                retries={"mode": "standard", "max_attempts": 3},
                # Amazon's newer checksums are unknown to many other storages.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                # Names of buckets are rarely names of hosts elsewhere.
                s3={"addressing_style": "path" if storage.s3_endpoint else "auto"},
            ),
        )

    def url(self, name: str, *_: Any, **__: Any) -> str:
        """The address at our own site."""
        return f"{settings.MEDIA_URL}{name}"


def object_names() -> Iterator[str]:
    """The names of all objects of this installation, with their folder. Raises BucketError."""
    with _errors_named():
        for folder in FOLDERS:
            bucket = Bucket(folder)
            start = f"{bucket.location}/"
            for found in bucket.bucket.objects.filter(Prefix=start):
                # Some programs store an object for a folder.
                if not found.key.endswith("/"):
                    yield f"{folder}/{found.key.removeprefix(start)}"


def open_object(name: str) -> tuple[io.RawIOBase, int]:
    """An object, to be read in order, and its size in bytes. Raises FileNotFoundError and BucketError."""
    with _errors_named():
        try:
            found = _object(name).get()
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                raise FileNotFoundError(name) from error
            raise
        return _Body(found["Body"]), found["ContentLength"]


def object_sha256(name: str) -> str:
    """The SHA-256 (hex) of an object's content, which is read. Raises FileNotFoundError and BucketError."""
    body, left = open_object(name)
    digest = hashlib.sha256()
    with body:
        while left > 0:
            digest.update(body.read(min(left, _CHUNK)) or b"")
            left -= min(left, _CHUNK)
    return digest.hexdigest()


def upload_object(name: str, path: Path) -> None:
    """Write an object. Raises BucketError."""
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    with _errors_named(), path.open("rb") as file:
        # One part after another: eight megabytes are in memory.
        _object(name).upload_fileobj(
            file, ExtraArgs={"ContentType": content_type}, Config=TransferConfig(use_threads=False)
        )


def delete_object(name: str) -> None:
    """Delete an object. Raises BucketError."""
    with _errors_named():
        _object(name).delete()


def _object(name: str) -> Any:
    folder, _, rest = name.partition("/")
    bucket = Bucket(folder)
    return bucket.bucket.Object(f"{bucket.location}/{rest}")


class _Body(io.RawIOBase):
    """The content of an object, whose every read gives as much as was asked for."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int = -1, /) -> bytes:
        """Raises BucketError where the connection ended early."""
        with _errors_named():
            data: bytes = self._body.read(size)
        if len(data) < size:
            raise BucketError("The object storage ended the connection in the middle of an object.")
        return data

    def close(self) -> None:
        self._body.close()
        super().close()


@contextmanager
def _errors_named() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise BucketError(f"The bucket {settings.CONFIG.storage.s3_bucket}: {error}") from error
