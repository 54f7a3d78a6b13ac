"""Wagtail's page of the audit log, quick where the log is long: filters from indexes, one table to sort."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import IntegerField, QuerySet, Value
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from wagtail.admin.filters import ContentTypeFilter
from wagtail.admin.views.mixins import SpreadsheetExportMixin
from wagtail.admin.views.reports.audit_logging import (
    LogEntriesView,
    SiteHistoryReportFilterSet,
    get_content_types_for_filter,
)
from wagtail.log_actions import registry

from subscribers.csv_cells import escape

# The next greater value from the index, again and again: DISTINCT would read every entry.
_DISTINCT = """
WITH RECURSIVE found(value) AS (
    SELECT MIN({column}) FROM {table}
    UNION ALL
    SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > found.value) FROM found WHERE value IS NOT NULL
)
SELECT value FROM found WHERE value IS NOT NULL
"""


def write_escaped_row(view: SpreadsheetExportMixin, writer: Any, row: dict[str, Any]) -> Any:
    """The line, in place of `SpreadsheetExportMixin.write_csv_row`, which writes formulas as they are."""
    values = {name: view.preprocess_field_value(name, value, view.FORMAT_CSV) for name, value in row.items()}
    return writer.writerow(
        {
            name: value if value is None or isinstance(value, (int, float, date)) else escape(str(value))
            for name, value in values.items()
        }
    )


def log_models_with_entries(request: HttpRequest) -> list[Any]:
    """The tables with entries, or the first one; asked for once for each request."""
    known: list[Any] | None = request.__dict__.get("desk_log_models")
    if known is None:
        every = list(registry.get_log_entry_models())
        known = [model for model in every if model.objects.exists()] or every[:1]
        request.__dict__["desk_log_models"] = known
    return known


def used_values(request: HttpRequest, name: str) -> set[Any]:
    """Every value that a column of the log has; asked for once for each request."""
    known: dict[str, set[Any]] = request.__dict__.setdefault("desk_used_values", {})
    if name not in known:
        known[name] = set()
        for model in log_models_with_entries(request):
            column = connection.ops.quote_name(model._meta.get_field(name).column)
            table = connection.ops.quote_name(model._meta.db_table)
            with connection.cursor() as cursor:
                cursor.execute(_DISTINCT.format(column=column, table=table))
                known[name] |= {value for (value,) in cursor.fetchall()}
    return known[name]


def _content_types(request: HttpRequest) -> Any:
    if not request.user.is_superuser:
        return get_content_types_for_filter(request.user)
    used = used_values(request, "content_type")
    return ContentType.objects.filter(pk__in=used).order_by("model")


class AuditLogFilters(SiteHistoryReportFilterSet):
    """Wagtail's. Who may see all entries is offered what the index of each column says."""

    object_type = ContentTypeFilter(
        label=_("Type"), method="filter_object_type", queryset=lambda request: _content_types(request)
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("action", "user"):
            if name in self.filters:
                # No entry is found twice.
                self.filters[name].distinct = False

    def get_action_choices(self) -> Any:
        if not self.request.user.is_superuser:
            return super().get_action_choices()
        used = used_values(self.request, "action")
        return [action for action in registry.get_choices() if action[0] in used]

    def get_users_queryset(self) -> Any:
        if not self.request.user.is_superuser:
            return super().get_users_queryset()
        return User.objects.filter(pk__in=used_values(self.request, "user")).order_by("username")


def filtered_entries(view: LogEntriesView) -> QuerySet[Any]:
    """As Wagtail's method of the view, but tables without entries do not keep the database from its index."""
    view.log_models = log_models_with_entries(view.request)
    found: QuerySet[Any] | None = None
    for place, model in enumerate(view.log_models):
        entries = model.objects.viewable_by_user(view.request.user).values("pk", "timestamp")
        numbered = entries.annotate(log_model_index=Value(place, output_field=IntegerField()))
        wanted = view.filter_queryset(numbered).order_by()
        found = wanted if found is None else found.union(wanted, all=True)
    assert found is not None  # there is at least one table
    return found.order_by("-timestamp")
