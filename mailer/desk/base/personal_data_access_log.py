"""Entries in the audit log about pages with personal data that a user opened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import BooleanField, Case, Model, Q, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_noop
from wagtail.log_actions import log
from wagtail.models import ModelLogEntry

from mailer.feedback.models import ReturnedMessage, SuppressionDecision
from subscribers.models import Subscriber, Suppression

# Pages about one row whose primary key is in the URL, by URL name: the action, and the row's model.
ROW_PAGES: dict[str, tuple[str, type[Model]]] = {
    **dict.fromkeys(
        (
            *(
                f"desk_subscribers:{page}"
                for page in ("edit", "delete", "history", "history_results", "usage")
            ),
            *("desk_merge", "desk_erase"),
        ),
        ("desk.view_subscriber", Subscriber),
    ),
    "desk_reply": ("desk.view_returned_message", ReturnedMessage),
    "desk_reply_answer": ("desk.view_returned_message", ReturnedMessage),
    "desk_reply_source": ("desk.view_returned_message", ReturnedMessage),
    "desk_suppressions:remove": ("desk.view_suppression", Suppression),
    "desk_suppression_decision": ("desk.view_decision", SuppressionDecision),
}
# Pages that list addresses of many subscribers, by the name that is stored.
LIST_PAGES: dict[str, str] = {
    **{
        f"desk_{table}:index{part}": title
        for table, title in (
            ("subscribers", gettext_noop("Subscribers")),
            ("suppressions", gettext_noop("Suppressed addresses")),
            ("suppression_decisions", gettext_noop("Suppression decisions")),
            ("replies", gettext_noop("Unclassified replies")),
        )
        for part in ("", "_results")
    },
    "desk_edition:not_delivered": gettext_noop("Emails not delivered"),
    "desk_import": gettext_noop("Rows of an import"),
    "desk_import_columns": gettext_noop("Rows of an import"),
    "desk_segments:add": gettext_noop("Sample of a segment's subscribers"),
    "desk_segments:edit": gettext_noop("Sample of a segment's subscribers"),
    "desk_bounce_wave": gettext_noop("Email addresses of a bounce wave"),
    "wagtailadmin_reports:site_history": gettext_noop("Audit log"),
    "wagtailadmin_reports:site_history_results": gettext_noop("Audit log"),
}
# Those that show no address to users who may not view subscribers.
_HIDING_PAGES = {
    "desk_edition:not_delivered",
    "desk_segments:add",
    "desk_segments:edit",
    "desk_bounce_wave",
}
_LIST_ACTION = "desk.view_personal_data"
# Opening the same page again within this time makes no further entry.
_INTERVAL = timedelta(minutes=10)


class PersonalDataMiddleware:
    """Logs each page of the tables above that was shown. A page that cannot be logged is not shown."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        match = request.resolver_match
        # A form that is shown again after a POST shows the same.
        if match is None or response.status_code != 200:
            return response
        if match.view_name in ROW_PAGES:
            action, model = ROW_PAGES[match.view_name]
            row = model(pk=match.kwargs["pk"])
            # Without the address, which a row's own title would be.
            note_view(
                request, row, action, title=f"{model._meta.verbose_name} {row.pk}".capitalize(), data={}
            )
        elif match.view_name in LIST_PAGES and isinstance(request.user, User):
            hidden = match.view_name in _HIDING_PAGES
            if not hidden or request.user.has_perm("subscribers.view_subscriber"):
                note_view(request, request.user, _LIST_ACTION, data={"page": LIST_PAGES[match.view_name]})
        return response


def note_view(
    request: HttpRequest, row: Model, action: str, *, data: dict[str, str], title: str = ""
) -> None:
    """Record that the user opened a page about the row; once in ten minutes with the same data."""
    if not isinstance(request.user, User):
        return
    now = timezone.now()
    same = Q(
        content_type=ContentType.objects.get_for_model(row),
        object_id=str(row.pk),
        user=request.user,
        action=action,
    )
    # Only the time leaves an index to choose: SQLite would read everything that the user ever did.
    is_same = Case(When(same, then=Value(True)), default=Value(False), output_field=BooleanField())
    before = ModelLogEntry.objects.filter(is_same, timestamp__gt=now - _INTERVAL)
    more: dict[str, Any] = {"title": title} if title else {}
    if not any(entry.data == data for entry in before.only("data")):
        log(instance=row, action=action, user=request.user, data=data, timestamp=now, **more)
