"""Word documents that staff add in the desk: kept for a short time, read, taken over, and undone.

Their stories are entries of one source that is never polled, so that a document which is added again shows
which of its stories are there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext
from wagtail.log_actions import LogContext, log

from mailer.stories.draft_fields_from_source_entry import SuggestedStory, storable_item_id
from mailer.stories.models import Story, StorySource, StorySourceItem
from mailer.stories.record_source_items import Recorded, make_and_update_drafts, preview_items
from mailer.stories.sources.reader_interface import SourceItem, SourceResult
from mailer.stories.sources.word_documents import MAX_BYTES, read_document
from subscribers.imports import uploads_and_staging


@dataclass(frozen=True)
class DocumentStory:
    """A story of a document: the item, what becomes of it, and its translations in the same document."""

    item: SourceItem
    suggested: SuggestedStory
    translations: tuple[SuggestedStory, ...]
    # The id of the story that it became earlier.
    story: int | None = None

    @property
    def key(self) -> str:
        """Identifies it in a form."""
        return self.suggested.item_id


def store(chunks: Iterable[bytes]) -> str:
    """Keep an uploaded file for some days; returns its random name. Raises OSError."""
    return uploads_and_staging.store_upload(chunks)[0]


def read(name: str) -> SourceResult:
    """The stories of a kept file. Raises SourceError, and FileNotFoundError when it is no longer kept."""
    with uploads_and_staging.open_stored(name) as file:
        return read_document(file.read(MAX_BYTES + 1))


def get_or_create_document_source() -> StorySource:
    """The source of all documents."""
    source, _ = StorySource.objects.get_or_create(
        kind=StorySource.Kind.DOCUMENT, defaults={"name": gettext("Word documents"), "active": False}
    )
    return source


def preview_document_stories(items: Collection[SourceItem], now: datetime) -> list[DocumentStory]:
    """What would become of the items; nothing is written."""
    source = StorySource.objects.filter(kind=StorySource.Kind.DOCUMENT).first()
    source = source or StorySource(kind=StorySource.Kind.DOCUMENT)
    suggested = {one.item_id: one for one in preview_items(source, items, now)}
    rows = StorySourceItem.objects.filter(source__kind=StorySource.Kind.DOCUMENT, item_id__in=suggested)
    known = dict(rows.values_list("item_id", "story_id"))
    found = []
    for item in items:
        if item.translation_of or storable_item_id(item.id) not in suggested:
            continue
        others = (one for one in items if one.translation_of == item.id)
        translations = tuple(
            suggested[storable_item_id(one.id)] for one in others if storable_item_id(one.id) in suggested
        )
        key = storable_item_id(item.id)
        found.append(DocumentStory(item, suggested[key], translations, known.get(key)))
    return found


def fill_countries_from_single_country_author(
    items: Iterable[SourceItem], author_countries: Collection[str] | None
) -> tuple[SourceItem, ...]:
    """The items; those that state no country are about the only one that their author writes about."""
    if author_countries is None or len(author_countries) != 1:
        return tuple(items)
    return tuple(one if one.countries else replace(one, countries=tuple(author_countries)) for one in items)


def add(items: Collection[SourceItem], chosen: Collection[str], user: User, now: datetime) -> Recorded:
    """Make drafts of the chosen stories (DocumentStory.key) and their translations, written by `user`.

    A story that staff deleted earlier becomes a draft again.
    """
    source = get_or_create_document_source()
    wanted = [item for item in items if storable_item_id(item.translation_of or item.id) in chosen]
    StorySourceItem.objects.filter(
        source=source, item_id__in=[storable_item_id(item.id) for item in wanted], story=None
    ).delete()
    # The user who adds a story is one of its authors, and may not approve it.
    with LogContext(user=user):
        return make_and_update_drafts(source, wanted, now)


def undo(stories: Iterable[int], user: User) -> tuple[int, int]:
    """Delete drafts that `add` made, so that they can be added again; numbers of deleted and kept ones.

    A draft that another person changed, or that is ready, is kept.
    """
    deleted = kept = 0
    with transaction.atomic():
        source = get_or_create_document_source()
        own = StorySourceItem.objects.filter(source=source, story__in=list(stories)).values("story")
        for story in Story.objects.select_for_update().filter(pk__in=own):
            if story.live or story.latest_revision is None or story.latest_revision.user_id != user.pk:
                kept += 1
                continue
            StorySourceItem.objects.filter(source=source, story=story).delete()
            log(instance=story, action="wagtail.delete", user=user)
            story.delete()
            deleted += 1
    return deleted, kept
