"""All automatic verdicts on addresses, and above them the domains that wait for a decision."""

from __future__ import annotations

from typing import Any

import django_filters
from django.urls import URLPattern, path, reverse
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.admin.views.generic import IndexView
from wagtail.admin.viewsets.model import ModelViewSet

from mailer.desk.base.audit_links import leading_to
from mailer.desk.base.columns import WordColumn
from mailer.desk.replies import decision_labels as words
from mailer.feedback.models import Outage, Verdict


class VerdictFilters(WagtailFilterSet):
    """By where it stands, and by rule."""

    state = django_filters.ChoiceFilter(label="State", choices=words.STATES)
    rule = django_filters.ChoiceFilter(label="Why", choices=Verdict.Rule.choices)

    class Meta:
        model = Verdict
        fields: list[str] = []


class VerdictIndex(IndexView):
    """The list, newest first."""

    template_name = "desk/people/verdicts.html"
    default_ordering = "-at"

    def get_base_queryset(self) -> Any:
        return Verdict.objects.with_address()

    def _get_title_column(self, *args: Any, **kwargs: Any) -> TitleColumn:
        column = self._get_title_column_class(TitleColumn)
        return column("pk", label="Address", accessor=self._named, get_url=self.get_edit_url)

    def _named(self, verdict: Any) -> str:
        may_see = self.request.user.has_perm("subscribers.view_subscriber")
        return (may_see and verdict.email) or f"Reader {verdict.subscriber}"

    def get_edit_url(self, instance: Verdict) -> str:
        return reverse("desk_verdict", args=[instance.pk])

    def get_delete_url(self, instance: Verdict) -> None:
        return None

    def get_list_more_buttons(self, instance: Verdict) -> list[Any]:
        return []

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        waiting = Outage.objects.filter(state=Outage.State.OPEN)
        context: dict[str, Any] = super().get_context_data(*args, outages=waiting, **kwargs)
        return context


class VerdictViewSet(ModelViewSet):
    """Nothing is added, changed or deleted here; each has a page that decides."""

    model = Verdict
    name = "desk_verdicts"
    url_prefix = "verdicts"
    icon = "warning"
    menu_label = "Automatic decisions"
    menu_name = "verdicts"
    url_finder_class = leading_to("desk_verdict")
    copy_view_enabled = False
    index_view_class = VerdictIndex
    filterset_class = VerdictFilters
    list_per_page = 50
    list_display = [
        "pk",
        Column("rule", label="Why", accessor=lambda one: one.get_rule_display().capitalize()),
        WordColumn("state", label="State", accessor=words.state),
        DateColumn("at", label="Since", sort_key="at"),
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
