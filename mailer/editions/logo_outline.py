"""A ring around a transparent logo, so that it is seen on whatever ground a mail program puts behind it.

Mail programs that darken a message, or drop its styles, change its colours but not its pictures: a dark logo
vanishes on a ground that has become dark, a white one on a ground that has become white. A ring in the colour
of the masthead is invisible where the message is shown as it was made, and sets the logo apart from any other
ground. A logo that the masthead's own colour would hide gets a ring in the other ground's colour.
"""

from __future__ import annotations

import math

from PIL import Image as Pillow
from PIL import ImageChops, ImageStat

from mailer.rendering import theme
from mailer.rendering.view_model import logo_scale

# CSS pixels.
_WIDTH = 3
# Of a logo on its ground; WCAG 2.2, 1.4.11.
_ENOUGH = 3.0
# How opaque a pixel is, of 255, that counts as the logo's.
_OPAQUE = 96
_DIRECTIONS = 24


def outlined(picture: Pillow.Image, grounds: tuple[str, str]) -> Pillow.Image:
    """The transparent logo (RGBA) with its ring; `grounds` as in `theme.logo_grounds`."""
    return with_outline(
        picture, background_colour_for_outline(picture, grounds), round(_WIDTH / logo_scale(*picture.size))
    )


def background_colour_for_outline(picture: Pillow.Image, background_colours: tuple[str, str]) -> str:
    """Of the masthead's ground and the other one (#RRGGBB), the first on which the logo can be seen."""
    masthead, other = background_colours
    shown = picture.getchannel("A").point(lambda value: 255 if value >= _OPAQUE else 0)
    if not shown.getbbox():
        return masthead
    mean = "#{:02X}{:02X}{:02X}".format(*(round(one) for one in ImageStat.Stat(picture, shown).mean[:3]))
    on_masthead, on_other = theme.contrast_ratio(mean, masthead), theme.contrast_ratio(mean, other)
    return masthead if on_masthead >= min(_ENOUGH, on_other) else other


def with_outline(picture: Pillow.Image, ground: str, width: int) -> Pillow.Image:
    """The logo (RGBA) with a ring `width` pixels wide in a colour; larger where it had no room for that."""
    box = picture.getchannel("A").getbbox()
    if not box:
        return picture
    left, top = (max(0, width - gap) for gap in box[:2])
    right, bottom = (max(0, width - size + edge) for size, edge in zip(picture.size, box[2:], strict=True))
    logo = Pillow.new("RGBA", (picture.width + left + right, picture.height + top + bottom))
    logo.paste(picture, (left, top))
    ring = Pillow.new("RGBA", logo.size, ground)
    ring.putalpha(_widened(logo.getchannel("A"), width))
    ring.alpha_composite(logo)
    return ring


def _widened(alpha: Pillow.Image, width: int) -> Pillow.Image:
    """The opacity of everything that is `width` pixels or less from the logo."""
    widened = alpha
    for radius in range(1, width + 1):
        for step in range(_DIRECTIONS):
            angle = 2 * math.pi * step / _DIRECTIONS
            across, down = round(radius * math.cos(angle)), round(radius * math.sin(angle))
            widened = ImageChops.lighter(widened, ImageChops.offset(alpha, across, down))
    return widened
