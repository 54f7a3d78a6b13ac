"""Pictures of stories and profiles: checked, and stored without metadata, wherever they come from.

EXIF with place and camera, XMP and IPTC with the photographer, and comments are removed. Pixels and colour
profile stay as they are: the file's blocks are copied without those of metadata. Only a picture that EXIF
turns is encoded anew, upright, and one in greys of 16 bits in those of 8.
"""

from __future__ import annotations

import hashlib
import re
import struct
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.images import ImageFile
from django.db.models.signals import pre_save
from django.utils.translation import gettext
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError
from wagtail.images import get_image_model

from mailer.stories.picture_formats import ENDINGS, format_of
from subscribers.translate_stored_texts import stored, translated

# Of the file of a picture.
MAX_BYTES = 10 * 1024 * 1024
# Pixels of a picture: more would take hundreds of megabytes when it is decoded.
MAX_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
# Pillow warns of half as many pixels as it refuses; every picture that anything here opens has this limit.
Pillow.MAX_IMAGE_PIXELS = MAX_PIXELS // 2


class PictureError(Exception):
    """The picture cannot be used; the message gives the reason and the remedy."""


def connect_signals() -> None:
    """Have every picture of the library and every profile picture stored without metadata."""
    from wagtail.users.models import UserProfile

    pre_save.connect(_strip_file, sender=get_image_model(), dispatch_uid="strip picture")
    pre_save.connect(_strip_avatar, sender=UserProfile, dispatch_uid="strip avatar")


def read_without_metadata(path: Path) -> bytes:
    """The picture's bytes without metadata.

    It is a complete JPEG, PNG, GIF or WebP of at most 10 MB and 50 megapixels. Raises PictureError.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise PictureError(
                gettext("The picture %(path)s has %(size)s MB; at most 10 MB are allowed. Save it smaller.")
                % {"path": path, "size": size // 1_000_000}
            )
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(
            gettext("The picture %(path)s cannot be read (%(strerror)s).")
            % {"path": path, "strerror": error.strerror}
        ) from error
    try:
        return without_metadata(data)
    except DamagedPicture as error:
        raise PictureError(
            gettext("The picture %(path)s cannot be used: %(reason)s.")
            % {"path": path, "reason": translated(str(error))}
        ) from error


def find_or_add_picture(name: str, data: bytes, title: str, user: Any) -> Any:
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


_UPRIGHT = 1
_ORIENTATION = 0x0112
_JPEG_QUALITY, _WEBP_QUALITY = 92, 90
# What Pillow calls a JPEG of a camera or telephone that has further pictures behind its own (CIPA DC-007).
_MPO = "MPO"
# The next marker of a JPEG after a scan: neither a stuffed byte nor a restart.
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
_SOS, _EOI, _APP0, _APP2, _APP14, _APP15, _COM = 0xDA, 0xD9, 0xE0, 0xE2, 0xEE, 0xEF, 0xFE
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Chunks that say how pixels look; everything else may say who made the picture, where and when.
_PNG_CHUNKS = frozenset(
    (
        *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"bKGD"),
        *(b"cICP", b"pHYs", b"acTL", b"fcTL", b"fdAT"),
    )
)
_WEBP_CHUNKS = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
# Bits of VP8X that announce EXIF and XMP.
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04
_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


class DamagedPicture(ValueError):  # noqa: N818  (a finding about the file)
    """The file is no complete JPEG, PNG, GIF or WebP of at most MAX_PIXELS.

    The message, a stored text, is the reason and the remedy, as part of a sentence.
    """


class UnsupportedFormat(DamagedPicture):
    """The file is in another format, or is no picture."""


def _damaged() -> DamagedPicture:
    return DamagedPicture(stored("the picture is damaged"))


def _too_large(frames: int = 1) -> DamagedPicture:
    count = MAX_PIXELS // 1_000_000
    if frames > 1:
        return DamagedPicture(
            stored(
                "its frames have more than %(count)s million pixels together; save it with fewer or smaller "
                "frames",
                count=count,
            )
        )
    return DamagedPicture(stored("it has more than %(count)s million pixels; save it smaller", count=count))


def _unidentified(data: bytes) -> DamagedPicture:
    """About a file that Pillow does not take for a picture in one of FORMATS."""
    given = format_of(data)
    if given in ENDINGS:
        return _damaged()
    if given:
        return UnsupportedFormat(
            stored("it is in the format %(format)s; save it as JPEG, PNG, GIF or WebP", format=given)
        )
    return UnsupportedFormat(
        stored("it is not in the format JPEG, PNG, GIF or WebP; save it in one of these formats")
    )


def without_metadata(data: bytes) -> bytes:
    """The same picture without metadata; the same bytes where there is none. Raises DamagedPicture."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of damaged metadata, and at half the limit of pixels.
            warnings.simplefilter("ignore")
            with Pillow.open(BytesIO(data), formats=FORMATS) as picture:
                kind, frames = str(picture.format), getattr(picture, "n_frames", 1)
                if kind == _MPO:
                    kind, frames = "JPEG", 1
                if picture.width * picture.height * frames > MAX_PIXELS:
                    raise _too_large(frames)
                picture.load()
                is_turned = picture.getexif().get(_ORIENTATION, _UPRIGHT) != _UPRIGHT
                if is_turned or has_16_bits(picture):
                    data = _encoded(picture, kind)
        blocks = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "WEBP": _webp}[kind](data)
        return b"".join(blocks)
    except DamagedPicture:
        raise
    except Pillow.DecompressionBombError as error:
        raise _too_large() from error
    except UnidentifiedImageError as error:
        raise _unidentified(data) from error
    except Exception as error:  # Pillow raises anything for files that were made to confuse it
        raise _damaged() from error


def has_16_bits(picture: Pillow.Image) -> bool:
    """Whether it is in greys of 16 bits, which Pillow makes white in other modes and cannot write as JPEG."""
    return picture.mode.startswith("I")


def with_8_bits(picture: Pillow.Image) -> Pillow.Image:
    """A picture in greys of 16 bits in those of 8."""
    grey = picture.convert("I").point(lambda level: level / 256).convert("L")
    if "transparency" in picture.info:
        grey.info["transparency"] = picture.info["transparency"] // 256
    return grey


def _encoded(picture: Pillow.Image, kind: str) -> bytes:
    """The picture as EXIF says it is seen, with 8 bits for a channel."""
    upright = ImageOps.exif_transpose(picture)
    upright = with_8_bits(upright) if has_16_bits(upright) else upright
    target = BytesIO()
    options: dict[str, object] = {"icc_profile": picture.info.get("icc_profile")}
    if kind == "JPEG":
        options["quality"] = _JPEG_QUALITY
    elif kind == "WEBP":
        options["quality"] = _WEBP_QUALITY
    upright.save(target, kind, **options)
    return target.getvalue()


def _jpeg(data: bytes) -> Iterator[bytes]:
    """Segments of ITU-T T.81, up to the end of the image: what follows it is another picture or metadata."""
    yield data[:2]
    at = 2
    while True:
        found = _MARKER.match(data, at)
        if found is None:
            raise _damaged()
        marker, begin = found[1][0], found.end()
        if marker == _EOI:
            yield b"\xff\xd9"
            return
        (length,) = struct.unpack_from(">H", data, begin)
        end = begin + length
        if length < 2 or end > len(data):
            raise _damaged()
        if _keeps_segment(marker, data[begin + 2 : begin + 16]):
            yield b"\xff" + bytes([marker]) + data[begin:end]
        if marker == _SOS:
            scan = _MARKER.search(data, end)
            # Decoders show a file that is cut off here, so it is completed.
            yield data[end : scan.start() if scan else len(data)]
            if scan is None:
                yield b"\xff\xd9"
                return
            end = scan.start()
        at = end


def _keeps_segment(marker: int, start: bytes) -> bool:
    """Whether it says how pixels look, as JFIF, colour profile and Adobe's colour transform do."""
    if marker == _APP0:
        return start.startswith(b"JFIF\0")
    if marker == _APP2:
        return start.startswith(b"ICC_PROFILE\0")
    if marker == _APP14:
        return start.startswith(b"Adobe")
    return not _APP0 <= marker <= _APP15 and marker != _COM


def _png(data: bytes) -> Iterator[bytes]:
    yield _PNG_SIGNATURE
    at = len(_PNG_SIGNATURE)
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise _damaged()
        if kind in _PNG_CHUNKS:
            yield data[at:end]
        if kind == b"IEND":
            return
        at = end


def _webp(data: bytes) -> Iterator[bytes]:
    size = struct.unpack_from("<I", data, 4)[0] + 8
    kept, at = [], 12
    while at + 8 <= min(size, len(data)):
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        if kind == b"VP8X":
            flags = data[at + 8] & ~(_WEBP_EXIF | _WEBP_XMP)
            kept.append(data[at : at + 8] + bytes([flags]) + data[at + 9 : end])
        elif kind in _WEBP_CHUNKS:
            kept.append(data[at:end])
        at = end
    body = b"WEBP" + b"".join(kept)
    yield b"RIFF" + struct.pack("<I", len(body)) + body


def _gif(data: bytes) -> Iterator[bytes]:
    """Blocks of GIF89a without comments, texts and applications other than that of the loop."""
    at = 13 + _colour_table(data[10])
    yield data[:at]
    while data[at] != 0x3B:
        begin, drop = at, False
        if data[at] == 0x21:
            label, at = data[at + 1], at + 2
            drop = label in (0xFE, 0x01) or (label == 0xFF and data[at + 1 : at + 12] not in _GIF_LOOPS)
        elif data[at] == 0x2C:
            # Its descriptor, a colour table of its own, and the size of its codes.
            at += 10 + _colour_table(data[at + 9]) + 1
        else:
            raise _damaged()
        while data[at]:
            at += 1 + data[at]
        at += 1
        if not drop:
            yield data[begin:at]
    yield b"\x3b"


def _colour_table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
