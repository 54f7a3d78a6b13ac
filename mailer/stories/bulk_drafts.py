"""Stores many new draft stories at once, with few queries: each is stored as if it had been saved alone.

A draft has its texts, a revision, an entry of the audit log, its place in the search index and a record of
authorship, as with `Story.save` and `save_revision`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import CharField, OuterRef, Subquery
from django.db.models.functions import Cast
from django.utils import timezone
from wagtail.log_actions import get_active_log_context, log
from wagtail.models import ModelLogEntry, ReferenceIndex, Revision
from wagtail.search.backends import get_search_backends

from mailer.audit_log import chain
from mailer.stories import story_drafts
from mailer.stories.entry_pictures import Picture
from mailer.stories.models import Story, StoryText
from mailer.stories.sanitize_pictures import store_picture
from mailer.stories.signals import drafts_added
from mailer.stories.translations import note_sources

_ACTION = "wagtail.edit"


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
    story.full_clean(validate_unique=False, validate_constraints=False)
    return story


@transaction.atomic
def store(stories: list[Story]) -> None:
    """Store new drafts, of no user."""
    if not stories:
        return
    Story.objects.bulk_create(stories)
    for story in stories:
        for text in story.texts.all():
            text.story = story
    StoryText.objects.bulk_create([text for story in stories for text in story.texts.all()])
    revisions = _add_revisions(stories)
    _add_log_entries(stories, revisions)
    for backend in get_search_backends(with_auto_update=True):
        backend.add_bulk(Story, stories)
    for story in stories:
        # The texts of a source link to other sites alone: a draft refers to no object but its picture.
        if story.picture_id:
            ReferenceIndex.create_or_update_for_object(story)
    drafts_added.send(sender=Story, stories=stories, revisions=revisions)


def _add_revisions(stories: list[Story]) -> list[Revision]:
    kind, now = ContentType.objects.get_for_model(Story), timezone.now()
    revisions: list[Revision] = Revision.objects.bulk_create(
        Revision(
            content_type=kind,
            base_content_type=kind,
            object_id=str(story.pk),
            content=story.serializable_data(),
            object_str=str(story),
            created_at=now,
        )
        for story in stories
    )
    own = Revision.objects.filter(base_content_type=kind, object_id=Cast(OuterRef("pk"), CharField()))
    Story.objects.filter(pk__in=[story.pk for story in stories]).update(
        latest_revision=Subquery(own.values("pk")[:1])
    )
    for story, revision in zip(stories, revisions, strict=True):
        story.latest_revision = revision
    return revisions


def _add_log_entries(stories: list[Story], revisions: list[Revision]) -> None:
    pairs = list(zip(stories, revisions, strict=True))
    if get_active_log_context().user is not None:
        # An upload: the entries name the member of staff.
        for story, revision in pairs:
            log(instance=story, action=_ACTION, revision=revision, content_changed=True)
        return
    kind, now = ContentType.objects.get_for_model(Story, for_concrete_model=False), timezone.now()
    entries = ModelLogEntry.objects.bulk_create(
        ModelLogEntry(
            content_type=kind,
            object_id=str(story.pk),
            label=str(story),
            action=_ACTION,
            timestamp=now,
            revision=revision,
            content_changed=True,
            data={},
        )
        for story, revision in pairs
    )
    chain.append_all([entry.pk for entry in entries])
