"""Which pictures of the library an edition or a newsletter shows, besides those of its stories."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from mailer.editions.models import Edition, EditionQuerySet, Newsletter
from mailer.stories.models import Story


def unsent_editions() -> EditionQuerySet:
    """Editions without a mailing to subscribers, with their newest drafts."""
    unsent: EditionQuerySet = Edition.objects.exclude(snapshots__mailings__dry_run_to="")
    return unsent.select_related("latest_revision")


def draft_content(subject: Edition | Story) -> dict[str, Any] | None:
    """The content of the newest draft; None where it is that of the row."""
    draft = subject.latest_revision if subject.has_unpublished_changes else None
    content: dict[str, Any] | None = draft.content if draft else None
    return content


def picture_ids_in(blocks: Iterable[Any]) -> set[int]:
    """Primary keys of the pictures of blocks as they are stored; those of stories are not among them."""
    values = (raw["value"] for raw in blocks)
    return {int(value["picture"]) for value in values if isinstance(value, dict) and value.get("picture")}


def pictures_of(edition: Edition) -> set[int]:
    """Primary keys of the pictures of its blocks, and of those that it shows in place of the stories' own.

    Of its newest draft.
    """
    content = draft_content(edition) or edition.serializable_data()
    of_stories = {one["picture"] for one in content["overrides"] if one["picture"]}
    return of_stories | picture_ids_in(json.loads(content["body"] or "[]"))


def newsletters_with_logo(picture: int) -> list[int]:
    """Primary keys of the newsletters whose logo it is, in the light or the dark."""
    found = Newsletter.objects.filter(Q(logo=picture) | Q(logo_dark=picture))
    return list(found.values_list("pk", flat=True))


def logos() -> set[int]:
    """Primary keys of the logos of all newsletters."""
    rows = Newsletter.objects.values_list("logo", "logo_dark")
    return {picture for row in rows for picture in row if picture is not None}
