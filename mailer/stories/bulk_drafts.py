"""Stores many new draft stories at once, with few queries: each is stored as if it had been saved alone.

A draft has its texts, a revision, an entry of the audit log, its place in the search index and a record of
authorship, as with `Story.save` and `save_revision`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models import CharField, OuterRef, Subquery
from django.db.models.functions import Cast
from django.utils import timezone
from modelcluster.models import get_field_value
from wagtail.log_actions import get_active_log_context, log
from wagtail.models import ModelLogEntry, ReferenceIndex, Revision

from mailer.audit_log import chain
from mailer.insert_rows import insert_objects, insert_rows, reserve_keys
from mailer.stories import search_entries, story_drafts
from mailer.stories.models import Story
from mailer.stories.sanitize_pictures import store_picture
from mailer.stories.signals import drafts_added
from mailer.stories.source_item_pictures import Picture
from mailer.stories.translations import note_sources

_ACTION = "wagtail.edit"
_FROM_SOURCES = ("key", *story_drafts.ABOUT, "source_language")
# Types whose values a revision holds as they are.
_AS_THEY_ARE = (str, int, bool)


def build(key: str, values: Mapping[str, str], picture: Picture, headline: str, now: datetime) -> Story:
    """A draft that `store` can store; its picture is stored already.

    `key`: one that no story has. `values`: by the names of `story_drafts.values_of`. `headline`: the title of
    the picture. Raises ValidationError.
    """
    story = Story(key=key, live=False, created_at=now, has_unpublished_changes=True)
    story_drafts.apply(story, values)
    if picture.data:
        story.picture = store_picture(picture.name, picture.data, headline, None)
    note_sources(story, {})
    # The other fields have their defaults.
    rest = {field.name for field in story._meta.concrete_fields}.difference(_FROM_SOURCES)
    story.full_clean(exclude=rest, validate_unique=False, validate_constraints=False)
    return story


@transaction.atomic
def store(stories: list[Story]) -> None:
    """Store new drafts, of no user."""
    if not stories:
        return
    # The database checks at the end of the transaction that the revisions are there.
    keys = reserve_keys(Revision, len(stories))
    for story, key in zip(stories, keys, strict=False):
        story.latest_revision_id = key
    insert_objects(stories)
    texts = [(story, text) for story in stories for text in story.texts.all()]
    for story, text in texts:
        text.story = story
    insert_objects([text for _, text in texts])
    revisions = _add_revisions(stories)
    _add_log_entries(stories, revisions)
    search_entries.add_new(stories)
    for story in stories:
        # The texts of a source link to other sites alone: a draft refers to no object but its picture.
        if story.picture_id:
            ReferenceIndex.create_or_update_for_object(story)
    drafts_added.send(sender=Story, stories=stories, revisions=revisions)


def _add_revisions(stories: list[Story]) -> list[Revision]:
    kind, now = ContentType.objects.get_for_model(Story), timezone.now()
    revisions = [
        Revision(
            pk=story.latest_revision_id,
            content_type_id=kind.pk,
            base_content_type_id=kind.pk,
            object_id=str(story.pk),
            content=_content_of(story),
            object_str=str(story),
            created_at=now,
        )
        for story in stories
    ]
    insert_objects(revisions)
    if stories[0].latest_revision_id is None:
        own = Revision.objects.filter(base_content_type=kind, object_id=Cast(OuterRef("pk"), CharField()))
        Story.objects.filter(pk__in=[story.pk for story in stories]).update(
            latest_revision=Subquery(own.values("pk")[:1])
        )
    for story, revision in zip(stories, revisions, strict=True):
        story.latest_revision = revision
    return revisions


def _content_of(story: Story) -> dict[str, Any]:
    """As `story.serializable_data` gives it, which asks each field several questions."""
    return {
        "pk": story.pk,
        **_values_of(story),
        # As a draft has it before its first revision.
        "latest_revision": None,
        "texts": [{"pk": text.pk, **_values_of(text)} for text in story.texts.all()],
    }


def _values_of(row: models.Model) -> dict[str, Any]:
    found: dict[str, Any] = {}
    fields: Sequence[Any] = row._meta.concrete_fields
    for field in fields:
        if field.serialize:
            value = getattr(row, field.attname)
            plain = value is None or type(value) in _AS_THEY_ARE
            found[field.name] = value if plain else get_field_value(field, row)
    return found


def _add_log_entries(stories: list[Story], revisions: list[Revision]) -> None:
    pairs = list(zip(stories, revisions, strict=True))
    if get_active_log_context().user is not None:
        # An upload: the entries name the member of staff.
        for story, revision in pairs:
            log(instance=story, action=_ACTION, revision=revision, content_changed=True)
        return
    kind, now = ContentType.objects.get_for_model(Story, for_concrete_model=False), timezone.now()
    entries = insert_rows(
        ModelLogEntry,
        ("content_type_id", "object_id", "label", "action", "timestamp", "revision_id", "content_changed"),
        (
            (kind.pk, revision.object_id, revision.object_str, _ACTION, now, revision.pk, True)
            for _, revision in pairs
        ),
    )
    chain.append_all(entries)
