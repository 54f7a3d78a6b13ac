"""Which lists a newsletter reaches its readers through."""

from __future__ import annotations

from mailer.editions.models import Newsletter


def list_ids(newsletter_id: int) -> tuple[int, ...]:
    """Ids of the newsletter's lists, in order; none for a newsletter that does not exist."""
    through = Newsletter.lists.through.objects.filter(newsletter_id=newsletter_id)
    return tuple(through.order_by("mailinglist_id").values_list("mailinglist_id", flat=True))
