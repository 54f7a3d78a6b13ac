"""The lists that the unsubscribe link of a newsletter ends: also those that it was sent to before."""

from __future__ import annotations

from django.db.models import Q

from mailer.approval.models import Snapshot
from mailer.editions.audience import list_ids
from mailer.editions.models import Newsletter
from subscribers.unsubscribe import register_newsletter_lists

# The latest editions whose audiences are looked at.
_EDITIONS = 60


def connect() -> None:
    """Tell `subscribers` about these lists; called once when the application is ready."""
    register_newsletter_lists(unsubscribe_link_lists)


def unsubscribe_link_lists(newsletter_id: int) -> tuple[int, ...] | None:
    """Ids of the newsletter's lists, in order, and of those that it was sent to and no other newsletter is.

    Staff may have replaced a list since the message was sent, and may take it back: its subscribers
    unsubscribe from it too. A list that has gone to another newsletter has links of its own.
    None for a newsletter that does not exist.
    """
    rows = Snapshot.objects.filter(
        Q(mailings__dry_run_to="") | Q(state__in=Snapshot.OPEN), edition__newsletter=newsletter_id
    )
    audiences = rows.order_by("-pk").values_list("audience", flat=True)[:_EDITIONS]
    earlier = {one for audience in audiences for one in audience["lists"]}
    current = set(list_ids(newsletter_id))
    if not current and not Newsletter.objects.filter(pk=newsletter_id).exists():
        return None
    of_others = Newsletter.lists.through.objects.filter(mailinglist_id__in=earlier - current)
    return tuple(sorted(current | earlier - set(of_others.values_list("mailinglist_id", flat=True))))
