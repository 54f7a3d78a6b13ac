"""Pictures out of focus are told from flat drawings, charts and gradients, whose few edges are sharp."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import mailer.demo
from mailer.approval.preflight.measure_picture_sharpness import edge_sharpness
from mailer.approval.preflight.picture_checks import BLURRED

_SIZE = (480, 320)
_SCENES = sorted((Path(mailer.demo.__file__).parent / "sample/pictures").glob("*.jpg"))


def file_of(picture: Image.Image, form: str = "PNG", **options: int) -> bytes:
    written = BytesIO()
    picture.save(written, form, **options)
    return written.getvalue()


def drawn(draw: Callable[[ImageDraw.ImageDraw], object], ground: str = "#7ab2dc") -> Image.Image:
    """A drawing with smooth edges."""
    large = Image.new("RGB", (4 * _SIZE[0], 4 * _SIZE[1]), ground)
    draw(ImageDraw.Draw(large))
    return large.resize(_SIZE, Image.Resampling.LANCZOS)


def landscape(pen: ImageDraw.ImageDraw) -> None:
    pen.polygon([(160, 850), (560, 250), (960, 850)], fill="#6e6e82")
    pen.ellipse((1500, 100, 1740, 340), fill="#fac83c")
    pen.rectangle((0, 850, 1920, 1280), fill="#5a8c46")


def pale_bars(pen: ImageDraw.ImageDraw) -> None:
    for place, height in enumerate((300, 700, 500, 900)):
        pen.rectangle((200 + 400 * place, 1200 - height, 440 + 400 * place, 1200), fill="#cddee4")


def gradient() -> Image.Image:
    return Image.linear_gradient("L").resize(_SIZE).convert("RGB")


def banner() -> Image.Image:
    picture = gradient()
    ImageDraw.Draw(picture).text((40, 120), "Steppe Letters", font=ImageFont.load_default(50), fill="#fff")
    return picture


def transparent_logo() -> Image.Image:
    picture = Image.new("RGBA", (240, 60))
    ImageDraw.Draw(picture).text((10, 5), "Office", font=ImageFont.load_default(40), fill="#000")
    return picture


DRAWINGS = {
    "a landscape": file_of(drawn(landscape)),
    "a landscape as JPEG": file_of(drawn(landscape), "JPEG", quality=58),
    "a landscape in 256 colours": file_of(drawn(landscape).quantize(256)),
    "a pale chart": file_of(drawn(pale_bars, "#fff")),
    "a single colour": file_of(Image.new("RGB", _SIZE, "#5a8c46")),
    "a gradient": file_of(gradient()),
    "a gradient as JPEG": file_of(gradient(), "JPEG", quality=82),
    "a banner": file_of(banner()),
    "a transparent logo": file_of(transparent_logo()),
    "an icon": file_of(Image.new("RGB", (16, 16), "#5a8c46")),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing_is_not_called_blurred(name: str) -> None:
    value = edge_sharpness(DRAWINGS[name])
    assert value is None or value >= BLURRED


@pytest.mark.parametrize("name", ["a single colour", "a gradient", "an icon"])
def test_picture_without_edges_is_not_judged(name: str) -> None:
    assert edge_sharpness(DRAWINGS[name]) is None


@pytest.mark.parametrize("path", _SCENES, ids=lambda path: path.stem)
def test_scene_is_blurred_only_where_no_part_of_it_is_sharp(path: Path) -> None:
    with Image.open(path) as opened:
        scene = opened.convert("RGB").resize((720, 480))
    sharp = edge_sharpness(file_of(scene, "JPEG", quality=82))
    assert sharp is not None
    assert sharp >= BLURRED
    for radius in (1.5, 3, 6):
        blurred = scene.filter(ImageFilter.GaussianBlur(radius))
        value = edge_sharpness(file_of(blurred, "JPEG", quality=82))
        assert value is not None, radius
        assert value < BLURRED, radius
    # A portrait: its background is out of focus, its middle is sharp.
    middle = (300, 180, 420, 300)
    blurred.paste(scene.crop(middle), middle)
    portrait = edge_sharpness(file_of(blurred, "JPEG", quality=82))
    assert portrait is not None
    assert portrait >= BLURRED
