"""Checks of pictures: their descriptions, and their files as the message loads them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.approval.preflight.edition_facts import Description, PictureFact, PictureUse, Place, excerpt
from mailer.approval.preflight.findings import Found
from mailer.rendering import sanitize
from subscribers.translate_stored_texts import stored

# Octets of one picture: two such and the text take a second on a slow phone.
HEAVY = 200_000
# Of `PictureFact.sharpness`. Of 21 photographs, drawings and screenshots 1200 pixels wide, each was above 24,
# and below 12 when blurred by a Gaussian of 1.5 pixels or more.
BLURRED = 14.0
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
    r"(?:фото|фотографи[ия]|снимк?е?|изображении?е?)\s*(?::|[—–-]|\b\w)|(?:суретте|сүрөттө|дар\s+акс|suratda|suratda)\b",
    re.IGNORECASE,
)
# What is no description: a word for any picture, with a number at most, or a word for none.
_SAYS_NOTHING = re.compile(
    r"(?:(?:an?|the|our|main|lead|cover)\s+)?(?:photo(?:graph|s)?|pictures?|images?|illustrations?|drawing|graphic|banner|"
    r"header|logo|icon|portrait|screenshot|alt(?:\s+text)?|description|decorative|none|n/?a|no|test|"
    r"фото(?:графия)?|картинка|изображение|иллюстрация|рисунок|баннер|логотип|снимок|портрет|описание|нет|"
    r"сурет|фотосурет|бейне|сипаттама|жоқ|сүрөт|сүрөттөмө|жок|акс|сурат|расм|тасвир|нест|"
    r"rasm|surat|foto(?:surat)?|tasvir|yoq|şekil|ýok)\W*\d*\W*|[\W\d_]+",
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


def alt_repeats(description: Description) -> Iterator[Found]:
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


def twice(description: Description) -> Iterator[Found]:
    """Pictures in two places."""
    seen: set[str] = set()
    for one in description.pictures_in_use:
        if one.picture.url and one.picture.url in seen:
            yield Found(one.place)
        seen.add(one.picture.url)


def alt_long(description: Description) -> Iterator[Found]:
    """Descriptions that are longer than anyone listens to."""
    for place, alt, _beside in _described(description):
        if len(alt) > LONGEST_ALT:
            yield Found(place, stored("%(count)s characters", count=len(alt)))


def unusable(description: Description) -> Iterator[Found]:
    """Pictures that mail programs cannot load."""
    for one in description.pictures_in_use:
        if not sanitize.safe_picture_url(one.picture.url):
            yield Found(one.place, excerpt(one.picture.url))


def heavy(description: Description) -> Iterator[Found]:
    """Files that take long to load."""
    for one, fact in _facts(description):
        if fact.size > HEAVY:
            yield Found(one.place, stored("%(size)s KB", size=fact.size // 1000))


def small(description: Description) -> Iterator[Found]:
    """Pictures with fewer pixels than the message shows."""
    for one in description.pictures_in_use:
        if 0 < one.picture.width < one.least_width:
            size = {"width": one.picture.width, "height": one.picture.height}
            yield Found(one.place, stored("%(width)s × %(height)s pixels", **size))


def blurred(description: Description) -> Iterator[Found]:
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
