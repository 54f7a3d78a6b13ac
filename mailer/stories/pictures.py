"""Pictures of stories in Wagtail's library: the same bytes are kept once."""

from __future__ import annotations

import hashlib
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

from django.core.files.images import ImageFile
from PIL import Image as Pillow
from wagtail.images import get_image_model

_MAX_BYTES = 10 * 1024 * 1024
_MAX_PIXELS = 50_000_000
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")


class PictureError(Exception):
    """The picture cannot be used; the message says why and what to do."""


def check(path: Path) -> bytes:
    """The picture's bytes; raises PictureError unless it is a whole JPEG, PNG, GIF or WebP of a sane size."""
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise PictureError(
                f"{path}: has {size // 1_000_000} MB; a picture may have 10 MB. Save it smaller."
            )
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path}: cannot be read ({error.strerror}).") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            with Pillow.open(BytesIO(data), formats=_FORMATS) as picture:
                pixels = picture.width * picture.height
                if pixels <= _MAX_PIXELS:
                    picture.load()
    except (
        OSError,
        ValueError,
        SyntaxError,
        Pillow.DecompressionBombError,
        Pillow.DecompressionBombWarning,
    ) as error:
        raise PictureError(
            f"{path}: is no picture that can be read; save it as JPEG, PNG, GIF or WebP."
        ) from error
    if pixels > _MAX_PIXELS:
        raise PictureError(f"{path}: has {pixels // 1_000_000} million pixels; save it with fewer than 50.")
    return data


def stored(name: str, data: bytes, title: str, user: Any) -> Any:
    """The library's picture with these bytes; made when there is none."""
    model = get_image_model()
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    for known in model.objects.filter(file_hash=digest, file_size=len(data)).order_by("pk"):
        with known.open_file() as file:
            if file.read() == data:
                return known
    picture = model(title=title[:255], file=ImageFile(BytesIO(data), name=name), uploaded_by_user=user)
    picture.file_size, picture.file_hash = len(data), digest
    picture.save()
    return picture
