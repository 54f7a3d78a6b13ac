"""The ornament below the masthead: a row of rosettes as a PNG, since mail clients drop CSS gradients."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image, ImageDraw

# Pixels, at twice the density of the mail: 600 × 18.
SIZE = (1200, 36)
_TILE = 36
# Drawn so many times larger, then reduced, for smooth edges.
_SCALE = 4


@lru_cache(maxsize=64)
def ornament_png(middle: str, ring: str) -> bytes:
    """The PNG for two colours ("E9A724"), transparent between its lines."""
    side = _TILE * _SCALE
    tile = Image.new("RGBA", (side, side), f"#{middle}00")
    draw = ImageDraw.Draw(tile)
    draw.rectangle((0, 0, side, 2 * _SCALE - 1), f"#{middle}")
    draw.rectangle((0, side - 2 * _SCALE, side, side), f"#{middle}")
    for radius, colour, width in ((11, ring, 2), (4.5, middle, None)):
        edge = (side / 2 - radius * _SCALE, side / 2 + radius * _SCALE)
        box = (edge[0], edge[0], edge[1], edge[1])
        if width:
            draw.ellipse(box, outline=f"#{colour}", width=width * _SCALE)
        else:
            draw.ellipse(box, fill=f"#{colour}")
    # Small diamonds where two tiles meet, as in the region's brickwork.
    for corner in (0, side):
        reach = 4 * _SCALE
        draw.polygon(
            [
                (corner - reach, side / 2),
                (corner, side / 2 - reach),
                (corner + reach, side / 2),
                (corner, side / 2 + reach),
            ],
            fill=f"#{ring}",
        )
    small = tile.resize((_TILE, _TILE), Image.Resampling.LANCZOS)
    band = Image.new("RGBA", SIZE)
    for left in range(0, SIZE[0], _TILE):
        band.paste(small, (left, 0))
    written = io.BytesIO()
    band.quantize(32, method=Image.Quantize.FASTOCTREE).save(written, "PNG", optimize=True)
    return written.getvalue()
