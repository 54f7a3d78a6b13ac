"""Tables: viewsets and index views of the desk's sections, columns, keyset pagination, downloads."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext
from wagtail.admin.admin_url_finder import ModelAdminURLFinder
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.generic import IndexView
from wagtail.admin.viewsets.model import ModelViewSet

from mailer.desk.base.edit_conflicts import GuardedEditView
from mailer.desk.base.form_widgets import parse_non_negative_int
from mailer.reports.number_formats import format_number
from mailer.reports.spreadsheet_export import Sheet, csv_lines, write_xlsx
from subscribers.search.subscriber_search import CappedCount

_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class DeskViewSet(ModelViewSet):
    """A model's table and Wagtail's forms for it. The search box asks the database.

    Its URLs follow from its name: those of `desk_suppression_decisions` begin with suppression-decisions/.
    """

    copy_view_enabled = False
    search_backend_name = None
    edit_view_class = GuardedEditView

    @cached_property
    def url_prefix(self) -> str:
        return str(self.name).removeprefix("desk_").replace("_", "-")


class TableViewSet(DeskViewSet):
    """A model's table without Wagtail's forms. Its index view is a `TableIndex`."""

    @property
    def url_finder_class(self) -> type[ModelAdminURLFinder]:
        """Links in the audit log lead to the same pages as those in the table."""
        return type("_Finder", (ModelAdminURLFinder,), {"edit_url_name": self.index_view_class.row_url_name})

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", self.index_view, name="index"),
            path("results/", self.index_results_view, name="index_results"),
        ]


class TableIndex(IndexView):
    """A table whose rows link to the page with the URL name `row_url_name`, where the actions are."""

    row_url_name = ""

    def get_edit_url(self, instance: Any) -> str | None:
        return reverse(self.row_url_name, args=[instance.pk])

    def get_delete_url(self, instance: Any) -> None:
        return None

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(*args, **kwargs), **self.additional_context()}

    def additional_context(self) -> dict[str, Any]:
        """What the template shows beside the table."""
        return {}


class ReadOnlyIndex(TableIndex):
    """A table of rows that only the system adds: even superusers get no button for it."""

    def get_add_url(self) -> None:
        return None


class _PairColumn(Column):
    # The template's names for the two parts of the value.
    names = ("", "")

    def get_cell_context_data(self, instance: Any, parent_context: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = super().get_cell_context_data(instance, parent_context)
        return {**context, **dict(zip(self.names, context["raw_value"], strict=True))}


class StateColumn(_PairColumn):
    """Shows (tone, label): the tone decides shape and colour."""

    cell_template_name = "desk/tables/state_cell.html"
    names = ("tone", "label")


class LinkColumn(_PairColumn):
    """Shows (URL, text) as a link, or as plain text if the URL is empty."""

    cell_template_name = "desk/tables/link_cell.html"
    names = ("url", "text")


class CheckboxColumn(Column):
    """A checkbox that selects the row for the bulk action form below the table."""

    cell_template_name = "desk/tables/checkbox_cell.html"


def page_cursor(request: HttpRequest, name: str) -> int | None:
    """The primary key in the query parameter `name`, from which the page starts; None for the first page."""
    return parse_non_negative_int(request.GET.get(name, ""))


def subscribers_label(count: CappedCount) -> str:
    """For example "1 subscriber", "12 subscribers" or "more than 5,000 subscribers"."""
    shown = {"count": format_number(count.number)}
    if count.exact:
        return ngettext("%(count)s subscriber", "%(count)s subscribers", count.number) % shown
    if count.number:
        many = ngettext("more than %(count)s subscriber", "more than %(count)s subscribers", count.number)
        return many % shown
    return gettext("few subscribers, or none")


class KeysetPaginationMixin(ABC):
    """For an index view: shows the rows of `load_page()`, with links to newer and older ones."""

    request: HttpRequest
    results_template_name = "desk/tables/keyset_results.html"
    # The query parameter that a changed filter resets.
    page_kwarg = "after"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)  # type: ignore[misc]
        # Wagtail's own export would hold all rows in memory, and no log would know of it.
        self.is_export = False

    def paginate_queryset(self, queryset: Any, page_size: int) -> tuple[None, None, Any, bool]:
        self.rows, self.count = self.load_page(page_size)
        return None, None, self.rows.subscribers, False

    @abstractmethod
    def load_page(self, size: int) -> tuple[Any, CappedCount]:
        """The rows of this page, and how many rows there are in all."""

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(*args, **kwargs)  # type: ignore[misc]
        return {**context, "rows": self.rows, "count": self.count}


def sheet_response(sheets: Sequence[Sheet], name: str, kind: str) -> HttpResponseBase:
    """A download of the sheets as one workbook (kind "xlsx"), or of the first one as CSV."""
    if kind == "xlsx":
        # On disk, because it may be large. The response closes it, which deletes it.
        file = tempfile.TemporaryFile()  # noqa: SIM115
        write_xlsx(sheets, file)
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=f"{name}.xlsx", content_type=_WORKBOOK)
    # Spreadsheet programs recognise UTF-8 by the byte order mark.
    lines = chain(["\ufeff"], csv_lines(sheets[0]))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
