"""How many items wait for staff, for the numbers in the menu: one query for each page.

It counts no further than the menu shows.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection
from django.http import HttpRequest

# What the menu shows at most; the query counts one more.
MOST = 999
# Values are written out where a partial index has them: SQLite does not use it for parameters.
_COUNT = """
SELECT
(SELECT COUNT(*) FROM (SELECT 1 FROM mailer_suppressiondecision WHERE state = 'held' LIMIT 1000) held),
(SELECT COUNT(*) FROM (SELECT 1 FROM mailer_returnedmessage
    WHERE kind = 'other' AND triaged_at IS NULL LIMIT 1000) unclassified),
(SELECT COUNT(*) FROM (SELECT 1 FROM mailer_notification
    WHERE user_id = %s AND read_at IS NULL LIMIT 1000) unread)
"""


class MenuBadgeCounts(NamedTuple):
    """Numbers of rows, each up to MOST + 1."""

    # Suppression decisions that staff have to confirm.
    held_decisions: int
    # Returned messages that no rule recognised.
    unclassified_replies: int
    # Notifications of this user.
    unread_notifications: int


def menu_badge_counts(request: HttpRequest) -> MenuBadgeCounts:
    """As they are now; counted once for each request."""
    found: MenuBadgeCounts | None = getattr(request, "desk_menu_badge_counts", None)
    if found is None:
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [request.user.pk])
            found = MenuBadgeCounts(*cursor.fetchone())
        request.desk_menu_badge_counts = found  # type: ignore[attr-defined]
    return found


def label_with_count(label: object, number: int) -> str:
    """For example "Unclassified replies (7)"; the label alone where there is nothing."""
    return f"{label} ({number if number <= MOST else f'{MOST}+'})" if number else str(label)
