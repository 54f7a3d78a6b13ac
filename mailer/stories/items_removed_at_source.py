"""Entries that their source does not have any more: their stories are marked, and staff decide.

An entry is marked once it was missing twice in a row where the source's list is complete. No story is
changed or deleted because of it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from mailer.stories.draft_fields_from_source_entry import storable_item_id
from mailer.stories.models import Story, StorySource, StorySourceItem
from mailer.stories.source_item_matching import query_batches
from mailer.stories.sources.reader_interface import Listing

# More entries than that, and more than are left, do not disappear at once: the source's list is broken.
_AT_ONCE = 3

log = logging.getLogger(__name__)


def mark_removed_and_relisted(source: StorySource, listing: Listing | None, now: datetime) -> int:
    """Note which entries the source lists no more, and which it lists again; how many are marked now."""
    if listing is None:
        return 0
    rows = StorySourceItem.objects.filter(source=source)
    suspected = rows.filter(missing_since__lt=now, removed_at=None)
    if listing.repeated:
        return suspected.update(removed_at=now)
    ids = {storable_item_id(one) for one in listing.ids}
    if not ids:
        # An empty list is a mistake more often than the end of a site.
        return 0
    noted = rows.exclude(missing_since=None).values_list("pk", "item_id")
    _update(
        (pk for pk, item_id in noted if item_id in ids), missing_since=None, removed_at=None, kept_at=None
    )
    listed = _within(rows.filter(removed_at=None), listing).values_list("pk", "item_id")
    missing = [pk for pk, item_id in listed if item_id not in ids]
    if len(missing) > max(_AT_ONCE, len(ids)):
        log.warning("action=many_source_items_missing source=%d missing=%d", source.pk, len(missing))
        return 0
    confirmed = set(suspected.values_list("pk", flat=True))
    with transaction.atomic():
        _update((pk for pk in missing if pk not in confirmed), missing_since=now)
        return _update((pk for pk in missing if pk in confirmed), removed_at=now)


def removed_stories_to_decide(story_ids: Collection[int]) -> set[int]:
    """Those of the stories (primary keys) that no source has any more, while staff have not decided."""
    return set(removed_items_to_decide().filter(story__in=story_ids).values_list("story_id", flat=True))


def removed_items_to_decide() -> QuerySet[StorySourceItem]:
    """The entries whose stories no source has any more, and for which staff have not decided."""
    there = StorySourceItem.objects.filter(story=OuterRef("story"), removed_at=None)
    gone = StorySourceItem.objects.exclude(removed_at=None).filter(kept_at=None, story__isnull=False)
    return gone.exclude(Exists(there))


def keep_story(story: Story, now: datetime) -> None:
    """Remember that staff keep the story although no source has it any more."""
    StorySourceItem.objects.filter(story=story).exclude(removed_at=None).update(kept_at=now)


def _within(rows: QuerySet[StorySourceItem], listing: Listing) -> QuerySet[StorySourceItem]:
    """The entries that the list would have, were they still there."""
    if listing.since is not None:
        rows = rows.filter(Q(modified=None) | Q(modified__gt=listing.since), published__gt=listing.since)
    return rows.filter(published__lt=listing.until) if listing.until is not None else rows


def _update(pks: Iterable[int], **values: datetime | None) -> int:
    return sum(StorySourceItem.objects.filter(pk__in=part).update(**values) for part in query_batches(pks))
