"""Records entries that a source has for the first time: in batches, each in one transaction.

An entry becomes a draft, is merged into the story that it repeats, or joins the story that it translates.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Literal

from django.db import connection, transaction
from django.db.models import Q
from django.utils.text import slugify

from mailer.insert_rows import build_object, insert_objects, insert_rows
from mailer.stories import bulk_insert_drafts, duplicates, source_change_and_merge_decisions
from mailer.stories.draft_fields_from_source_entry import (
    SourceContext,
    SuggestedStory,
    comparison_entry,
    digest_of,
    safe_link,
    storable_item_id,
    suggest_story,
    suggestions_with_reasons,
)
from mailer.stories.models import Story, StorySource, StorySourceItem, StorySourceItemKey
from mailer.stories.source_item_matching import Candidates
from mailer.stories.source_item_pictures import Picture, try_load_picture
from mailer.stories.sources.reader_interface import SourceItem
from mailer.stories.suggestion_context import context_of

# Entries of one transaction, and bytes of their pictures: other writers wait for its end.
_AT_ONCE, _PICTURES = 50, 16 << 20
# Key of the advisory lock on PostgreSQL, under which one worker at a time compares and adds entries.
_LOCK = 0x5049_7465_6D

log = logging.getLogger(__name__)

Done = tuple[Literal["added", "merged", "updated"], Story | None]


@dataclass(frozen=True)
class Skipped:
    """An entry that could not be recorded; the log has the error."""

    item: SourceItem


@dataclass(frozen=True)
class Prepared:
    """What is there already of new and changed entries, by their ids; the rest is made when recording."""

    pictures: Mapping[str, Picture] = field(default_factory=dict)
    stories: Mapping[str, SuggestedStory] = field(default_factory=dict)
    # Those that the limited processes could not do; without limits they would hold up everything else.
    refused: Collection[str] = ()

    def suggestion(self, context: SourceContext, item: SourceItem, now: datetime) -> SuggestedStory:
        """The draft that the entry becomes. Raises ValueError for one that was refused."""
        if item.id in self.refused:
            raise ValueError("the entry needs too much time or memory")
        return self.stories.get(item.id) or suggest_story(context, item, now)


@dataclass(frozen=True)
class _NewEntry:
    item: SourceItem
    story: SuggestedStory
    picture: Picture
    context: SourceContext
    keys: frozenset[str]

    def compared(self) -> duplicates.Entry:
        """What the entry is compared by."""
        return comparison_entry(self.context, self.story, self.picture.digest)


def record_new(
    source: StorySource,
    items: Iterable[SourceItem],
    now: datetime,
    prepared: Prepared,
    *,
    allow_loopback: bool,
) -> Iterator[Done | Skipped]:
    """Record each of the entries, or skip it."""
    batch: list[_NewEntry] = []
    context = context_of(source)
    for item in items:
        try:
            # Not within the transaction: a slow server of pictures would hold up all other writers.
            batch.append(_prepare(context, item, now, prepared, allow_loopback=allow_loopback))
        except Exception:
            # An entry is hostile input: no error in it keeps the others out.
            log.exception("action=record_item source=%s", source.pk)
            yield Skipped(item)
        if len(batch) >= _AT_ONCE or sum(len(one.picture.data) for one in batch) > _PICTURES:
            yield from _record_batch(source, batch, now)
            batch = []
    yield from _record_batch(source, batch, now)


def _prepare(
    context: SourceContext, item: SourceItem, now: datetime, prepared: Prepared, *, allow_loopback: bool
) -> _NewEntry:
    story = prepared.suggestion(context, item, now)
    picture = prepared.pictures.get(item.id) or try_load_picture(item, allow_loopback=allow_loopback)
    keys = frozenset((*story.keys, *duplicates.picture_keys(picture.digest)))
    return _NewEntry(item, story, picture, context, keys)


def _record_batch(source: StorySource, batch: list[_NewEntry], now: datetime) -> list[Done | Skipped]:
    """All of the batch; one after another where one of them makes the database fail."""
    try:
        return [*_record(source, batch, now)] if batch else []
    except Exception:
        if len(batch) > 1:
            return [done for one in batch for done in _record_batch(source, [one], now)]
        log.exception("action=record_item source=%s", source.pk)
        return [Skipped(one.item) for one in batch]


@transaction.atomic
def _record(source: StorySource, batch: list[_NewEntry], now: datetime) -> list[Done]:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    # Another worker may have been faster.
    ids = [one.story.item_id for one in batch]
    listed = StorySourceItem.objects.filter(source=source, item_id__in=ids)
    there = frozenset(listed.values_list("item_id", flat=True))
    fresh = [one for one in batch if one.story.item_id not in there]
    joining = _translations(source, fresh)
    done = _place(source, [one for one in fresh if one.story.item_id not in joining], now)
    for one in fresh:
        if one.story.item_id in joining:
            done.append(_join(source, one, now))
    return done + [("added", None)] * len(there)


def _translations(source: StorySource, batch: list[_NewEntry]) -> set[str]:
    """The ids of those that translate another entry, or are translated by one, as the source states it.

    Also of those that translate the same entry, which the source itself does not list any more.
    """
    ids = {one.story.item_id for one in batch}
    named = Counter(storable_item_id(one.item.translation_of) for one in batch if one.item.translation_of)
    of_source = StorySourceItem.objects.filter(source=source)
    known = of_source.filter(Q(item_id__in=named) | Q(translation_of__in=ids) | Q(translation_of__in=named))
    linked = set(known.values_list("item_id", "translation_of"))
    stored, translated = ({pair[at] for pair in linked} - {""} for at in (0, 1))
    several = {original for original, number in named.items() if number > 1}
    return {
        one.story.item_id
        for one in batch
        if one.story.item_id in translated
        or (
            one.item.translation_of
            and storable_item_id(one.item.translation_of) in stored | ids | translated | several
        )
    }


def _place(source: StorySource, batch: list[_NewEntry], now: datetime) -> list[Done]:
    """Make a draft of each entry that repeats no story, also none of an entry before it in the batch."""
    candidates = Candidates([one.keys for one in batch])
    name = slugify(source.name)[:60] or "source"
    keys = [f"{name}-{_digest_of(source, one.story)}" for one in batch]
    known = {story.key: story for story in Story.objects.filter(key__in=keys)}
    rows: list[StorySourceItem] = []
    drafts: list[bulk_insert_drafts.Draft] = []
    for one, key in zip(batch, keys, strict=True):
        row = _row(source, one, now)
        compared = cache(one.compared)
        match, other = candidates.best(compared, one.keys)
        if match is not None and other is not None and match.kind == "same":
            row.story, row.role, row.similar_reason = other.story, row.Role.DUPLICATE, match.sign
            row.reviewed_at = now
        elif key in known:
            # Of a source that was deleted and added again.
            row.story = known[key]
        else:
            draft = bulk_insert_drafts.store_picture_and_build_draft(
                key, one.story.values, one.picture, one.story.headline, now
            )
            row.story = draft.story
            drafts.append(draft)
        if row.role == row.Role.ORIGIN and match is not None and other is not None:
            row.similar_to, row.similar_reason = other.story, match.sign
        rows.append(row)
        candidates.add(row, compared, one.keys)
    bulk_insert_drafts.store_drafts(drafts)
    _store(rows, batch)
    return [("merged" if row.role == row.Role.DUPLICATE else "added", row.story) for row in rows]


def _digest_of(source: StorySource, story: SuggestedStory) -> str:
    return hashlib.sha256(f"{source.url} {story.item_id}".encode()).hexdigest()[:16]


def _row(source: StorySource, one: _NewEntry, now: datetime) -> StorySourceItem:
    return build_object(
        StorySourceItem,
        source_id=source.pk,
        item_id=one.story.item_id,
        digest=digest_of(one.item),
        link=one.story.link,
        language=one.story.language,
        published=one.story.published,
        modified=one.item.updated,
        translation_of=storable_item_id(one.item.translation_of),
        first_seen_at=now,
        seen_at=now,
        picture_url=safe_link(one.item.picture_url),
        picture_digest=one.picture.digest,
        picture_problem=one.picture.problem[:400],
        content=one.story.values,
        suggestion=suggestions_with_reasons(one.story),
    )


def _store(rows: list[StorySourceItem], batch: list[_NewEntry]) -> None:
    for row in rows:
        # The story has its primary key by now.
        row.story = row.story
    insert_objects(rows)
    keys = ((row.pk, key) for row, one in zip(rows, batch, strict=True) for key in one.keys)
    insert_rows(StorySourceItemKey, ("item_id", "key"), keys, keys_wanted=False)


def _join(source: StorySource, one: _NewEntry, now: datetime) -> Done:
    """Let the text of a translation join the story of the entry that its source names."""
    row = _row(source, one, now)
    original = _stated_original(row)
    if original is None:
        return _place(source, [one], now)[0]
    if original.story_id is not None:
        story = Story.objects.select_for_update().get(pk=original.story_id)
        if not source_change_and_merge_decisions.add_translation_to_draft(story, row):
            # It has another text in this language.
            return _place(source, [one], now)[0]
        row.story = story
    # Without a story: staff deleted it.
    row.role = row.Role.TRANSLATION
    _store([row], [one])
    return "merged", row.story


def _stated_original(row: StorySourceItem) -> StorySourceItem | None:
    """The entry of the same source that this one translates, or that translates this one, as stated.

    Else another translation of an entry that the source does not list.
    """
    others = StorySourceItem.objects.filter(source=row.source_id)
    found = others.filter(item_id=row.translation_of).first() if row.translation_of else None
    found = found or others.filter(translation_of=row.item_id).first()
    if found is None and row.translation_of:
        return others.filter(translation_of=row.translation_of).order_by("pk").first()
    return found
