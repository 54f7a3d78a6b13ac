"""Pictures are stored without metadata and upright, and what would fill the memory is refused unread."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.images import ImageFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Drawing
from PIL import ImageCms
from PIL.PngImagePlugin import PngInfo
from wagtail.images import get_image_model
from wagtail.users.models import UserProfile

from mailer.desk.stories.story_rows import THUMBNAIL
from mailer.editions.pictures import CROPS, LARGEST, LOGO, encode_cropped_picture, store_permanent_picture
from mailer.stories import sanitize_pictures
from mailer.stories.sanitize_pictures import DamagedPicture, UnsupportedFormat, without_metadata
from mailer.stories.source_item_pictures import try_load_picture
from mailer.stories.sources.reader_interface import SourceItem
from subscribers.translate_stored_texts import translated
from tests.desk.cast import Desk, as_user
from tests.desk.cast import desk as make_desk

pytestmark = pytest.mark.django_db

SECRETS = (b"Nikon", b"Photographer Kim", b"43.2389", b"Taken at home")
NOW = datetime(2021, 12, 3, tzinfo=UTC)
ORIENTATION, ARTIST, MAKE, GPS = 0x0112, 0x013B, 0x010F, 0x8825
KINDS = ("JPEG", "PNG", "WEBP", "GIF")


def photo(kind: str, orientation: int = 1) -> bytes:
    """A picture, 40 by 20, red at the left, with as much metadata as its format takes."""
    drawing = Drawing.new("RGB", (40, 20), "blue")
    drawing.paste("red", (0, 0, 10, 20))
    exif = Drawing.Exif()
    exif[ORIENTATION], exif[ARTIST], exif[MAKE] = orientation, "Photographer Kim", "Nikon"
    exif.get_ifd(GPS)[29] = "43.2389"
    options: dict[str, Any] = {"exif": exif.tobytes()}
    if kind == "PNG":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_text("Comment", "Taken at home")
    if kind == "GIF":
        options = {"comment": b"Taken at home by Photographer Kim, Nikon"}
    if kind in ("JPEG", "WEBP"):
        options["xmp"] = b"<x>Photographer Kim, Taken at home</x>"
    target = io.BytesIO()
    drawing.save(target, kind, **options)
    return target.getvalue()


def secrets_in(data: bytes) -> list[bytes]:
    return [secret for secret in SECRETS if secret in data]


@pytest.mark.parametrize("kind", KINDS)
def test_metadata_is_removed_and_the_pixels_stay(kind: str) -> None:
    data = photo(kind)
    assert secrets_in(data)
    clean = without_metadata(data)
    assert secrets_in(clean) == []
    before, after = Drawing.open(io.BytesIO(data)), Drawing.open(io.BytesIO(clean))
    assert before.convert("RGB").tobytes() == after.convert("RGB").tobytes()
    assert not after.getexif() and not {"exif", "xmp", "comment", "Comment"} & set(after.info)
    assert without_metadata(clean) == clean


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_that_exif_turns_is_upright_without_it(kind: str) -> None:
    # 6: turn by 90 degrees clockwise; what was at the left is on top.
    upright = Drawing.open(io.BytesIO(without_metadata(photo(kind, orientation=6)))).convert("RGB")
    assert upright.size == (20, 40)
    top, bottom = upright.getpixel((10, 2)), upright.getpixel((10, 38))
    assert top[0] > 150 > top[2] and bottom[2] > 150 > bottom[0]  # type: ignore[index]
    assert not upright.getexif()


def test_what_follows_a_jpeg_is_removed() -> None:
    # Phones store further pictures, depths and places there.
    assert secrets_in(without_metadata(photo("JPEG") + photo("JPEG"))) == []


def camera_photo(size: tuple[int, int] = (40, 20), orientation: int = 1) -> bytes:
    """A JPEG with a smaller picture behind its own, which its index names (CIPA DC-007)."""
    exif = Drawing.Exif()
    exif[ORIENTATION], exif[MAKE] = orientation, "Nikon"
    target, small = io.BytesIO(), Drawing.new("RGB", (16, 8), "green")
    own = Drawing.new("RGB", size, "red")
    own.save(target, "MPO", save_all=True, append_images=[small], exif=exif.tobytes())
    return target.getvalue()


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 20)), (6, (20, 40))])
def test_a_jpeg_of_a_camera_is_stored_without_its_second_picture(
    orientation: int, size: tuple[int, int]
) -> None:
    data = camera_photo(orientation=orientation)
    assert Drawing.open(io.BytesIO(data)).format == "MPO"
    clean = without_metadata(data)
    shown = Drawing.open(io.BytesIO(clean))
    assert (shown.format, shown.size) == ("JPEG", size)
    assert b"MPF" not in clean and clean.count(b"\xff\xd8") == 1 and secrets_in(clean) == []


def test_the_second_picture_of_a_camera_does_not_count_as_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sanitize_pictures, "MAX_PIXELS", 40 * 20 + 1)
    assert without_metadata(camera_photo())


def test_a_picture_of_a_camera_comes_in_every_way(desk: Desk, tmp_path: Path) -> None:
    data = camera_photo()
    assert upload(desk, "a.jpg", data).status_code == 302
    (tmp_path / "a.jpg").write_bytes(data)
    ways = {
        "form": get_image_model().objects.get().file.read(),
        "file of stories": sanitize_pictures.read_without_metadata(tmp_path / "a.jpg"),
        "source": try_load_picture(SourceItem("1", "A road", picture=data)).data,
    }
    assert {way: Drawing.open(io.BytesIO(found)).format for way, found in ways.items()} == dict.fromkeys(
        ways, "JPEG"
    )


def test_an_animation_keeps_its_frames() -> None:
    frames = [Drawing.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    target = io.BytesIO()
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:], loop=0, comment=b"Taken at home")
    clean = without_metadata(target.getvalue())
    assert secrets_in(clean) == []
    animated = Drawing.open(io.BytesIO(clean))
    assert (animated.n_frames, animated.info["loop"]) == (3, 0)  # type: ignore[attr-defined]


def bomb(width: int, height: int) -> bytes:
    """A PNG of so many pixels of one bit, in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes((width + 7) // 8 + 1) * height, 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_picture_of_too_many_pixels_is_refused_undecoded(tmp_path: Path) -> None:
    huge = bomb(10_000, 6_000)
    assert len(huge) < 20_000
    with pytest.raises(DamagedPicture):
        without_metadata(huge)
    (tmp_path / "huge.png").write_bytes(huge)
    with pytest.raises(sanitize_pictures.PictureError):
        sanitize_pictures.read_without_metadata(tmp_path / "huge.png")


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def upload(desk: Desk, name: str, data: bytes) -> Any:
    page = reverse("wagtailimages:add")
    collection = "1"
    file = SimpleUploadedFile(name, data)
    return as_user(desk.admin).post(page, {"title": "A road", "file": file, "collection": collection})


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "a.jpg"), ("PNG", "a.png"), ("WEBP", "a.webp")])
def test_an_upload_its_renditions_and_its_snapshot_have_no_metadata(
    desk: Desk, settings: Any, kind: str, name: str
) -> None:
    assert upload(desk, name, photo(kind, orientation=6)).status_code == 302
    image = get_image_model().objects.get()
    permanent = store_permanent_picture(image).url.rpartition("/media/")[2]
    rendition = image.get_rendition("max-165x165|format-jpeg").file.name
    for path in (image.file.name, rendition, permanent):
        assert secrets_in((Path(settings.MEDIA_ROOT) / path).read_bytes()) == [], path
    assert (image.width, image.height) == (20, 40)


def test_a_message_shows_a_picture_in_crops_that_are_stored_once(desk: Desk) -> None:
    upload(desk, "a.jpg", photo("JPEG"))
    image = get_image_model().objects.get()
    made = {crop: store_permanent_picture(image, crop) for crop in CROPS}
    # A picture is not enlarged: 40 by 20 pixels in 2:1, 3:2, 1:1 and 16:9.
    assert {crop: (one.width, one.height) for crop, one in made.items()} == {
        "wide": (40, 20),
        "small": (30, 20),
        "picture": (30, 20),
        "square": (20, 20),
        "video": (36, 20),
    }
    assert made["wide"].url != made["small"].url
    assert {crop: store_permanent_picture(image, crop) for crop in CROPS} == made


def test_a_photograph_is_encoded_anew_until_it_weighs_60_kb() -> None:
    sky = Drawing.merge("RGB", [Drawing.linear_gradient("L").resize((1200, 600))] * 3)
    grain = Drawing.effect_noise((1200, 600), 12).convert("RGB")
    written = io.BytesIO()
    secrets: dict[str, Any] = {
        "exif": b"Exif\x00\x00Nikon",
        "comment": b"Photographer Kim",
        "dpi": (300, 300),
    }
    Drawing.blend(sky, grain, 0.3).save(written, "JPEG", quality=98, **secrets)
    for crop in CROPS:
        data, ending = encode_cropped_picture(written.getvalue(), crop)
        assert ending == "jpg" and secrets_in(data) == [] and without_metadata(data) == data
    data, ending = encode_cropped_picture(written.getvalue())
    assert ending == "jpg" and len(data) <= LARGEST < len(written.getvalue())
    assert secrets_in(data) == []
    with Drawing.open(io.BytesIO(data)) as picture:
        assert picture.size == (1200, 600)


def as_file(picture: Drawing.Image, kind: str = "PNG", **options: Any) -> bytes:
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def test_drawings_stay_exact_photographs_become_jpeg_and_a_logo_keeps_what_is_transparent() -> None:
    drawing = Drawing.new("RGB", (1200, 600), "#0F2F4A")
    for place in range(12):
        drawing.paste((place * 20, 120, 255 - place * 20), (place * 100, 100, place * 100 + 80, 500))
    data, ending = encode_cropped_picture(as_file(drawing))
    shown = Drawing.open(io.BytesIO(data))
    assert (ending, shown.mode) == ("png", "P") and len(data) < 10_000
    assert shown.convert("RGB").tobytes() == drawing.tobytes()
    photograph = Drawing.merge("RGB", [Drawing.effect_noise((600, 300), 60) for _channel in range(3)])
    data, ending = encode_cropped_picture(as_file(photograph))
    assert ending == "jpg" and len(data) < len(as_file(photograph))
    logo = Drawing.merge(
        "RGBA", [*photograph.resize((240, 60)).split(), Drawing.linear_gradient("L").resize((240, 60))]
    )
    data, ending = encode_cropped_picture(as_file(logo), LOGO)
    assert ending == "png" and Drawing.open(io.BytesIO(data)).getextrema()[3][0] < 10  # type: ignore[index]
    # Elsewhere what is transparent and no drawing stands on white.
    assert encode_cropped_picture(as_file(logo.resize((1200, 600)))).ending == "jpg"


def test_a_grey_picture_of_16_bits_keeps_its_greys(desk: Desk, settings: Any) -> None:
    steps = Drawing.new("I;16", (1600, 900), 30_000)
    for place, level in enumerate((0, 257, 65_535)):
        steps.paste(level, (place * 100, 0, place * 100 + 100, 900))
    data, _ending = encode_cropped_picture(as_file(steps))
    shown = Drawing.open(io.BytesIO(data)).convert("RGB")
    assert [shown.getpixel((place, 9)) for place in (50, 150, 250, 900)] == [
        (level, level, level) for level in (0, 1, 255, 117)
    ]
    keyed, _ending = encode_cropped_picture(as_file(steps, transparency=30_000), LOGO)
    alpha = Drawing.open(io.BytesIO(keyed)).convert("RGBA").getchannel("A")
    assert (alpha.getpixel((250, 9)), alpha.getpixel((900, 9))) == (255, 0)
    # A library may have such pictures from before; and those that come in now have fewer bits.
    model = get_image_model()
    model.objects.bulk_create(
        [model(title="Before", file=ImageFile(io.BytesIO(as_file(steps)), "b.png"), width=1600, height=900)]
    )
    assert upload(desk, "a.png", as_file(steps)).status_code == 302
    before, after = model.objects.order_by("pk")
    assert [Drawing.open(one.file).mode for one in (before, after)] == ["I;16", "L"]
    for image in (before, after):
        assert image.get_rendition(THUMBNAIL).width
        for crop in CROPS:
            name = store_permanent_picture(image, crop).url.rpartition("/media/")[2]
            with Drawing.open(Path(settings.MEDIA_ROOT) / name) as stored:
                assert stored.convert("L").getextrema()[0] < 120


def test_a_transparent_still_of_a_video_stands_on_white() -> None:
    still = Drawing.new("RGBA", (1080, 608), (0, 0, 0, 0))
    shown = Drawing.open(io.BytesIO(encode_cropped_picture(as_file(still), "video").data))
    assert shown.getpixel((5, 5)) == (255, 255, 255)


def test_colours_of_another_profile_are_turned_into_those_that_mail_programs_assume() -> None:
    lab = Drawing.new("RGB", (60, 40), (200, 60, 40))
    # A profile whose red and blue are exchanged shows what follows it and what does not.
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    exchanged = bytearray(srgb.tobytes())
    red, blue = exchanged.index(b"rXYZ"), exchanged.index(b"bXYZ")
    exchanged[red : red + 4], exchanged[blue : blue + 4] = b"bXYZ", b"rXYZ"
    data, _ending = encode_cropped_picture(as_file(lab, "JPEG", quality=95, icc_profile=bytes(exchanged)))
    with Drawing.open(io.BytesIO(data)) as shown:
        red_after, _green, blue_after = shown.convert("RGB").getpixel((30, 20))  # type: ignore[misc]
        assert blue_after > red_after and "icc_profile" not in shown.info
    damaged = encode_cropped_picture(as_file(lab, icc_profile=b"no profile"))
    assert Drawing.open(io.BytesIO(damaged.data)).convert("RGB").getpixel((30, 20)) == (200, 60, 40)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.png", bomb(10_000, 6_000)),
        ("a.jpg", photo("JPEG")[:200]),
        ("a.png", photo("PNG")[:60]),
        ("a.jpg", b"\xff\xd8\xff\xe1\xff\xff"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("a.png", b"<svg xmlns='http://www.w3.org/2000/svg'>" + b"<g>" * 100_000),
    ],
    ids=["pixels", "cut JPEG", "cut PNG", "no picture", "SVG", "SVG as PNG"],
)
def test_an_upload_that_cannot_be_used_is_an_error_of_the_form(desk: Desk, name: str, data: bytes) -> None:
    answer = upload(desk, name, data)
    assert answer.status_code == 200
    assert set(answer.context["form"].errors) == {"file"}
    assert not get_image_model().objects.exists()


OTHER_FORMATS = {
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "AVIF": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
    "TIFF": as_file(Drawing.new("RGB", (4, 4)), "TIFF"),
    "BMP": as_file(Drawing.new("RGB", (4, 4)), "BMP"),
    "SVG": b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "": b"<html><body><svg></svg></body></html>",
}


@pytest.mark.parametrize("given", OTHER_FORMATS)
def test_another_format_is_named_to_whoever_brings_the_picture(
    desk: Desk, tmp_path: Path, given: str
) -> None:
    data = OTHER_FORMATS[given]
    with pytest.raises(UnsupportedFormat) as caught:
        without_metadata(data)
    reason = str(caught.value)
    assert given in reason and "WebP" in reason
    (error,) = upload(desk, "a.jpg", data).context["form"].errors.as_data()["file"]
    assert error.code == "unsupported_format" and reason in error.message
    assert reason in try_load_picture(SourceItem("1", "A road", picture=data)).problem
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(sanitize_pictures.PictureError, match=re.escape(reason)):
        sanitize_pictures.read_without_metadata(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("data", "word"), [(bomb(10_000, 6_000), "50 million"), (photo("JPEG")[:200], "damaged")]
)
def test_a_source_says_why_its_picture_is_refused(data: bytes, word: str) -> None:
    with pytest.raises(DamagedPicture) as caught:
        without_metadata(data)
    problem = try_load_picture(SourceItem("1", "A road", picture=data)).problem
    assert word in problem and str(caught.value) in problem
    with override("ru"):
        assert not re.search("[a-z]{3}", translated(problem))


def test_the_frames_of_a_long_animation_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sanitize_pictures, "MAX_PIXELS", 20)
    frames = [Drawing.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    with pytest.raises(DamagedPicture, match="frames"):
        without_metadata(as_file(frames[0], "GIF", save_all=True, append_images=frames[1:]))


def test_a_picture_that_no_form_stored_has_no_metadata(settings: Any) -> None:
    data = photo("JPEG")
    image = get_image_model().objects.create(title="Lake", file=ImageFile(io.BytesIO(data), name="lake.jpg"))
    stored = (Path(settings.MEDIA_ROOT) / image.file.name).read_bytes()
    assert secrets_in(stored) == []
    assert (image.file_size, image.get_file_hash()) == (len(stored), hashlib.sha1(stored).hexdigest())


def test_a_profile_picture_has_no_metadata(desk: Desk) -> None:
    profile = UserProfile.get_for_user(desk.writer)
    profile.avatar = ContentFile(photo("JPEG"), "me.jpg")
    profile.save()
    with profile.avatar.open("rb") as file:
        assert secrets_in(file.read()) == []
    profile.avatar = ContentFile(b"BM no picture of the web", "me.bmp")
    profile.save()
    assert not profile.avatar


@given(at=st.lists(st.tuples(st.integers(2, 400), st.integers(0, 255)), min_size=1, max_size=6))
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_with_any_octets_changed_is_cleaned_or_refused(
    kind: str, at: list[tuple[int, int]]
) -> None:
    damaged = bytearray(PHOTOS[kind])
    for place, octet in at:
        damaged[place % len(damaged)] = octet
    try:
        without_metadata(bytes(damaged))
    except DamagedPicture as error:
        assert str(error)


PHOTOS = {kind: photo(kind) for kind in KINDS}
