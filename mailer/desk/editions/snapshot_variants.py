"""The variants of a snapshot, each under the countries of the readers who get it."""

from __future__ import annotations

from django.utils import timezone

from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.approval.submit import VARIANT_LIMIT
from mailer.desk.editions.variants import Choice, choices
from mailer.editions.audience import Audience
from mailer.rendering import story_selection, variants
from mailer.rendering.records import Content


def choices_of(snapshot: Snapshot, content: Content) -> list[tuple[Choice, SnapshotVariant]]:
    """Every snapshot variant with the readers who would get it now, most readers first."""
    wanted = {
        choice.key: choice
        for choice in choices(content, Audience.from_dict(snapshot.audience, timezone.now()).combinations())
    }
    unwanted = _representatives(content)
    listed = [
        (wanted.get(row.key) or _unread(row, unwanted.get(row.key) or _places_of(row, content)), row)
        for row in snapshot.variants.order_by("pk")
    ]
    return sorted(listed, key=lambda pair: -pair[0].readers)


def _unread(row: SnapshotVariant, countries: tuple[str, ...]) -> Choice:
    """A variant that nobody gets now, under the countries of a reader who would."""
    return Choice(row.key, countries, row.language, 0, len(row.stories.split(",")))


def _representatives(content: Content) -> dict[str, tuple[str, ...]]:
    """For every variant that could be, countries of a reader who would get it: {key: countries}."""
    pairs, _ = variants.possible(content, VARIANT_LIMIT)
    return {
        story_selection.variant_key(story_selection.story_set(content, countries), language): countries
        for countries, language in pairs
    }


def _places_of(row: SnapshotVariant, content: Content) -> tuple[str, ...]:
    """The countries of the variant's stories, for a copy that was frozen by an earlier version."""
    keys = set(row.stories.split(","))
    told = (code for story in content.stories if story.key in keys for code in story.countries)
    return tuple(dict.fromkeys(told))
