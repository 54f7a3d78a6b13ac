"""Converts an edition's rows into the plain records that rendering takes, pictures included."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, cast

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from wagtail.rich_text import expand_db_html

from mailer.editions.models import Edition, Newsletter, StoryOverride
from mailer.rendering import data_types
from mailer.rendering.data_types import Picture
from mailer.stories.models import Story
from mailer.stories.pictures import without_metadata

# Blocks whose stored value is the primary key of a story; "titles" is a list of them.
STORY_BLOCKS = ("lead", "story", "date", "social")


def content_of(edition: Edition, *, pictures: bool = True) -> data_types.Content:
    """Everything that subscribers of this edition may see, from published stories only.

    Blocks without a ready story are left out. Without `pictures`, which take time to prepare, a record says
    only whether there is one: enough to know who sees what.
    """
    stories = _ready(story_ids(edition))
    overrides = {override.story_id: override for override in edition.overrides.all()}
    blocks = tuple(block for child in edition.body if (block := _block(child, stories)))
    used = {key for block in blocks for key in block.stories}
    return data_types.Content(
        masthead=masthead_of(edition.newsletter),
        period=edition.period,
        number=edition.number,
        slug=edition.slug or f"{edition.newsletter.slug}-{edition.period}",
        site_url=settings.CONFIG.site.url,
        subjects=tuple(
            data_types.Subject(text.language, text.subject, text.preheader)
            for text in sorted(edition.texts.all(), key=lambda text: text.language)
        ),
        stories=tuple(
            _record(story, overrides.get(story.pk), pictures=pictures)
            for story in stories.values()
            if story.key in used
        ),
        blocks=blocks,
    )


def content_of_story(story: Story, newsletter: Newsletter, period: str) -> data_types.Content:
    """A content with this story alone, ready or not, as an edition of `period` ("2021-12") would show it.

    Its one block is of the kind that assembly chooses; news leads. A story without any text has no block.
    """
    kind = {Story.Kind.EVENT: "date", Story.Kind.PUBLICATION: "titles", Story.Kind.NOTICE: "social"}
    block = data_types.Block(
        cast(data_types.BlockKind, kind.get(Story.Kind(story.kind), "lead")), (story.key,)
    )
    written = any(text.headline.strip() or text.summary.strip() for text in story.texts.all())
    return data_types.Content(
        masthead=masthead_of(newsletter),
        period=period,
        number=1,
        slug=f"{newsletter.slug}-{period}",
        site_url=settings.CONFIG.site.url,
        subjects=(),
        stories=(_record(story),) if written else (),
        blocks=(block,) if written else (),
    )


def masthead_of(newsletter: Newsletter) -> data_types.Masthead:
    """The newsletter's name, sender and languages, as subscribers see them."""
    return data_types.Masthead(
        slug=newsletter.slug,
        name=newsletter.name,
        office=newsletter.office,
        postal_address=newsletter.postal_address,
        countries=newsletter.countries,
        languages=newsletter.languages,
        fallbacks=newsletter.fallbacks,
        taglines=tuple(data_types.LocalText(text.language, text.tagline) for text in newsletter.texts.all()),
        theme=tuple(sorted((str(name), str(value)) for name, value in (newsletter.theme or {}).items())),
    )


def story_ids(edition: Edition) -> list[int]:
    """Primary keys of the stories in the edition's blocks, ready or not, in order, without repeats.

    Read from the stored JSON: no story is fetched, and deleted stories are included.
    """
    return story_ids_in(edition.body.raw_data)


def story_ids_in(blocks: Iterable[Any]) -> list[int]:
    """The same from blocks as they are stored: [{"type": "story", "value": 7}, …]."""
    found: list[int] = []
    for raw in blocks:
        value = raw["value"]
        if raw["type"] in STORY_BLOCKS:
            found.append(value)
        elif raw["type"] == "titles":
            found.extend(item["value"] if isinstance(item, dict) else item for item in value)
    return list(dict.fromkeys(int(pk) for pk in found if pk))


def _ready(ids: Iterable[int]) -> dict[int, Story]:
    ready = Story.objects.filter(pk__in=ids, live=True).select_related("picture").prefetch_related("texts")
    return {story.pk: story for story in sorted(ready, key=lambda story: story.key) if story.texts.all()}


def _block(child: Any, stories: dict[int, Story]) -> data_types.Block | None:
    kind, value = child.block_type, child.value
    if kind == "heading":
        own = (
            ()
            if value["country"]
            else tuple(data_types.LocalText(t["language"], t["text"]) for t in value["texts"])
        )
        return data_types.Block(kind, countries=(value["country"],) if value["country"] else (), texts=own)
    if kind == "text":
        texts = tuple(
            data_types.LocalText(t["language"], expand_db_html(t["text"].source)) for t in value["texts"]
        )
        return data_types.Block(kind, countries=tuple(value["countries"]), texts=texts)
    chosen = value if kind == "titles" else [value]
    keys = tuple(stories[story.pk].key for story in chosen if story is not None and story.pk in stories)
    return data_types.Block(kind, stories=keys) if keys else None


def _record(
    story: Story, override: StoryOverride | None = None, *, pictures: bool = True
) -> data_types.Story:
    """The story, with what the edition shows differently."""
    here = override or StoryOverride()
    picture = here.picture or story.picture
    if here.size == StoryOverride.Size.SMALL:
        picture = None
    shown = (permanent_picture(picture) if pictures else _NO_FILE) if picture else None
    return data_types.Story(
        key=story.key,
        kind=cast(data_types.StoryKind, story.kind),
        date=story.date,
        countries=story.countries,
        texts=tuple(
            data_types.StoryText(
                language=text.language,
                headline=here.headlines.get(text.language) or text.headline,
                summary=text.summary,
                body=expand_db_html(text.body),
                link_label=text.link_label,
                picture_alt=here.picture_alts.get(text.language, "") if here.picture else text.picture_alt,
            )
            for text in sorted(story.texts.all(), key=lambda text: text.language)
        ),
        link=story.link,
        picture=shown,
    )


# Stands for a picture that nobody looks at.
_NO_FILE = Picture(url="", width=0, height=0)
# 2:1, twice the width of the mail's column, sharp on a phone; cropped around the focal point.
SPECIFICATION = "fill-1200x600|jpegquality-80|format-jpeg|bgcolor-ffffff"
FOLDER = "pictures"


def permanent_picture(image: Any) -> Picture:
    """A rendition of a Wagtail image, stored permanently under the SHA-256 of its bytes.

    Replacing the image's file gives another URL; messages already sent keep theirs.
    """
    rendition = image.get_rendition(SPECIFICATION)
    with rendition.file.open("rb") as file:
        data = without_metadata(file.read())
    name = f"{FOLDER}/{hashlib.sha256(data).hexdigest()}.jpg"
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(data))
    address = f"{settings.CONFIG.site.url}{settings.MEDIA_URL}{name}"
    return Picture(url=address, width=rendition.width, height=rendition.height)
