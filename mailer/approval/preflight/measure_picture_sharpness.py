"""Measures how sharp a picture is, whether it is a photograph, a chart or a flat drawing."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageChops, ImageMath

# Pixels of the side of the squares in which a step is compared with the contrast around it: as many as the
# edge of a photograph has that is far out of focus.
_WINDOW = 25
# Levels of brightness, of 255, that a square needs to show anything; and the part of the squares that do.
_LEAST_CONTRAST, _LEAST_PART = 40, 0.01
# The part of the squares that count as the sharpest: the background of a portrait is out of focus on purpose.
_SHARPEST = 0.005
# A picture smoother than this has no edge at all: it is a gradient of colour.
_GRADIENT = 0.08
_STEPS = 200

_Combine = Callable[[Image.Image, Image.Image], Image.Image]


def edge_sharpness(image_file: bytes) -> float | None:
    """How steep the sharpest edges are of a picture's file (JPEG, PNG, GIF or WebP).

    1: the whole step from dark to light around an edge lies between two neighbouring pixels, as in a drawing;
    about 0.3: a Gaussian blur of 1.5 pixels has spread it. A flat drawing has few edges, all of them sharp; a
    photograph out of focus has many, and none that is sharp. None: the picture has no edges to judge by, or
    is too small.
    """
    grey = _on_white(image_file)
    if min(grey.size) <= _WINDOW:
        return None
    inner = (0, 0, grey.width - 1, grey.height - 1)
    steps = ImageChops.lighter(
        _beside(grey, 1, 0, ImageChops.difference).crop(inner),
        _beside(grey, 0, 1, ImageChops.difference).crop(inner),
    )
    grey = grey.crop(inner)
    lightest = _over_squares(grey, _WINDOW, ImageChops.lighter)
    contrast = ImageChops.difference(lightest, _over_squares(grey, _WINDOW, ImageChops.darker))
    steepest = _over_squares(steps, _WINDOW - 1, ImageChops.lighter).crop((0, 0, *contrast.size))
    ratio = ImageMath.lambda_eval(
        lambda images: images["convert"](images["step"] * _STEPS / (images["contrast"] + 1), "L"),
        step=steepest.convert("I"),
        contrast=contrast.convert("I"),
    )
    judged = contrast.point([0] * _LEAST_CONTRAST + [255] * (256 - _LEAST_CONTRAST)).convert("1")
    counts = ratio.histogram(judged)
    if sum(counts) < _LEAST_PART * contrast.width * contrast.height:
        return None
    value = _quantile(counts, 1 - _SHARPEST) / _STEPS
    return value if value >= _GRADIENT else None


def _on_white(data: bytes) -> Image.Image:
    """The picture in grey; what is transparent as readers see it on white."""
    with Image.open(BytesIO(data)) as picture:
        if not picture.has_transparency_data:
            return picture.convert("L")
        drawn = picture.convert("RGBA")
    white = Image.new("RGBA", drawn.size, "white")
    white.alpha_composite(drawn)
    return white.convert("L")


def _beside(picture: Image.Image, right: int, down: int, combine: _Combine) -> Image.Image:
    """Each pixel combined with the one that is so many pixels away; the result is that much smaller."""
    width, height = picture.size
    first = picture.crop((0, 0, width - right, height - down))
    return combine(first, picture.crop((right, down, width, height)))


def _over_squares(picture: Image.Image, side: int, combine: _Combine) -> Image.Image:
    """Each pixel combined with those of the square to its right and below."""
    for horizontal in (True, False):
        covered = 1
        while covered < side:
            step = min(covered, side - covered)
            right, down = (step, 0) if horizontal else (0, step)
            picture = _beside(picture, right, down, combine)
            covered += step
    return picture


def _quantile(counts: list[int], part: float) -> int:
    """The first index up to which there is this part of the counts."""
    wanted, reached = part * sum(counts), 0
    for index, count in enumerate(counts):
        reached += count
        if reached >= wanted:
            return index
    return len(counts) - 1
