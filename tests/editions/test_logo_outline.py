"""The ring around transparent logos, which mail programs show on grounds of their own."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageDraw

from mailer.editions import logo_outline
from mailer.editions.pictures import LOGO, encode_cropped_picture
from mailer.rendering import theme

DARK, WHITE = "#22303C", "#FFFFFF"
BLACKENED = "#1B1B1B"


def logo(colour: str) -> Image.Image:
    """A disc and a bar that reach the edges of a transparent picture."""
    picture = Image.new("RGBA", (240, 60))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((0, 0, 59, 59), fill=colour)
    draw.rectangle((80, 20, 239, 40), fill=colour)
    return picture


def on(picture: Image.Image, ground: str) -> Image.Image:
    shown = Image.new("RGBA", picture.size, ground)
    shown.alpha_composite(picture)
    return shown.convert("RGB")


def contrast_of_ring(picture: Image.Image, ground: str) -> float:
    """Of the pixel left of the bar with what surrounds it."""
    red, green, blue = on(picture, ground).getpixel((3 + 80 - 2, 3 + 30))  # type: ignore[misc]
    return theme.contrast_ratio(f"#{red:02X}{green:02X}{blue:02X}", ground)


@pytest.mark.parametrize("base", theme.THEMES)
def test_a_logo_that_fits_its_masthead_looks_the_same_there_and_is_seen_on_any_other_ground(
    base: str,
) -> None:
    grounds = theme.logo_background_and_contrasting_one({theme.BASE: base})
    colour, changed = (DARK, BLACKENED) if base == "plain" else (WHITE, WHITE)
    ringed = logo_outline.outlined(logo(colour), grounds)
    assert ringed.size == (246, 66)
    without = Image.new("RGBA", ringed.size)
    without.paste(logo(colour), (3, 3))
    difference = ImageChops.difference(on(ringed, grounds[0]), on(without, grounds[0]))
    assert max(high for _low, high in difference.getextrema()) <= 2  # type: ignore[misc]
    assert contrast_of_ring(ringed, changed) > 7


def test_a_logo_that_its_masthead_would_hide_has_a_ring_that_is_seen_there() -> None:
    default, plain = (
        theme.logo_background_and_contrasting_one({}),
        theme.logo_background_and_contrasting_one({theme.BASE: "plain"}),
    )
    assert contrast_of_ring(logo_outline.outlined(logo(DARK), default), default[0]) > 7
    assert contrast_of_ring(logo_outline.outlined(logo(WHITE), plain), plain[0]) > 7


@pytest.mark.parametrize("base", theme.THEMES)
@pytest.mark.parametrize("colour", [DARK, WHITE])
def test_in_dark_mode_the_ring_has_the_dark_ground_unless_that_would_hide_the_logo(
    base: str, colour: str
) -> None:
    grounds = theme.logo_background_and_contrasting_one({theme.BASE: base}, dark=True)
    ringed = logo_outline.outlined(logo(colour), grounds)
    assert (contrast_of_ring(ringed, grounds[0]) > 7) is (colour == DARK)


def test_only_transparent_logos_with_known_grounds_change() -> None:
    grounds = theme.logo_background_and_contrasting_one({})

    def made(picture: Image.Image, grounds: tuple[str, str] | None) -> Image.Image:
        written = BytesIO()
        picture.save(written, "PNG")
        return Image.open(BytesIO(encode_cropped_picture(written.getvalue(), LOGO, grounds).data))

    assert made(logo(DARK), grounds).size == (246, 66)
    assert made(logo(DARK), None).size == (240, 60)
    assert made(on(logo(DARK), WHITE), grounds).size == (240, 60)
    empty = Image.new("RGBA", (20, 20))
    assert logo_outline.outlined(empty, grounds) is empty
