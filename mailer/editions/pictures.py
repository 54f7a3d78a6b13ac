"""The pictures of messages: cropped, in sRGB, as small as they can be, and stored for good."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import PurePath
from typing import Any, NamedTuple

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image as Pillow
from PIL import ImageChops, ImageCms, ImageDraw, ImageStat

from mailer.editions import logo_outline
from mailer.rendering.data_types import Picture
from mailer.stories.sanitize_pictures import has_16_bits, with_8_bits

# Stands for a picture that nobody looks at.
NO_FILE = Picture(url="", width=0, height=0)
# Pixels, twice the widths in the mail: 2:1 across the column; 3:2 beside a text, across a phone too, and
# within the margins; 1:1 of a person who is quoted; and the still of a video.
CROPS = {
    "wide": (1200, 600),
    "small": (720, 480),
    "picture": (1080, 720),
    "square": (240, 240),
    "video": (1080, 608),
}
# Pixels that a logo has at most, twice of what rendering.view_model.LARGEST_LOGO shows.
LOGO = "logo"
_LOGO_PIXELS = (480, 120)
# A picture should have no more octets than this; below the last quality it would look worse than it loads.
LARGEST = 60_000
_QUALITIES = (82, 74, 66, 58)
FOLDER = "pictures"
# Files that may hold a drawing or transparency.
_WITHOUT_LOSS = (".png", ".gif", ".webp")
_COLOURS = 256
# Root mean square of the differences of a channel, of 255, that nobody sees (48 dB); and what a difference is
# that is seen, in how large a part of the picture.
_UNSEEN = 1.0
_SEEN, _SEEN_PART = 24, 0.0005


# Colours behind a logo, as in theme.logo_grounds.
Grounds = tuple[str, str]


class EncodedPicture(NamedTuple):
    data: bytes
    # "jpg" or "png"
    ending: str


def media_origin() -> str:
    """Where mail programs fetch pictures, without a final slash: the site or the media origin."""
    site = settings.CONFIG.site
    return str(site.media_origin or site.url)


def with_pictures_from_site(html: str) -> str:
    """A message for staff, whose pictures come from the site: before it is sent, only staff may see them."""
    site = settings.CONFIG.site
    return html.replace(f"{site.media_origin}/", f"{site.url}/") if site.media_origin else html


def store_picture_of(
    image: Any, crop: str, *, pictures: bool, grounds: Grounds | None = None
) -> Picture | None:
    """The picture of a message; None without an image. Without `pictures` it is not prepared."""
    if not image:
        return None
    return store_permanent_picture(image, crop, grounds) if pictures else NO_FILE


def store_permanent_picture(image: Any, crop: str = "wide", grounds: Grounds | None = None) -> Picture:
    """A Wagtail image in one of CROPS around its focal point, stored for good under the SHA-256 of its bytes.

    Or as a LOGO, whole; with `grounds`, a transparent one has a ring: see logo_outline. Replacing the image's
    file gives another URL; messages already sent keep theirs.
    """
    rendition = image.get_rendition(_rendition_filter(image, crop))
    # The name says which image, crop and focal point; the hash, which file.
    made = (rendition.file.name, image.get_file_hash(), grounds)
    name, size = _stored.get(made, ("", (0, 0)))
    if not name or not default_storage.exists(name):
        with rendition.file.open("rb") as file:
            data, ending = encode_cropped_picture(file.read(), crop, grounds)
        with Pillow.open(BytesIO(data)) as written:
            size = written.size
        name = f"{FOLDER}/{hashlib.sha256(data).hexdigest()}.{ending}"
        if not default_storage.exists(name):
            default_storage.save(name, ContentFile(data))
        if len(_stored) >= _MAX_REMEMBERED:
            _stored.clear()
        _stored[made] = (name, size)
    return Picture(f"{media_origin()}{settings.MEDIA_URL}{name}", *size)


# Paths and sizes of permanent pictures by what they were made from: encoding takes a tenth of a second.
_stored: dict[tuple[str, str, Grounds | None], tuple[str, tuple[int, int]]] = {}
_MAX_REMEMBERED = 10_000


def _rendition_filter(image: Any, crop: str) -> str:
    """Wagtail's filter. A file without loss stays without, until `encode_cropped_picture` decides."""
    size = "max-{}x{}".format(*_LOGO_PIXELS) if crop == LOGO else "fill-{}x{}".format(*CROPS[crop])
    if PurePath(image.file.name).suffix.lower() in _WITHOUT_LOSS:
        return f"{size}|format-png"
    return f"{size}|jpegquality-92|format-jpeg|bgcolor-ffffff"


def encode_cropped_picture(
    data: bytes, used_crop: str = "wide", grounds: Grounds | None = None
) -> EncodedPicture:
    """The picture's bytes without metadata, in sRGB, with at most LARGEST octets where that is possible.

    A drawing, or what is transparent, becomes a PNG of 256 colours if nobody sees the difference. A
    photograph becomes a JPEG, on white where it is transparent. A transparent logo is always a PNG, with a
    ring where `grounds` are given.
    """
    with Pillow.open(BytesIO(data)) as opened:
        without_loss = opened.format == "PNG"
        picture = _in_srgb(opened)
    if used_crop == "video":
        return EncodedPicture(jpeg_within_size_limit(_with_play_mark(_on_white(picture))), "jpg")
    if without_loss:
        transparent = _is_transparent(picture)
        picture = picture if transparent else picture.convert("RGB")
        if transparent and used_crop == LOGO and grounds:
            picture = logo_outline.outlined(picture, grounds)
        drawing = _palette_png(picture) or b""
        whole = _png(picture) if transparent and not drawing else b""
        if used_crop == LOGO and transparent:
            return EncodedPicture(drawing or whole, "png")
        smallest = drawing or whole
        if smallest and len(smallest) <= LARGEST:
            return EncodedPicture(smallest, "png")
    return EncodedPicture(jpeg_within_size_limit(_on_white(picture)), "jpg")


def jpeg_within_size_limit(picture: Pillow.Image) -> bytes:
    """A JPEG with the best quality at which it has at most LARGEST octets; without metadata if the picture
    has no `info`.

    A picture that has more at every quality keeps the lowest one.
    """
    data = b""
    for quality in _QUALITIES:
        written = BytesIO()
        picture.save(written, "JPEG", quality=quality, optimize=True, progressive=True)
        data = written.getvalue()
        if len(data) <= LARGEST:
            break
    return data


def _in_srgb(picture: Pillow.Image) -> Pillow.Image:
    """The picture in RGB or RGBA with the colours of sRGB, which every mail program assumes."""
    picture.load()
    profile = picture.info.pop("icc_profile", None)
    if has_16_bits(picture):
        # Stored before greys were reduced when a picture comes in.
        picture = with_8_bits(picture)
    plain = picture
    transparent = "transparency" in picture.info or picture.mode in ("PA", "LA", "La", "RGBa")
    if transparent or picture.mode in ("P", "1", "F"):
        plain = picture.convert("RGBA" if transparent else "RGB")
    if profile and plain.mode in ("RGB", "RGBA", "L", "CMYK"):
        mode = "RGBA" if plain.mode == "RGBA" else "RGB"
        try:
            given = ImageCms.ImageCmsProfile(BytesIO(profile))
            turned = ImageCms.profileToProfile(plain, given, _SRGB, outputMode=mode)
            plain = turned or plain
        except (ImageCms.PyCMSError, OSError):
            # A profile that is damaged, or of other colours than the picture's.
            pass
    plain = plain if plain.mode in ("RGB", "RGBA") else plain.convert("RGB")
    plain.info.clear()
    return plain


_SRGB = ImageCms.createProfile("sRGB")


def _is_transparent(picture: Pillow.Image) -> bool:
    return picture.mode == "RGBA" and any(picture.getchannel("A").histogram()[:255])


def _on_white(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode != "RGBA":
        return picture
    ground = Pillow.new("RGB", picture.size, "#FFFFFF")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _png(picture: Pillow.Image) -> bytes:
    written = BytesIO()
    picture.save(written, "PNG", optimize=True)
    return written.getvalue()


def _palette_png(picture: Pillow.Image) -> bytes | None:
    """A PNG with a palette; None where the difference would be seen."""
    method = Pillow.Quantize.FASTOCTREE if picture.mode == "RGBA" else Pillow.Quantize.MEDIANCUT
    reduced = picture.quantize(_COLOURS, method=method, dither=Pillow.Dither.NONE)
    difference = ImageChops.difference(_flat(picture), _flat(reduced.convert(picture.mode)))
    if max(ImageStat.Stat(difference).rms) > _UNSEEN:
        return None
    histogram = difference.convert("L").histogram()
    if sum(histogram[_SEEN:]) > _SEEN_PART * picture.width * picture.height:
        return None
    return _png(reduced)


def _flat(picture: Pillow.Image) -> Pillow.Image:
    """As it is seen, on a middle grey: the colours of what is transparent do not count."""
    if picture.mode != "RGBA":
        return picture
    ground = Pillow.new("RGB", picture.size, "#808080")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _with_play_mark(picture: Pillow.Image) -> Pillow.Image:
    """A still with a triangle in a circle, which says that a video plays."""
    still = picture.convert("RGBA")
    size = min(still.size)
    mark = Pillow.new("RGBA", (size, size))
    draw = ImageDraw.Draw(mark)
    draw.ellipse((size * 0.36, size * 0.36, size * 0.64, size * 0.64), fill=(15, 47, 74, 230))
    draw.polygon(
        [(size * 0.46, size * 0.43), (size * 0.46, size * 0.57), (size * 0.58, size * 0.5)], fill="#FFFFFF"
    )
    still.alpha_composite(mark, ((still.width - size) // 2, (still.height - size) // 2))
    return still.convert("RGB")
