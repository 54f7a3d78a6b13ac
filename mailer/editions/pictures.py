"""Pictures as mails need them: cut to size once, and stored under the hash of their bytes."""

from __future__ import annotations

import hashlib
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from mailer.rendering.records import Picture

# 2:1, twice the width of the mail's column, so that it is sharp on a phone. The focal point is kept.
SPECIFICATION = "fill-1200x600|jpegquality-80|format-jpeg|bgcolor-ffffff"
FOLDER = "pictures"


def permanent_picture(image: Any) -> Picture:
    """The picture of a wagtail Image as a copy that never changes: its address holds its SHA-256.

    Replacing the image's file gives another address; mails already sent keep theirs.
    """
    rendition = image.get_rendition(SPECIFICATION)
    with rendition.file.open("rb") as file:
        data = file.read()
    name = f"{FOLDER}/{hashlib.sha256(data).hexdigest()}.jpg"
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(data))
    address = f"{settings.CONFIG.site.url}{settings.MEDIA_URL}{name}"
    return Picture(url=address, width=rendition.width, height=rendition.height)
