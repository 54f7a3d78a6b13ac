"""Converts an edition's rows into the plain records that rendering takes, pictures included."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any, cast

from django.conf import settings
from wagtail.blocks import StreamValue
from wagtail.rich_text import expand_db_html

from mailer.editions import newsletter_template_parts
from mailer.editions.models import STORY_BLOCKS, Edition, Newsletter, StoryOverride, story_ids, story_ids_in
from mailer.editions.pictures import LOGO, store_picture_of
from mailer.rendering import data_types, story_selection, theme
from mailer.stories.models import Story

_WITH_STORIES = frozenset((*STORY_BLOCKS, "titles"))


def content_of(edition: Edition, *, store_pictures: bool = True) -> data_types.Content:
    """Everything that subscribers of this edition may see, from published stories only.

    Blocks without a ready story are left out. Pictures take time to prepare and are written to the media
    storage; without `store_pictures` a record says only whether there is one: enough to know who sees what.
    """
    stories = _ready(story_ids(edition))
    overrides = {override.story_id: override for override in edition.overrides.all()}
    blocks = tuple(_blocks(edition.body, stories, pictures=store_pictures))
    used = {key for block in blocks for key in block.stories}
    newsletter = edition.newsletter
    rules = rules_of(newsletter)
    goes_to_all = edition.segment_id is None and edition.excluded_id is None
    if rules.silent == "roll_over" and not goes_to_all:
        # The next edition has other readers, so nobody can be promised these stories with it.
        rules = replace(rules, silent="")
    return data_types.Content(
        masthead=masthead_of(newsletter, store_pictures=store_pictures),
        period=edition.period,
        number=edition.number,
        slug=edition.slug or f"{edition.newsletter.slug}-{edition.period}",
        site_url=settings.CONFIG.site.url,
        media_origin=settings.CONFIG.site.media_origin,
        subjects=tuple(
            data_types.Subject(text.language, text.subject, text.preheader)
            for text in sorted(edition.texts.all(), key=lambda text: text.language)
        ),
        stories=tuple(
            _record(story, overrides.get(story.pk), pictures=store_pictures)
            for story in stories.values()
            if story.key in used
        ),
        blocks=blocks,
        rules=rules,
        rolled_over=_rolled_over(edition, used) if goes_to_all else None,
        name=edition.name,
    )


def rules_of(newsletter: Newsletter) -> data_types.ReaderRules:
    """How each reader sees the newsletter's editions."""
    return data_types.ReaderRules(
        own_countries_first=newsletter.own_countries_first,
        lead=cast(data_types.LeadRule, newsletter.lead_rule),
        max_per_country=newsletter.max_per_country or 0,
        min_stories=newsletter.min_stories or 0,
        silent=cast(data_types.SilentRule, newsletter.silent_rule),
    )


def _rolled_over(edition: Edition, used: Collection[str]) -> data_types.RolledOver | None:
    """What the newsletter's last sent edition put off for readers of silent countries, as it was approved.

    Editions with a segment put nothing off. Without stories that were withdrawn or deleted since, and without
    those that this edition `used` itself.
    """
    sent = Edition.objects.sent().filter(
        newsletter=edition.newsletter_id, period__lt=edition.period, segment=None, excluded=None
    )
    mailed = sent.filter(snapshots__mailings__dry_run_to="", snapshots__mailings__cancelled_unsent=False)
    text = mailed.order_by("-period", "-snapshots__pk").values_list("snapshots__content", flat=True).first()
    if text is None or '"silent":"roll_over"' not in text:
        return None
    previous = data_types.from_json(text)
    keys = [story.key for story in previous.stories]
    live = Story.objects.filter(key__in=keys, live=True).values_list("key", flat=True)
    return story_selection.rolled_over(previous, {*keys, *used} - (set(live) - set(used)))


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
        media_origin=settings.CONFIG.site.media_origin,
        subjects=(),
        stories=(_record(story),) if written else (),
        blocks=(block,) if written else (),
    )


def _logo(newsletter: Newsletter, *, pictures: bool, dark: bool = False) -> data_types.Picture | None:
    """The logo for readers in the light or the dark, with a ring in the colour that is behind it there."""
    image = newsletter.logo_dark or newsletter.logo if dark else newsletter.logo
    grounds = theme.logo_background_and_contrasting_one(newsletter.theme or {}, dark=dark)
    return store_picture_of(image, LOGO, pictures=pictures, grounds=grounds)


def masthead_of(newsletter: Newsletter, *, store_pictures: bool = True) -> data_types.Masthead:
    """The newsletter's name, sender and languages, as subscribers see them; pictures as in `content_of`."""
    texts = list(newsletter.texts.all())
    return data_types.Masthead(
        slug=newsletter.slug,
        name=newsletter.name,
        office=newsletter.office,
        postal_address=newsletter.postal_address,
        countries=newsletter.countries,
        languages=newsletter.languages,
        fallbacks=newsletter.fallbacks,
        taglines=tuple(data_types.LocalText(text.language, text.tagline) for text in texts if text.tagline),
        theme=theme.unvalidated_token_changes(newsletter.theme or {}),
        templates=newsletter_template_parts.template_part_overrides(newsletter),
        texts=tuple(
            data_types.MastheadText(text.language, text.name, text.office, text.postal_address, text.logo_alt)
            for text in texts
            if text.name or text.office or text.postal_address or text.logo_alt
        ),
        logo=_logo(newsletter, pictures=store_pictures),
        logo_dark=_logo(newsletter, pictures=store_pictures, dark=True),
    )


def _ready(ids: Iterable[int]) -> dict[int, Story]:
    stories = Story.objects.filter(pk__in=ids, live=True).select_related("picture")
    ready = stories.prefetch_related("texts", "picture__renditions")
    return {story.pk: story for story in sorted(ready, key=lambda story: story.key) if story.texts.all()}


def _blocks(body: StreamValue, stories: dict[int, Story], *, pictures: bool) -> Iterator[data_types.Block]:
    for place, raw in enumerate(body.raw_data):
        if raw["type"] in _WITH_STORIES:
            # Read as stored: as a value of the stream, each kind of block would fetch its stories again.
            keys = tuple(stories[pk].key for pk in story_ids_in([raw]) if pk in stories)
            if keys:
                yield data_types.Block(raw["type"], stories=keys)
        else:
            yield _block(body[place], pictures=pictures)


def _block(child: Any, *, pictures: bool) -> data_types.Block:
    """A block without stories."""
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
    return _written(kind, value, pictures=pictures)


# The crop of a written block's picture; of other kinds "picture".
_CROP_OF_KIND = {"quote": "square", "video": "video"}


def _written(kind: Any, value: Any, *, pictures: bool) -> data_types.Block:
    texts = tuple(
        data_types.LocalText(
            text["language"],
            expand_db_html(text["text"]) if kind == "note" else text["text"],
            text["detail"],
            text["alt"],
        )
        for text in value["texts"]
    )
    if kind == "divider":
        # It looks the same in every language.
        texts = ()
    return data_types.Block(
        kind,
        countries=tuple(value["countries"]),
        texts=texts,
        link=value["link"] or "",
        picture=store_picture_of(value["picture"], _CROP_OF_KIND.get(kind, "picture"), pictures=pictures),
    )


def _record(
    story: Story, override: StoryOverride | None = None, *, pictures: bool = True
) -> data_types.Story:
    """The story, with what the edition shows differently."""
    here = override or StoryOverride()
    picture = here.picture or story.picture
    if here.size == StoryOverride.Size.SMALL:
        picture = None
    crops = {crop: store_picture_of(picture, crop, pictures=pictures) for crop in ("wide", "small")}
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
                venue=text.venue,
            )
            for text in sorted(story.texts.all(), key=lambda text: text.language)
        ),
        link=story.link,
        picture=crops["wide"],
        small_picture=crops["small"],
        layout=cast(data_types.StoryLayout, here.size),
        # A time without a zone says nothing to readers of several countries.
        starts=f"{story.starts:%H:%M}" if story.starts and story.zone else "",
        ends=f"{story.ends:%H:%M}" if story.ends and story.zone else "",
        zone=story.zone if story.starts else "",
    )
