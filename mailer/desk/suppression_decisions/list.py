"""The list of suppression decisions, below the domain outages that need a decision."""

from __future__ import annotations

from typing import Any

import django_filters
from django.urls import URLPattern, path, reverse
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.admin.views.generic import IndexView
from wagtail.admin.viewsets.model import ModelViewSet

from mailer.desk.base.audit_log import links_to
from mailer.desk.base.tables import StateColumn
from mailer.desk.suppression_decisions import labels
from mailer.feedback.models import DomainOutage, SuppressionDecision


class DecisionFilters(WagtailFilterSet):
    """By state and reason."""

    state = django_filters.ChoiceFilter(label="State", choices=labels.STATES)
    rule = django_filters.ChoiceFilter(label="Reason", choices=SuppressionDecision.Rule.choices)

    class Meta:
        model = SuppressionDecision
        fields: list[str] = []


class DecisionIndex(IndexView):
    """The table, newest first."""

    template_name = "desk/suppression_decisions/index.html"
    default_ordering = "-created_at"

    def get_base_queryset(self) -> Any:
        return SuppressionDecision.objects.with_email()

    def _get_title_column(self, *args: Any, **kwargs: Any) -> TitleColumn:
        column = self._get_title_column_class(TitleColumn)
        return column("pk", label="Address", accessor=self._address, get_url=self.get_edit_url)

    def _address(self, decision: Any) -> str:
        may_view = self.request.user.has_perm("subscribers.view_subscriber")
        return (may_view and decision.email) or f"Subscriber {decision.subscriber}"

    def get_add_url(self) -> None:
        # Read-only, also for superusers, who have every permission.
        return None

    def get_edit_url(self, instance: SuppressionDecision) -> str:
        return reverse("desk_suppression_decision", args=[instance.pk])

    def get_delete_url(self, instance: SuppressionDecision) -> None:
        return None

    def get_list_more_buttons(self, instance: SuppressionDecision) -> list[Any]:
        return []

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        outages = DomainOutage.objects.filter(state=DomainOutage.State.OPEN)
        context: dict[str, Any] = super().get_context_data(*args, outages=outages, **kwargs)
        return context


class DecisionViewSet(ModelViewSet):
    """Suppression decisions, read-only; each has its own page."""

    model = SuppressionDecision
    name = "desk_suppression_decisions"
    url_prefix = "suppression-decisions"
    icon = "warning"
    menu_label = "Suppression decisions"
    menu_name = "suppression-decisions"
    url_finder_class = links_to("desk_suppression_decision")
    copy_view_enabled = False
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

    def get_index_view_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        named: dict[str, Any] = super().get_index_view_kwargs(page_title=self.menu_label, **kwargs)
        return named

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", self.index_view, name="index"),
            path("results/", self.index_results_view, name="index_results"),
        ]
