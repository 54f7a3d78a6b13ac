"""The list of suppression decisions, below the domain outages that need a decision."""

from __future__ import annotations

from typing import Any

import django_filters
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn

from mailer.desk.base.tables import StateColumn
from mailer.desk.base.viewsets import ReadOnlyIndex, TableViewSet
from mailer.desk.suppression_decisions import labels
from mailer.feedback.models import DomainOutage, SuppressionDecision


class DecisionFilters(WagtailFilterSet):
    """By state and reason."""

    state = django_filters.ChoiceFilter(label="State", choices=labels.STATES)
    rule = django_filters.ChoiceFilter(label="Reason", choices=SuppressionDecision.Rule.choices)

    class Meta:
        model = SuppressionDecision
        fields: list[str] = []


class DecisionIndex(ReadOnlyIndex):
    """The table, newest first."""

    template_name = "desk/suppression_decisions/index.html"
    row_url_name = "desk_suppression_decision"
    default_ordering = "-created_at"

    def get_base_queryset(self) -> Any:
        return SuppressionDecision.objects.with_email()

    def _get_title_column(self, *args: Any, **kwargs: Any) -> TitleColumn:
        column = self._get_title_column_class(TitleColumn)
        return column("pk", label="Address", accessor=self._address, get_url=self.get_edit_url)

    def _address(self, decision: Any) -> str:
        may_view = self.request.user.has_perm("subscribers.view_subscriber")
        return (may_view and decision.email) or f"Subscriber {decision.subscriber}"

    def get_list_more_buttons(self, instance: SuppressionDecision) -> list[Any]:
        return []

    def additional_context(self) -> dict[str, Any]:
        return {"outages": DomainOutage.objects.filter(state=DomainOutage.State.OPEN)}


class DecisionViewSet(TableViewSet):
    """Suppression decisions, read-only; each has its own page."""

    model = SuppressionDecision
    name = "desk_suppression_decisions"
    icon = "warning"
    index_view_class = DecisionIndex
    filterset_class = DecisionFilters
    list_per_page = 50
    list_display = [
        "pk",
        Column("rule", label="Reason", accessor=lambda one: one.get_rule_display().capitalize()),
        StateColumn("state", label="State", accessor=labels.state_label),
        DateColumn("created_at", label="Decided", sort_key="created_at"),
    ]
    exclude_form_fields = ["events"]
