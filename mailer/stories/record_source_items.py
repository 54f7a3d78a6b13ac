"""Entries of sources become draft stories: each once, with suggestions for staff to accept or correct.

An entry that repeats a story is merged into it; one that its source calls a translation joins the story as
another language. A story that staff deleted does not come back. What the source changes later is in
source_change_and_merge_decisions.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from django.db import transaction

from mailer.stories import source_change_and_merge_decisions
from mailer.stories.draft_fields_from_source_entry import (
    Outcome,
    SuggestedStory,
    comparison_entry,
    digest_of,
    safe_link,
    storable_item_id,
    suggest_story,
    suggestions_with_reasons,
)
from mailer.stories.draft_or_merge_new_items import Done, Prepared, Skipped, record_new
from mailer.stories.models import Story, StorySource, StorySourceItem
from mailer.stories.sanitize_pictures import find_or_add_picture
from mailer.stories.source_item_matching import find_match, query_batches
from mailer.stories.source_item_pictures import Picture, try_load_picture
from mailer.stories.sources.reader_interface import SourceItem
from mailer.stories.suggestion_context import context_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recorded:
    """What became of the entries of one poll."""

    added: tuple[Story, ...] = ()
    # Stories whose source changed them: drafts that were updated, and those that wait for staff.
    updated: tuple[Story, ...] = ()
    # Stories that an entry repeats or translates.
    merged: tuple[Story, ...] = ()
    # Entries that could not be recorded; the log has the errors.
    skipped: tuple[SourceItem, ...] = ()


def make_and_update_drafts(
    source: StorySource,
    items: Iterable[SourceItem],
    now: datetime,
    *,
    prepared: Prepared | None = None,
    allow_loopback: bool = False,
) -> Recorded:
    """Make a draft of every new entry, and note what changed in the others. `now` is aware UTC.

    New entries are recorded in batches, each in one transaction, and changed ones one by one; an error in one
    entry is logged, and the others go on.
    `prepared`: what is made of new entries already; the rest is made here.
    `allow_loopback`: of the pictures' servers, for tests. `items_removed_at_source` notes what is missing.
    """
    given = {storable_item_id(item.id): item for item in items}
    rows = _rows(source, given)
    digests = {key: digest_of(given[key]) for key in rows}
    same = [row.pk for key, row in rows.items() if row.digest == digests[key]]
    for part in query_batches(same):
        StorySourceItem.objects.filter(pk__in=part).update(seen_at=now, missing_since=None, removed_at=None)
    ready = prepared or Prepared()
    results: list[Done | Skipped] = []
    for row, entries in _by_row(given, rows, digests):
        if row is None:
            results += record_new(source, entries, now, ready, allow_loopback=allow_loopback)
        else:
            results += _record_change(row, entries[0], now, ready, allow_loopback=allow_loopback)
    stories: dict[str, list[Story]] = {"added": [], "updated": [], "merged": []}
    skipped: list[SourceItem] = []
    for result in results:
        if isinstance(result, Skipped):
            skipped.append(result.item)
        elif result[1] is not None:
            stories[result[0]].append(result[1])
    added, updated, merged = map(tuple, stories.values())
    return Recorded(added, updated, merged, tuple(skipped))


def items_with_picture_to_load(source: StorySource, items: Iterable[SourceItem]) -> list[SourceItem]:
    """The entries whose picture is still to be loaded: new ones, and those that have another one now."""
    given = {storable_item_id(item.id): item for item in items if item.picture_url and not item.picture}
    rows = _rows(source, given)
    return [
        item
        for key, item in given.items()
        if (row := rows.get(key)) is None or (row.digest != digest_of(item) and _has_other_picture(row, item))
    ]


def _has_other_picture(row: StorySourceItem, item: SourceItem) -> bool:
    """Whether the entry's picture may be another one than before."""
    has_lost = bool(row.picture_digest) and not item.picture_url
    return bool(item.picture) or has_lost or safe_link(item.picture_url) != row.picture_url


def new_and_changed_items(source: StorySource, items: Iterable[SourceItem]) -> list[SourceItem]:
    """The entries that are not recorded yet, and those that are another than recorded."""
    given = {storable_item_id(item.id): item for item in items}
    rows = _rows(source, given)
    return [
        item for key, item in given.items() if (row := rows.get(key)) is None or row.digest != digest_of(item)
    ]


def preview_items(source: StorySource, items: Iterable[SourceItem], now: datetime) -> list[SuggestedStory]:
    """What `make_and_update_drafts` would make of the entries; writes nothing and fetches no picture."""
    given = {storable_item_id(item.id): item for item in items}
    rows = _rows(source, given) if source.pk else {}
    context, found = context_of(source), []
    for key, item in given.items():
        try:
            story = suggest_story(context, item, now)
        except Exception:
            log.exception("action=preview_item source=%s", source.pk)
            continue
        row = rows.get(key)
        if row is not None:
            changed: Outcome = "changed" if row.digest != digest_of(item) else "known"
            found.append(replace(story, outcome="deleted" if row.story_id is None else changed))
            continue
        match, other = find_match(comparison_entry(context, story, ""))
        if match is None:
            found.append(story)
        else:
            same: Outcome = "duplicate" if other and other.story_id else "deleted"
            found.append(replace(story, outcome=same if match.kind == "same" else "new", match=match))
    return found


# Recording.

_ROW = ("source", "item_id", "digest", "language", "story", "picture_url", "picture_digest")


def _rows(source: StorySource, given: dict[str, SourceItem]) -> dict[str, StorySourceItem]:
    found: dict[str, StorySourceItem] = {}
    for part in query_batches(given):
        rows = StorySourceItem.objects.filter(source=source, item_id__in=part)
        found |= {row.item_id: row for row in rows.only(*_ROW)}
    return found


def _originals_first(given: dict[str, SourceItem]) -> Iterator[tuple[str, SourceItem]]:
    """The entries, oldest first, translations behind what they translate."""
    ordered = list(reversed(given.items()))
    yield from (pair for pair in ordered if storable_item_id(pair[1].translation_of) not in given)
    yield from (pair for pair in ordered if storable_item_id(pair[1].translation_of) in given)


def _by_row(
    given: dict[str, SourceItem], rows: Mapping[str, StorySourceItem], digests: Mapping[str, str]
) -> Iterator[tuple[StorySourceItem | None, list[SourceItem]]]:
    """New entries that follow each other with None, and each that was changed with its row."""
    for row, pairs in groupby(_originals_first(given), key=lambda pair: rows.get(pair[0])):
        entries = list(pairs)
        if row is None or row.digest != digests[entries[0][0]]:
            yield row, [item for _key, item in entries]


def _record_change(
    row: StorySourceItem,
    item: SourceItem,
    now: datetime,
    prepared: Prepared,
    *,
    allow_loopback: bool,
) -> list[Done | Skipped]:
    """Note what the source changed in an entry; update its draft if staff have not touched it.

    An untouched draft whose language was another one is made anew: it may be the same as another story.
    """
    try:
        suggested, digest = prepared.suggestion(context_of(row.source), item, now), digest_of(item)
        if suggested.language == row.language or not _delete_untouched_draft(row, digest):
            picture = None
            if _has_other_picture(row, item):
                # Not within the transaction either: a slow server would hold up all other writers.
                picture = prepared.pictures.get(item.id) or try_load_picture(
                    item, allow_loopback=allow_loopback
                )
            return [_note_change(row, item, suggested, picture, now)]
    except Exception:
        # An entry is hostile input: no error in it keeps the others out.
        log.exception("action=record_item source=%s", row.source_id)
        return [Skipped(item)]
    # Not within a transaction, because of the picture. After a crash here the next poll makes it.
    made = record_new(row.source, [item], now, prepared, allow_loopback=allow_loopback)
    return [
        ("updated", done[1]) if not isinstance(done, Skipped) and done[0] == "added" else done
        for done in made
    ]


@transaction.atomic
def _note_change(
    row: StorySourceItem, item: SourceItem, suggested: SuggestedStory, picture: Picture | None, now: datetime
) -> Done:
    held = StorySourceItem.objects.select_for_update(of=("self",)).get(pk=row.pk)
    digest = digest_of(item)
    if held.digest == digest:
        return "updated", None
    held.digest, held.seen_at, held.missing_since, held.removed_at = digest, now, None, None
    held.modified = item.updated or held.modified
    held.save(update_fields=["digest", "seen_at", "missing_since", "removed_at", "modified"])
    before = held.picture_digest
    offered = None if picture is None else _new_picture(held, item, picture, suggested.headline)
    changed = source_change_and_merge_decisions.apply_or_hold_any_change(
        held,
        suggested.values,
        suggestions_with_reasons(suggested),
        now,
        source_change_and_merge_decisions.PictureChange.of(offered, before),
    )
    return "updated", held.story if changed else None


def _new_picture(held: StorySourceItem, item: SourceItem, picture: Picture, title: str) -> str | None:
    """Store another picture than the entry had: its primary key, "" for none; None where it is the same."""
    held.picture_url, held.picture_problem = safe_link(item.picture_url), picture.problem[:400]
    is_other = not picture.problem and picture.digest != held.picture_digest
    if is_other:
        held.picture_digest = picture.digest
    held.save(update_fields=["picture_url", "picture_problem", "picture_digest"])
    if not is_other:
        return None
    return str(find_or_add_picture(picture.name, picture.data, title, None).pk) if picture.data else ""


@transaction.atomic
def _delete_untouched_draft(row: StorySourceItem, digest: str) -> bool:
    """Delete the entry and its draft, unless staff touched the draft or the entry is as it was."""
    held = StorySourceItem.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if held.digest == digest or not source_change_and_merge_decisions.draft_may_be_remade(held):
        return False
    story = held.story
    held.delete()
    if story is not None:
        story.delete()
    return True
