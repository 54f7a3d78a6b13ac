"""The variants of a snapshot, each with the countries and the number of its subscribers."""

from __future__ import annotations

from django.utils import timezone

from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.approval.submit import VARIANT_LIMIT
from mailer.desk.editions.variants import VariantChoice, variant_choices
from mailer.editions.audience import Audience
from mailer.rendering import story_selection, variants
from mailer.rendering.records import Content


def snapshot_choices(snapshot: Snapshot, content: Content) -> list[tuple[VariantChoice, SnapshotVariant]]:
    """Every variant of the snapshot with the subscribers who would get it now, largest first."""
    current = {
        choice.key: choice
        for choice in variant_choices(
            content, Audience.from_dict(snapshot.audience, timezone.now()).combinations()
        )
    }
    possible = _countries_by_key(content)
    listed = [
        (
            current.get(row.key)
            or _without_subscribers(row, possible.get(row.key) or _story_countries(row, content)),
            row,
        )
        for row in snapshot.variants.order_by("pk")
    ]
    return sorted(listed, key=lambda pair: -pair[0].subscribers)


def _without_subscribers(row: SnapshotVariant, countries: tuple[str, ...]) -> VariantChoice:
    """A variant that no subscriber gets now, with countries for which it would be chosen."""
    return VariantChoice(row.key, countries, row.language, 0, len(row.stories.split(",")))


def _countries_by_key(content: Content) -> dict[str, tuple[str, ...]]:
    """Countries that lead to each possible variant: {key: countries}."""
    pairs, _ = variants.possible_variants(content, VARIANT_LIMIT)
    return {
        story_selection.variant_key(story_selection.story_set(content, countries), language): countries
        for countries, language in pairs
    }


def _story_countries(row: SnapshotVariant, content: Content) -> tuple[str, ...]:
    """The countries of the variant's stories, for a snapshot of an earlier version of the software."""
    keys = set(row.stories.split(","))
    codes = (code for story in content.stories if story.key in keys for code in story.countries)
    return tuple(dict.fromkeys(codes))
