"""Suppressed addresses: the list, suppressing an address, and removing a suppression."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.menus import MenuItem
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.log_actions import log

from mailer.desk.base.page_base_classes import FormPage, ObjectPage, StaffPage
from mailer.desk.base.tables import StateColumn, TableIndex, TableViewSet
from mailer.feedback.models import SuppressionDecision
from subscribers import addresses, suppression
from subscribers.models import Suppression
from subscribers.translate_stored_texts import translated


class SuppressionFilters(WagtailFilterSet):
    """By reason and state."""

    reason = django_filters.ChoiceFilter(choices=Suppression.Reason.choices, label=_("Reason"))
    force = django_filters.ChoiceFilter(
        method="in_force", label=_("State"), choices=[("yes", _("Active")), ("no", _("Removed"))]
    )

    class Meta:
        model = Suppression
        fields: list[str] = []

    def in_force(self, rows: QuerySet[Suppression], name: str, value: str) -> QuerySet[Suppression]:
        return rows.filter(lifted_at__isnull=value == "yes")


def state_tone_and_label(row: Suppression) -> tuple[str, str]:
    """(tone, label): active, or removed by whom."""
    return (
        ("problem", gettext("Active"))
        if row.lifted_at is None
        else ("draft", gettext("Suppression removed by %(name)s") % {"name": translated(row.lifted_by)})
    )


def address_of(row: Suppression) -> str:
    """The address, or a placeholder if it was erased."""
    return row.email or gettext("(email address erased)")


def suppression_reason_or_note(row: Suppression) -> str:
    """The reason of the suppression decision, or the note of the user who suppressed the address."""
    decision = next(iter(row.decisions.all()), None)
    return translated(decision.reason if decision else row.evidence)


class SuppressionIndex(TableIndex):
    """The table, newest first. Suppressions are removed, never edited."""

    page_title = _("Suppressed addresses")

    row_url_name = "desk_suppressions:remove"

    def get_base_queryset(self) -> QuerySet[Suppression]:
        return Suppression.objects.order_by("-pk").prefetch_related("decisions")

    def _get_title_column(self, *args: Any, **kwargs: Any) -> TitleColumn:
        column = self._get_title_column_class(TitleColumn)
        return column("email", label=gettext("Address"), accessor=address_of, get_url=self.get_edit_url)

    def get_edit_url(self, instance: Any) -> str | None:
        """The suppression decision behind it, or else the page that removes it."""
        if decision := next(iter(instance.decisions.all()), None):
            return reverse("desk_suppression_decision", args=[decision.pk])
        if instance.lifted_at is None and self.request.user.has_perm("subscribers.change_suppression"):
            return reverse("desk_suppressions:remove", args=[instance.pk])
        return None

    def get_list_more_buttons(self, instance: Suppression) -> list[MenuItem]:
        url = self.get_edit_url(instance)
        label, icon = (
            (gettext("Show the decision"), "help")
            if instance.decisions.all()
            else (gettext("Remove the suppression"), "rotate")
        )
        return [MenuItem(label, url=url, icon_name=icon, priority=10)] if url else []


class SuppressionViewSet(TableViewSet):
    """Suppressed addresses, which receive no editions."""

    model = Suppression
    name = "desk_suppressions"
    icon = "no-view"
    index_view_class = SuppressionIndex
    filterset_class = SuppressionFilters
    search_fields = ["email"]
    list_per_page = 50
    list_display = [
        "email",
        Column("reason", label=_("Reason"), accessor="get_reason_display"),
        Column(
            "evidence",
            label=_("Evidence for the suppression"),
            accessor=suppression_reason_or_note,
            classname="desk-evidence",
        ),
        DateColumn("created_at", label=_("Suppressed since"), sort_key="pk"),
        StateColumn("state", label=_("State"), accessor=state_tone_and_label),
    ]
    exclude_form_fields = ["lifted_at", "lifted_by"]

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            *super().get_urlpatterns(),
            path("new/", SuppressView.as_view(), name="add"),
            path("<int:pk>/remove/", RemoveSuppressionView.as_view(), name="remove"),
        ]


class SuppressForm(forms.Form):
    """An address and the reason for suppressing it."""

    address = forms.CharField(label=_("Email address"), max_length=254)
    evidence = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("A note for your colleagues."),
    )

    def clean_address(self) -> str:
        try:
            return addresses.normalise(self.cleaned_data["address"])
        except ValueError as error:
            raise ValidationError(
                gettext("This email address %(error)s.") % {"error": translated(str(error))}
            ) from error


class _SuppressionPage(StaffPage):
    breadcrumbs_above = (("desk_suppressions:index", _("Suppressed addresses")),)
    header_icon = "no-view"


class SuppressView(_SuppressionPage, FormPage[SuppressForm]):
    """Suppresses an address."""

    permission_required = "subscribers.add_suppression"
    form_class = SuppressForm
    template_name = "desk/subscribers/suppress.html"
    page_title = _("Suppress an address")
    query_parameters = {"address": "address"}

    def form_valid(self, form: SuppressForm) -> HttpResponse:
        data = form.cleaned_data
        row = suppression.suppress_manually(data["address"], data["evidence"], timezone.now())
        log(instance=row, action="desk.suppress", user=self.request.user)
        messages.success(
            self.request,
            gettext("The address is suppressed. It receives no emails until staff remove the suppression."),
        )
        return redirect("desk_suppressions:index")


class RemoveSuppressionView(_SuppressionPage, ObjectPage[Suppression], TemplateView):
    """Removes a suppression made by staff, after a confirmation. Decisions have their own page."""

    model = Suppression
    permission_required = "subscribers.change_suppression"
    template_name = "desk/subscribers/remove_suppression.html"
    page_title = _("Remove the suppression")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._to_decision() or super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(row=self.object, **kwargs)

    def _to_decision(self) -> HttpResponse | None:
        decision = SuppressionDecision.objects.filter(suppression=self.object).first()
        return redirect("desk_suppression_decision", decision.pk) if decision else None

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if elsewhere := self._to_decision():
            return elsewhere
        suppression.lift(self.object, request.user.get_username(), timezone.now())
        log(instance=self.object, action="desk.unsuppress", user=request.user)
        messages.success(
            request, gettext("The suppression is removed. The address can receive emails again.")
        )
        return redirect("desk_suppressions:index")
