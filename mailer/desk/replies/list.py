"""Returned mail in the desk: what waits for a person, and all that came back, to find it by."""

from __future__ import annotations

from typing import Any

import django_filters
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import BulkActionsCheckboxColumn, Column, DateColumn, TitleColumn
from wagtail.admin.views.bulk_action import BulkAction
from wagtail.admin.views.generic import IndexView
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.log_actions import log

from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.desk.base.audit_links import leading_to
from mailer.desk.base.columns import WordColumn
from mailer.feedback.decisions import triage
from mailer.feedback.decisions.triage import SortingError
from mailer.feedback.models import ReturnedMessage
from mailer.feedback.sources import source_health
from mailer.feedback.sources.sources import addresses

Kind = ReturnedMessage.Kind
_WAITING, _DONE, _ALL = "waiting", "done", "all"
_MAY_SORT = "mailer.change_returnedmessage"


class MailboxFilters(WagtailFilterSet):
    """What waits, unless something else is asked for."""

    state = django_filters.ChoiceFilter(
        method="in_state",
        label="Show",
        empty_label=None,
        initial=_WAITING,
        choices=[(_WAITING, "For a person"), (_DONE, "Done"), (_ALL, "All that came back")],
    )
    kind = django_filters.ChoiceFilter(choices=Kind.choices, label="Kind")

    class Meta:
        model = ReturnedMessage
        fields: list[str] = []

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        data = data.copy() if data else {}
        # Whoever asks for a kind means all of it.
        data.setdefault("state", _ALL if data.get("kind") else _WAITING)
        super().__init__(data, *args, **kwargs)

    def in_state(self, rows: QuerySet[ReturnedMessage], name: str, value: str) -> QuerySet[ReturnedMessage]:
        if value == _WAITING:
            return rows.filter(kind="other", done_at__isnull=True)
        return rows.filter(done_at__isnull=False) if value == _DONE else rows


def title_of(message: ReturnedMessage) -> str:
    """Its subject, or what there is in its place."""
    if message.service:
        return f"An event of {CAPABILITIES[message.service].title}"
    return message.subject or "(no subject)"


def standing_of(message: ReturnedMessage) -> tuple[str, str]:
    """(tone, words): what became of it."""
    if message.done_at is not None:
        said = "" if message.sorted_as == "nothing" else f": {message.get_sorted_as_display()}"
        return "done", f"Done by {message.done_by}{said}"
    if message.kind == Kind.OTHER:
        return "waiting", "For a person"
    return "draft", str(message.get_kind_display()).capitalize()


class LetterColumn(TitleColumn):
    """Subject, and below it who wrote."""

    cell_template_name = "desk/tables/letter_cell.html"


class MailboxIndex(IndexView):
    """The list, newest first."""

    template_name = "desk/people/mailbox.html"
    results_template_name = "desk/people/mailbox_results.html"
    default_ordering = "-received_at"

    def get_base_queryset(self) -> QuerySet[ReturnedMessage]:
        return ReturnedMessage.objects.defer("raw")

    @property
    def columns(self) -> list[Column]:
        shown = [
            LetterColumn(
                "subject",
                label="Message",
                accessor=title_of,
                get_url=self.get_edit_url,
                get_title_id=lambda one: f"returnedmessage_{one.pk}_title",
                classname="desk-letter__cell",
            ),
            WordColumn("standing", label="State", accessor=standing_of),
            DateColumn("received_at", label="Received", sort_key="received_at"),
        ]
        if self.request.user.has_perm(_MAY_SORT):
            shown.insert(0, BulkActionsCheckboxColumn("bulk_actions", obj_type="returnedmessage"))
        return shown

    def get_edit_url(self, instance: ReturnedMessage) -> str:
        return reverse("desk_message", args=[instance.pk])

    def get_delete_url(self, instance: ReturnedMessage) -> None:
        return None

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        troubles = source_health.troubles(addresses(settings.CONFIG), timezone.now())
        context: dict[str, Any] = super().get_context_data(*args, troubles=troubles, **kwargs)
        return context


class MailboxViewSet(ModelViewSet):
    """Nothing is added, changed or deleted here."""

    model = ReturnedMessage
    name = "desk_mailbox"
    url_prefix = "mailbox"
    icon = "mail"
    menu_label = "Mail for a person"
    menu_name = "mailbox"
    url_finder_class = leading_to("desk_message")
    copy_view_enabled = False
    index_view_class = MailboxIndex
    filterset_class = MailboxFilters
    search_fields = ["subject", "sender"]
    search_backend_name = None
    list_per_page = 30
    exclude_form_fields = ["raw"]

    def get_index_view_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        named: dict[str, Any] = super().get_index_view_kwargs(page_title=self.menu_label, **kwargs)
        return named

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", self.index_view, name="index"),
            path("results/", self.index_results_view, name="index_results"),
        ]


class DoneAction(BulkAction):
    """Done with many at once."""

    display_name = "Done"
    aria_label = "Done with the selected messages"
    action_type = "done"
    template_name = "desk/people/done.html"
    models = [ReturnedMessage]

    def check_perm(self, obj: ReturnedMessage) -> bool:
        return bool(self.request.user.has_perm(_MAY_SORT)) and obj.kind not in triage.UNDERSTOOD

    def get_all_objects_in_listing_query(self, parent_id: Any) -> Any:
        return ReturnedMessage.objects.for_a_person().values_list("pk", flat=True)

    def object_context(self, obj: ReturnedMessage) -> dict[str, Any]:
        return {"item": obj, "title": title_of(obj), "url": reverse("desk_message", args=[obj.pk])}

    def get_execution_context(self) -> dict[str, Any]:
        return {"request": self.request}

    @classmethod
    def execute_action(
        cls, objects: list[ReturnedMessage], request: HttpRequest | None = None, **kwargs: Any
    ) -> tuple[int, int]:
        return (sum(is_done(message, request) for message in objects) if request else 0), 0

    def get_success_message(self, num_parent_objects: int, num_child_objects: int) -> str:
        count = num_parent_objects
        return f"{count} message{'' if count == 1 else 's'} done with."


def is_done(message: ReturnedMessage, request: HttpRequest) -> bool:
    """Be done with a message in the user's name; False when somebody else was before."""
    try:
        triage.sort(message, "nothing", None, request.user.get_username(), timezone.now())
    except SortingError:
        return False
    log(instance=message, action="desk.mail_nothing", user=request.user)
    return True
