"""The lists that a newsletter is sent to, which `subscribers` asks for without knowing newsletters."""

from __future__ import annotations

from mailer.editions.models import Newsletter
from subscribers.unsubscribe import register_newsletter_lists


def connect() -> None:
    """Register `list_ids`; called once when the application is ready."""
    register_newsletter_lists(list_ids)


def list_ids(newsletter_id: int) -> tuple[int, ...]:
    """Ids of the newsletter's lists, in order; none for a newsletter that does not exist."""
    through = Newsletter.lists.through.objects.filter(newsletter_id=newsletter_id)
    return tuple(through.order_by("mailinglist_id").values_list("mailinglist_id", flat=True))
