"""Pictures of stories and profiles: checked, and stored without metadata, wherever they come from."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.images import ImageFile
from django.db.models.signals import pre_save
from PIL import Image as Pillow
from wagtail.images import get_image_model

from mailer.stories.picture_metadata import FORMATS, MAX_PIXELS, DamagedPicture, without_metadata

_MAX_BYTES = 10 * 1024 * 1024


class PictureError(Exception):
    """The picture cannot be used; the message gives the reason and the remedy."""


def connect() -> None:
    """Have every picture of the library and every profile picture stored without metadata."""
    from wagtail.users.models import UserProfile

    pre_save.connect(_strip_file, sender=get_image_model(), dispatch_uid="strip picture")
    pre_save.connect(_strip_avatar, sender=UserProfile, dispatch_uid="strip avatar")


def check(path: Path) -> bytes:
    """The picture's bytes without metadata.

    It is a complete JPEG, PNG, GIF or WebP of at most 10 MB and 50 megapixels. Raises PictureError.
    """
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
        with Pillow.open(BytesIO(data), formats=FORMATS) as picture:
            pixels = picture.width * picture.height
            if pixels <= MAX_PIXELS:
                picture.load()
                return without_metadata(data)
    except Pillow.DecompressionBombError as error:
        raise PictureError(f"{path}: has too many pixels; save it with fewer than 50 million.") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise PictureError(
            f"{path}: is not a readable picture; save it as JPEG, PNG, GIF or WebP."
        ) from error
    raise PictureError(f"{path}: has {pixels // 1_000_000} million pixels; save it with fewer than 50.")


def stored(name: str, data: bytes, title: str, user: Any) -> Any:
    """The picture in Wagtail's library with these bytes, which have no metadata; added when there is none."""
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


def _strip_file(instance: Any, raw: bool = False, **_: Any) -> None:
    """The form has done this already; stories and programs store pictures without a form."""
    if raw or not (data := _stripped(instance.file)):
        return
    instance.file = ContentFile(data, instance.file.name)
    # Wagtail takes them from the file as it was.
    instance.file_size, instance.file_hash = len(data), hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _strip_avatar(instance: Any, raw: bool = False, **_: Any) -> None:
    if raw:
        return
    try:
        data = _stripped(instance.avatar)
    except DamagedPicture:
        # Wagtail's form takes every format that Pillow reads, and browsers would not show it.
        instance.avatar = ""
        return
    if data:
        instance.avatar = ContentFile(data, instance.avatar.name)


def _stripped(file: Any) -> bytes | None:
    """The bytes without metadata of a file that is to be stored; None: it has none, or is stored already."""
    if not file or file._committed:
        return None
    file.seek(0)
    data: bytes = file.read()
    file.seek(0)
    clean = without_metadata(data)
    return clean if clean != data else None
