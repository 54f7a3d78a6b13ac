"""Suppressed addresses in the desk: why each is there, adding one, and lifting one after a confirmation."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.generic import FormView, TemplateView
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.menus import MenuItem
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.admin.views.generic import IndexView
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.log_actions import log

from mailer.desk.base.audit_links import leading_to
from mailer.desk.base.columns import WordColumn
from mailer.desk.base.pages import StaffPage
from mailer.feedback.models import Verdict
from subscribers import addresses
from subscribers.models import Suppression
from subscribers.suppression import suppression


class SuppressionFilters(WagtailFilterSet):
    """By reason, and whether it is in force."""

    reason = django_filters.ChoiceFilter(choices=Suppression.Reason.choices)
    force = django_filters.ChoiceFilter(
        method="in_force", label="In force", choices=[("yes", "In force"), ("no", "Lifted")]
    )

    class Meta:
        model = Suppression
        fields: list[str] = []

    def in_force(self, rows: QuerySet[Suppression], name: str, value: str) -> QuerySet[Suppression]:
        return rows.filter(lifted_at__isnull=value == "yes")


def standing_of(row: Suppression) -> tuple[str, str]:
    """(tone, words): in force, or lifted by whom."""
    return ("problem", "In force") if row.lifted_at is None else ("draft", f"Lifted by {row.lifted_by}")


def address_of(row: Suppression) -> str:
    """The address, or that it was erased."""
    return row.email or "(an erased address)"


def evidence_of(row: Suppression) -> str:
    """A person's words; where it was no person's doing, the verdict in one sentence."""
    verdict = next(iter(row.verdicts.all()), None)
    return verdict.because if verdict else row.evidence


class SuppressionIndex(IndexView):
    """The list, newest first; nothing here is edited, only lifted."""

    def get_base_queryset(self) -> QuerySet[Suppression]:
        return Suppression.objects.order_by("-pk").prefetch_related("verdicts")

    def _get_title_column(self, *args: Any, **kwargs: Any) -> TitleColumn:
        column = self._get_title_column_class(TitleColumn)
        return column("email", label="Address", accessor=address_of, get_url=self.get_edit_url)

    def get_edit_url(self, instance: Suppression) -> str | None:
        """Why it was stopped, where that was no person's doing; else the page that lifts it."""
        if verdict := next(iter(instance.verdicts.all()), None):
            return reverse("desk_verdict", args=[verdict.pk])
        if instance.lifted_at is None and self.request.user.has_perm("subscribers.change_suppression"):
            return reverse("desk_suppressions:lift", args=[instance.pk])
        return None

    def get_delete_url(self, instance: Suppression) -> None:
        return None

    def get_list_more_buttons(self, instance: Suppression) -> list[MenuItem]:
        url = self.get_edit_url(instance)
        label, icon = ("Why?", "help") if instance.verdicts.all() else ("Lift", "rotate")
        return [MenuItem(label, url=url, icon_name=icon, priority=10)] if url else []


class SuppressionViewSet(ModelViewSet):
    """Addresses that no mailing may reach."""

    model = Suppression
    name = "desk_suppressions"
    url_prefix = "suppressions"
    icon = "no-view"
    menu_label = "Suppressed addresses"
    menu_name = "suppressions"
    url_finder_class = leading_to("desk_suppressions:lift")
    copy_view_enabled = False
    index_view_class = SuppressionIndex
    filterset_class = SuppressionFilters
    search_fields = ["email"]
    search_backend_name = None
    list_per_page = 50
    list_display = [
        "email",
        Column("reason", label="Why", accessor="get_reason_display"),
        Column("evidence", label="Evidence", accessor=evidence_of, classname="desk-evidence"),
        DateColumn("created_at", label="Since", sort_key="pk"),
        WordColumn("standing", label="State", accessor=standing_of),
    ]
    exclude_form_fields = ["lifted_at", "lifted_by"]

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", self.index_view, name="index"),
            path("results/", self.index_results_view, name="index_results"),
            path("new/", SuppressView.as_view(), name="add"),
            path("<int:pk>/lift/", LiftView.as_view(), name="lift"),
        ]


class SuppressForm(forms.Form):
    """Stop an address by hand, with the reason that a colleague will read."""

    address = forms.CharField(label="Address", max_length=254)
    evidence = forms.CharField(
        label="Why",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="A colleague will read this.",
    )

    def clean_address(self) -> str:
        try:
            return addresses.normalise(self.cleaned_data["address"])
        except ValueError as error:
            raise ValidationError(f"The address {error}.") from error


class _SuppressionPage(StaffPage):
    under = (("desk_suppressions:index", "Suppressed addresses"),)
    header_icon = "no-view"


class SuppressView(_SuppressionPage, FormView[SuppressForm]):
    """Suppress an address by hand."""

    permission_required = "subscribers.add_suppression"
    form_class = SuppressForm
    template_name = "desk/people/suppress.html"
    page_title = "Suppress an address"

    def get_initial(self) -> dict[str, Any]:
        return {**super().get_initial(), "address": self.request.GET.get("address", "")}

    def form_valid(self, form: SuppressForm) -> HttpResponse:
        told = form.cleaned_data
        row = suppression.by_hand(told["address"], told["evidence"], timezone.now())
        log(instance=row, action="desk.suppress", user=self.request.user)
        messages.success(self.request, "The address gets no more mail until somebody lifts this.")
        return redirect("desk_suppressions:index")


class LiftView(_SuppressionPage, TemplateView):
    """Lifts what a person stopped: asks (GET), then does it (POST). A verdict has a page of its own."""

    permission_required = "subscribers.change_suppression"
    template_name = "desk/people/lift.html"
    page_title = "Lift a suppression"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.row = get_object_or_404(Suppression, pk=kwargs["pk"])

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if verdict := Verdict.objects.filter(suppression=self.row).first():
            return redirect("desk_verdict", verdict.pk)
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(row=self.row, **kwargs)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        suppression.lift(self.row, request.user.get_username(), timezone.now())
        log(instance=self.row, action="desk.lift", user=request.user)
        messages.success(request, "The suppression is lifted: mailings may reach this address again.")
        return redirect("desk_suppressions:index")
