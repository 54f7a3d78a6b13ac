"""Pictures and uploaded files in a bucket of an S3-compatible storage.

The web process serves pictures from there: addresses are the same as with files on disk, and the bucket stays
private.
"""

from __future__ import annotations

from typing import Any

from botocore.config import Config
from django.conf import settings
from storages.backends.s3 import S3Storage

# Bytes of a file that are held in memory; larger ones are on disk while they are read.
_IN_MEMORY = 2 * 1024 * 1024
# Seconds to connect, and between two packets.
_CONNECT_TIMEOUT, _READ_TIMEOUT = 5, 30


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
