"""The latest draft of an edition as it would be submitted now, and what preflight says of it."""

from __future__ import annotations

from django.utils import timezone

from mailer.approval.draft_check_cache import DraftResult, check_draft
from mailer.editions.audience import Audience
from mailer.editions.cached_audience_counts import PageCount
from mailer.editions.models import Edition
from mailer.editions.rendering_input import content_of
from mailer.rendering.data_types import Content


def current_content(edition: Edition) -> tuple[Edition, Content, Audience]:
    """The edition with its latest saved changes, its content, and its audience, as submitted now."""
    # As `get_latest_revision_as_object` does, without loading the edition again.
    revision = edition.latest_revision
    latest: Edition = edition.with_content_json(revision.content) if revision else edition
    if latest.newsletter_id == edition.newsletter_id:
        latest.newsletter = edition.newsletter
    return latest, content_of(latest), Audience.of_edition(latest, timezone.now())


def run_preflight(edition: Edition, content: Content, counted: PageCount) -> DraftResult:
    """What preflight says of the edition for the audience as it was counted."""
    return check_draft(edition, content, counted.combinations, timezone.now())
