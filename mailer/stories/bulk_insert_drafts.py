"""Stores many new draft stories at once, with few queries: each is stored as if it had been saved alone.

A draft has its texts, a revision, an entry of the audit log, its place in the search index and a record of
authorship, as with `Story.save` and `save_revision`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models import CharField, OuterRef, Subquery
from django.db.models.functions import Cast
from django.utils import timezone
from modelcluster.models import get_field_value
from wagtail.log_actions import get_active_log_context, log
from wagtail.models import ModelLogEntry, ReferenceIndex, Revision

from mailer.audit_log import chain
from mailer.insert_rows import build_object, insert_objects, insert_rows, reserve_keys
from mailer.stories import bulk_search_index, draft_editing
from mailer.stories.models import Story, StoryText, choose_headline
from mailer.stories.sanitize_pictures import find_or_add_picture
from mailer.stories.signals import drafts_added
from mailer.stories.source_item_pictures import Picture
from mailer.stories.translation_states import PARTS, set_translation_sources_of_texts_unsaved

_ACTION = "wagtail.edit"
# Fields that may have a value which a story refuses; the others are made here.
_CHECKED = ("key", "kind", "zone", "countries", "link", "source_language")
# Types whose values a revision holds as they are.
_AS_THEY_ARE = (str, int, bool)


class Draft(NamedTuple):
    """A story that is not stored yet; its texts are no part of it until they are."""

    story: Story
    texts: list[StoryText]


def store_picture_and_build_draft(
    key: str, values: Mapping[str, str], picture: Picture, picture_title: str, now: datetime
) -> Draft:
    """A draft that `store_drafts` can store; its picture is stored already.

    `key`: new. `values`: by the names of `draft_editing.values_of`. `picture_title`: the title of
    the picture. Raises ValidationError.
    """
    about = {
        name: draft_editing.parse_field(name, values[name])
        for name in draft_editing.ABOUT
        if name in values and name != "picture"
    }
    story = build_object(Story, key=key, created_at=now, has_unpublished_changes=True, live=False, **about)
    texts = _texts(values)
    if picture.data:
        story.picture = find_or_add_picture(picture.name, picture.data, picture_title, None)
    set_translation_sources_of_texts_unsaved(story, texts, {})
    story.clean_fields(_made_here())
    return Draft(story, texts)


def _texts(values: Mapping[str, str]) -> list[StoryText]:
    """The texts in which something is written."""
    parts: dict[str, dict[str, str]] = {}
    for field, value in values.items():
        part, _, language = field.partition("-")
        if part in PARTS:
            parts.setdefault(language, {})[part] = value
    texts = [build_object(StoryText, language=language, **written) for language, written in parts.items()]
    return [text for text in texts if draft_editing.is_written(text)]


@cache
def _made_here() -> frozenset[str]:
    return frozenset(field.name for field in Story._meta.concrete_fields).difference(_CHECKED)


@transaction.atomic
def store_drafts(drafts: list[Draft]) -> None:
    """Store new drafts: of the member of staff who uploads them, otherwise of no user."""
    if not drafts:
        return
    stories = [draft.story for draft in drafts]
    # The database checks at the end of the transaction that the revisions are there.
    keys = reserve_keys(Revision, len(stories))
    for story, key in zip(stories, keys, strict=False):
        story.latest_revision_id = key
    insert_objects(stories)
    for story, texts in drafts:
        for text in texts:
            text.story_id = story.pk
    insert_objects([text for draft in drafts for text in draft.texts])
    revisions = _add_revisions(drafts)
    _add_log_entries(stories, revisions)
    bulk_search_index.add_new(drafts)
    for story in stories:
        # The texts of a source link to other sites alone: a draft refers to no object but its picture.
        if story.picture_id:
            ReferenceIndex.create_or_update_for_object(story)
    drafts_added.send(sender=Story, stories=stories, revisions=revisions)


def _add_revisions(drafts: list[Draft]) -> list[Revision]:
    kind, now = ContentType.objects.get_for_model(Story), timezone.now()
    user = get_active_log_context().user
    revisions = [
        build_object(
            Revision,
            id=story.latest_revision_id,
            user_id=user.pk if user else None,
            content_type_id=kind.pk,
            base_content_type_id=kind.pk,
            object_id=str(story.pk),
            content=_content_of(story, texts),
            # As str(story) is.
            object_str=choose_headline(
                {text.language: text.headline for text in texts}, "en", story.created_at
            ),
            created_at=now,
        )
        for story, texts in drafts
    ]
    insert_objects(revisions)
    if drafts[0].story.latest_revision_id is None:
        own = Revision.objects.filter(base_content_type=kind, object_id=Cast(OuterRef("pk"), CharField()))
        Story.objects.filter(pk__in=[story.pk for story, _ in drafts]).update(
            latest_revision=Subquery(own.values("pk")[:1])
        )
    for draft, revision in zip(drafts, revisions, strict=True):
        draft.story.latest_revision_id = revision.pk
    return revisions


def _content_of(story: Story, texts: list[StoryText]) -> dict[str, Any]:
    """As `story.serializable_data` gives it, which asks each field several questions."""
    return {
        "pk": story.pk,
        **_values_of(story),
        # As a draft has it before its first revision.
        "latest_revision": None,
        "texts": [{"pk": text.pk, **_values_of(text)} for text in texts],
    }


def _values_of(row: models.Model) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, attribute, field in _serialized(type(row)):
        value = getattr(row, attribute)
        plain = value is None or type(value) in _AS_THEY_ARE
        found[name] = value if plain else get_field_value(field, row)
    return found


@cache
def _serialized(model: type[models.Model]) -> list[tuple[str, str, Any]]:
    """The fields that a revision holds: the name of each, that of its column, and the field."""
    fields: Sequence[Any] = model._meta.concrete_fields
    return [(one.name, one.attname, one) for one in fields if one.serialize]


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
