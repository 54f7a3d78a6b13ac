"""The list of returned mail: unclassified replies, and everything else with a filter."""

from __future__ import annotations

from typing import Any

import django_filters
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import BulkActionsCheckboxColumn, Column, DateColumn, TitleColumn
from wagtail.admin.views.bulk_action import BulkAction
from wagtail.log_actions import log

from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.desk.base.tables import StateColumn
from mailer.desk.base.viewsets import ReadOnlyIndex, TableViewSet
from mailer.feedback.decisions import manual_triage
from mailer.feedback.decisions.manual_triage import TriageError
from mailer.feedback.models import ReturnedMessage
from mailer.feedback.sources import base
from mailer.feedback.sources.poll import configured_urls

Kind = ReturnedMessage.Kind
_OPEN, _DONE, _ALL = "open", "done", "all"
_CLASSIFY_PERMISSION = "mailer.change_returnedmessage"


class ReplyFilters(WagtailFilterSet):
    """Unclassified replies, unless the user chooses something else."""

    state = django_filters.ChoiceFilter(
        method="in_state",
        label="Show",
        empty_label=None,
        initial=_OPEN,
        choices=[(_OPEN, "Unclassified"), (_DONE, "Done"), (_ALL, "All returned mail")],
    )
    kind = django_filters.ChoiceFilter(choices=Kind.choices, label="Kind")

    class Meta:
        model = ReturnedMessage
        fields: list[str] = []

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        data = data.copy() if data else {}
        # A chosen kind includes messages in every state.
        data.setdefault("state", _ALL if data.get("kind") else _OPEN)
        super().__init__(data, *args, **kwargs)

    def in_state(self, rows: QuerySet[ReturnedMessage], name: str, value: str) -> QuerySet[ReturnedMessage]:
        if value == _OPEN:
            return rows.filter(kind="other", triaged_at__isnull=True)
        return rows.filter(triaged_at__isnull=False) if value == _DONE else rows


def message_title(message: ReturnedMessage) -> str:
    """Its subject, or a substitute."""
    if message.service:
        return f"Event from {CAPABILITIES[message.service].title}"
    return message.subject or "(no subject)"


def state_label(message: ReturnedMessage) -> tuple[str, str]:
    """(tone, label) of its state."""
    if message.triaged_at is not None:
        result = "" if message.triage_result == "nothing" else f": {message.get_triage_result_display()}"
        return "done", f"Done by {message.triaged_by}{result}"
    if message.kind == Kind.OTHER:
        return "waiting", "Unclassified"
    return "draft", str(message.get_kind_display()).capitalize()


class MessageColumn(TitleColumn):
    """The subject with the sender below it."""

    cell_template_name = "desk/returned_mail/message_cell.html"


class ReplyIndex(ReadOnlyIndex):
    """The table, newest first."""

    template_name = "desk/returned_mail/index.html"
    results_template_name = "desk/returned_mail/index_results.html"
    row_url_name = "desk_reply"
    default_ordering = "-received_at"
    page_title = "Unclassified replies"

    def get_base_queryset(self) -> QuerySet[ReturnedMessage]:
        return ReturnedMessage.objects.defer("raw")

    @property
    def columns(self) -> list[Column]:
        shown = [
            MessageColumn(
                "subject",
                label="Message",
                accessor=message_title,
                get_url=self.get_edit_url,
                get_title_id=lambda one: f"returnedmessage_{one.pk}_title",
                classname="desk-message__cell",
            ),
            StateColumn("state", label="State", accessor=state_label),
            DateColumn("received_at", label="Received", sort_key="received_at"),
        ]
        if self.request.user.has_perm(_CLASSIFY_PERMISSION):
            shown.insert(0, BulkActionsCheckboxColumn("bulk_actions", obj_type="returnedmessage"))
        return shown

    def additional_context(self) -> dict[str, Any]:
        return {"source_errors": base.failing_sources(configured_urls(settings.CONFIG), timezone.now())}


class ReplyViewSet(TableViewSet):
    """Returned mail, read-only."""

    model = ReturnedMessage
    name = "desk_replies"
    icon = "mail"
    index_view_class = ReplyIndex
    filterset_class = ReplyFilters
    search_fields = ["subject", "sender"]
    list_per_page = 30
    exclude_form_fields = ["raw"]


class MarkDoneAction(BulkAction):
    """Marks several messages as done."""

    display_name = "Mark as done"
    aria_label = "Mark the selected messages as done"
    action_type = "done"
    template_name = "desk/returned_mail/mark_done.html"
    models = [ReturnedMessage]

    def check_perm(self, obj: ReturnedMessage) -> bool:
        return (
            bool(self.request.user.has_perm(_CLASSIFY_PERMISSION))
            and obj.kind not in manual_triage.CLASSIFIED_KINDS
        )

    def get_all_objects_in_listing_query(self, parent_id: Any) -> Any:
        return ReturnedMessage.objects.unclassified().values_list("pk", flat=True)

    def object_context(self, obj: ReturnedMessage) -> dict[str, Any]:
        return {"item": obj, "title": message_title(obj), "url": reverse("desk_reply", args=[obj.pk])}

    def get_execution_context(self) -> dict[str, Any]:
        return {"request": self.request}

    @classmethod
    def execute_action(
        cls, objects: list[ReturnedMessage], request: HttpRequest | None = None, **kwargs: Any
    ) -> tuple[int, int]:
        return (sum(mark_done(message, request) for message in objects) if request else 0), 0

    def get_success_message(self, num_parent_objects: int, num_child_objects: int) -> str:
        count = num_parent_objects
        return f"{count} message{'' if count == 1 else 's'} marked as done."


def mark_done(message: ReturnedMessage, request: HttpRequest) -> bool:
    """Marks a message as done by the user; False if it is done already."""
    try:
        manual_triage.triage(message, "nothing", None, request.user.get_username(), timezone.now())
    except TriageError:
        return False
    log(instance=message, action="desk.reply_done", user=request.user)
    return True
