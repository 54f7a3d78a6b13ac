"""Checks of pictures: their descriptions, and their files as the message loads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from mailer.approval.preflight.check_input import (
    Description,
    PictureFact,
    PictureUse,
    Place,
    excerpt,
    place_of_block,
)
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.rendering import sanitize
from subscribers.translate_stored_texts import stored

# Octets of one picture: two such and the text take a second on a slow phone.
HEAVY = 200_000
# Of `PictureFact.sharpness`. Of 136 pictures, drawings had 0.85 or more, sharp photographs 0.7 or more, and
# those that a Gaussian of 1.5 to 12 pixels blurred 0.52 or less.
BLURRED = 0.55
LONGEST_ALT = 250
_FILE_NAME = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|heic|tiff?|bmp)\b"
    r"|^(?:img|dsc|dscn|pict?|image|photo|screenshot|whatsapp image|"
    r"фото|изображение|снимок|скриншот|сурет|сүрөт|расм|rasm|surat)[\s_-]*[\d(].*"
    r"|^\S*_\S*\d\S*$|^[\w-]*\d{4,}[\w-]*$",
    re.IGNORECASE,
)
_SAYS_PICTURE = re.compile(
    r"(?:an?\s+|the\s+)?(?:photo(?:graph)?|picture|image)\s+(?:of|shows?|with)\b|(?:на\s+)?"
    r"(?:фото|фотографи[ия]|снимк?е?|изображении?е?)\s*(?::|[—–-]|\b\w)|(?:суретте|сүрөттө|дар\s+акс|"
    r"suratda|suratda)\b",
    re.IGNORECASE,
)
# What is no description: a word for any picture, with a number at most, or a word for none.
_SAYS_NOTHING = re.compile(
    r"(?:(?:an?|the|our|main|lead|cover)\s+)?(?:photo(?:graph|s)?|pictures?|images?|illustrations?|"
    r"drawing|graphic|banner|"
    r"header|logo|icon|portrait|screenshot|alt(?:\s+text)?|description|decorative|none|n/?a|no|test|"
    r"фото(?:графия)?|картинка|изображение|иллюстрация|рисунок|баннер|логотип|снимок|портрет|описание|нет|"
    r"сурет|фотосурет|бейне|сипаттама|жоқ|сүрөт|сүрөттөмө|жок|акс|сурат|расм|тасвир|нест|"
    r"rasm|surat|foto(?:surat)?|tasvir|yoq|şekil|ýok)\W*\d*\W*|[\W\d_]+",
    re.IGNORECASE,
)
_BY_A_PROGRAM = re.compile(
    r"\b(?:automatically\s+generated|auto-?generated|AI-generated)\b|\b(?:a\s+)?(?:picture|"
    r"image)\s+containing\b"
    r"|\bавтоматически\s+созданн|\bизображение\s+выглядит\s+как\b|\bможет\s+быть\s+изображение\b|"
    r"\bmay\s+be\s+an\s+image\b",
    re.IGNORECASE,
)
# Whose pictures cost money, and pictures of which nobody knows whose they are.
_AGENCY = re.compile(
    r"\b(?:getty|shutterstock|istock|alamy|depositphotos|dreamstime|adobe\s+stock|123rf|reuters|AFP|"
    r"associated\s+press|РИА\s+Новости|ТАСС|lori)\b"
    r"|\b(?:from\s+(?:the\s+)?(?:internet|web|google)|open\s+sources?|unknown\s+(?:author|photographer))\b"
    r"|\bиз\s+(?:интернета|открытых\s+источников|сети)\b|\bавтор\s+неизвестен\b|\bинтернеттен\b|"
    r"\bаз\s+интернет\b|\binternet(?:dan|den)\b|\bwatermark\b",
    re.IGNORECASE,
)


def alt_missing(description: Description) -> Iterator[Found]:
    """Pictures that say nothing to those who do not see them."""
    for place, alt, _beside in _described(description):
        if not alt.strip():
            yield Found(place)


def alt_file_name(description: Description) -> Iterator[Found]:
    """Descriptions that are the name of a file."""
    for place, alt, _beside in _described(description):
        if _FILE_NAME.search(alt.strip()):
            yield Found(place, excerpt(alt))


def alt_repeats_headline_or_caption(description: Description) -> Iterator[Found]:
    """Descriptions that repeat the headline or the caption, which screen readers then read twice."""
    for place, alt, beside in _described(description):
        words, heard = _words(alt), _words(beside)
        if words and (
            words == heard or (len(heard) > 3 and set(heard) <= set(words) and len(words) <= len(heard) + 2)
        ):
            yield Found(place, excerpt(alt))


def alt_says_picture(description: Description) -> Iterator[Found]:
    """Descriptions that begin by saying that there is a picture."""
    for place, alt, _beside in _described(description):
        if _SAYS_PICTURE.match(alt.strip()):
            yield Found(place, excerpt(alt))


def alt_says_nothing(description: Description) -> Iterator[Found]:
    """Descriptions such as "photo" or "-", which do not say what is seen."""
    for place, alt, _beside in _described(description):
        if alt.strip() and _SAYS_NOTHING.fullmatch(re.sub("[’‘'ʻ]", "", alt.strip())):
            yield Found(place, excerpt(alt))


def repeated_or_automatic_alt(description: Description) -> Iterator[Found]:
    """One description for two pictures, and those that a program wrote."""
    seen: dict[tuple[str, str], str] = {}
    for place, alt, _beside in _described(description):
        key = place.language, " ".join(_words(alt))
        is_known = bool(key[1]) and seen.setdefault(key, place.key) != place.key
        if is_known or _BY_A_PROGRAM.search(alt):
            yield Found(place, excerpt(alt))


def doubtful_or_missing_credits(description: Description) -> Iterator[Found]:
    """Pictures of an agency or from the internet, and those that name no photographer in any language."""
    content = description.content
    for block in content.blocks:
        if block.kind != "picture" or not block.picture:
            continue
        if not any(text.detail.strip() for text in block.texts):
            yield Found(place_of_block(content, block), stored("The photographer's name is missing."))
        for text in block.texts:
            if found := _AGENCY.search(f"{text.detail}\n{text.text}"):
                yield Found(place_of_block(content, block, text.language), excerpt(found[0]))


def picture_used_twice(description: Description) -> Iterator[Found]:
    """Pictures in two places."""
    seen: set[str] = set()
    for one in description.pictures_in_use:
        if one.picture.url and one.picture.url in seen:
            yield Found(one.place)
        seen.add(one.picture.url)


def alt_too_long(description: Description) -> Iterator[Found]:
    """Descriptions that are longer than anyone listens to."""
    for place, alt, _beside in _described(description):
        if len(alt) > LONGEST_ALT:
            yield Found(place, stored("The text has %(count)s characters", count=len(alt)))


def unsafe_picture_url(description: Description) -> Iterator[Found]:
    """Pictures that mail programs cannot load."""
    for one in description.pictures_in_use:
        if not sanitize.safe_picture_url(one.picture.url):
            yield Found(one.place, excerpt(one.picture.url))


def heavy_picture(description: Description) -> Iterator[Found]:
    """Files that take long to load."""
    for one, fact in _facts(description):
        if fact.size > HEAVY:
            yield Found(one.place, stored("Size: %(size)s KB", size=fact.size // 1000))


def small_picture(description: Description) -> Iterator[Found]:
    """Pictures with fewer pixels than the message shows."""
    for one in description.pictures_in_use:
        if 0 < one.picture.width < one.least_width:
            size = {"width": one.picture.width, "height": one.picture.height}
            yield Found(one.place, stored("The picture has %(width)s × %(height)s pixels", **size))


def blurred_picture(description: Description) -> Iterator[Found]:
    """Pictures that are sharp nowhere."""
    for one, fact in _facts(description):
        if fact.sharpness is not None and fact.sharpness < BLURRED:
            yield Found(one.place)


def _described(description: Description) -> Iterator[tuple[Place, str, str]]:
    for one in description.pictures_in_use:
        yield from one.descriptions


def _facts(description: Description) -> Iterator[tuple[PictureUse, PictureFact]]:
    for one in description.pictures_in_use:
        if fact := description.pictures.get(one.picture.url):
            yield one, fact


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def unsuitable_picture_form(description: Description) -> Iterator[Found]:
    """Pictures in a format, of a shape or from a place that mail programs do not show well."""
    own = {
        urlsplit(one).hostname
        for one in (description.content.site_url, description.content.media_origin)
        if one
    }
    for use in description.pictures_in_use:
        url, size = use.picture.url, (use.picture.width, use.picture.height)
        path = urlsplit(url).path.lower()
        if not sanitize.safe_picture_url(url):
            continue
        if path.endswith((".svg", ".webp", ".heic", ".avif", ".tif", ".tiff", ".bmp")):
            yield Found(use.place, path.rpartition("/")[2])
        elif urlsplit(url).hostname not in own or (
            url.startswith("http://") and description.content.site_url.startswith("https://")
        ):
            yield Found(use.place, url)
        elif all(size) and not 1 / 1.6 <= size[0] / size[1] <= 4 and use.least_width > 120:
            yield Found(use.place, f"{size[0]} × {size[1]}")
