"""The table of subscribers with its filters, the edit form, and exports."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.admin.views.generic import DeleteView, IndexView
from wagtail.log_actions import log

from mailer.accounts.sessions import requires_recent_sign_in
from mailer.desk.base.forms import (
    Choices,
    CountriesInput,
    LanguageSelect,
    content_languages,
    country_choices,
)
from mailer.desk.base.tables import (
    CheckboxColumn,
    KeysetPaginationMixin,
    StateColumn,
    count_label,
    cursor,
    sheet_response,
)
from mailer.desk.base.viewsets import DeskViewSet
from mailer.desk.imports.list import ListFormPage
from mailer.desk.subscribers.subscriber_detail import SubscriberPanel
from mailer.desk.subscribers.tags_fields import AttributesPanel, SubscriberForm
from mailer.reports.export import subscribers_sheet
from subscribers import iso_codes
from subscribers.exports import json_lines
from subscribers.models import MailingList, Segment, Subscriber, Subscription, Tag
from subscribers.search import search as finding
from subscribers.search.search import CappedCount, Page, Query

_CONFIRMED = Subscription.State.CONFIRMED


def country_filter_choices() -> Choices:
    """Countries to filter by: all countries, or one of the office's countries."""
    return [(finding.EVERY_COUNTRY, "All countries"), *country_choices()]


# Query parameters of the table.
QUERY_PARAMETERS = ("q", "list", "state", "language", "country", "tag", "segment")


class SubscriberFilters(WagtailFilterSet):
    """Filters of the table. The search in `finding` applies them, because it uses the right indexes."""

    list = django_filters.ModelChoiceFilter(queryset=MailingList.objects.all(), label="List")
    state = django_filters.ChoiceFilter(
        label="State",
        choices=[
            *Subscription.State.choices,
            (finding.SUPPRESSED, "suppressed"),
            (finding.NO_LIST, "on no list"),
        ],
    )
    language = django_filters.ChoiceFilter(choices=content_languages, label="Language")
    country = django_filters.ChoiceFilter(choices=country_filter_choices, label="Country")
    tag = django_filters.ModelChoiceFilter(queryset=Tag.objects.all(), label="Tag")
    segment = django_filters.ModelChoiceFilter(queryset=Segment.objects.all(), label="Segment")

    class Meta:
        model = Subscriber
        fields: list[str] = []


def state_label(subscriber: Any) -> tuple[str, str]:
    """(tone, label): whether the subscriber receives emails, and if not, why."""
    states = {subscription.state for subscription in subscriber.subscriptions.all()}
    if subscriber.suppressed:
        return "problem", "Suppressed"
    if _CONFIRMED in states:
        return "done", "Confirmed"
    if Subscription.State.PENDING in states:
        return "waiting", "Pending"
    return "draft", "Unsubscribed" if states else "On no list"


def country_names(subscriber: Subscriber) -> str:
    """The subscriber's countries by name; "All countries" for none."""
    return iso_codes.country_names(subscriber.countries, "en") if subscriber.countries else "All countries"


def query_from(filters: SubscriberFilters | None, text: str) -> Query:
    """The query of the filters and the search box. Invalid choices are ignored."""
    chosen = filters.form.cleaned_data if filters and filters.is_valid() else {}
    ids = {name: chosen[name].pk if chosen.get(name) else None for name in ("list", "tag", "segment")}
    return Query(
        text=text,
        mailing_list=ids["list"],
        tag=ids["tag"],
        segment=ids["segment"],
        as_of=timezone.now().isoformat() if ids["segment"] else "",
        **{name: chosen.get(name) or "" for name in ("state", "language", "country")},
    )


class SubscriberIndex(KeysetPaginationMixin, IndexView):
    """The table, newest first."""

    results_template_name = "desk/subscribers/index_results.html"

    @property
    def columns(self) -> list[Column]:
        shown: list[Column] = super().columns
        may_change = self.request.user.has_perm("subscribers.change_subscriber")
        return [CheckboxColumn("select", label="Select", accessor="pk"), *shown] if may_change else shown

    def query(self) -> Query:
        """The query of the page's URL."""
        return query_from(self.filters, self.search_query)

    def load_page(self, size: int) -> tuple[Page, CappedCount]:
        search = finding.Search(self.query())
        page = search.page(size, after=cursor(self.request, "after"), before=cursor(self.request, "before"))
        return page, search.count(exact=self.request.GET.get("count") == "exactly")

    def get_list_buttons(self, instance: Subscriber) -> list[Any]:
        """No menu per row: it would double the time of this page. The subscriber's page has the actions."""
        return []

    def get_base_queryset(self) -> QuerySet[Subscriber]:
        return Subscriber.objects.none()

    def filter_queryset(self, queryset: QuerySet[Subscriber]) -> QuerySet[Subscriber]:
        return queryset

    def search_queryset(self, queryset: QuerySet[Subscriber]) -> QuerySet[Subscriber]:
        return queryset

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(*args, **kwargs)
        given = self.request.GET
        return {
            **context,
            "count_label": count_label(self.count, "subscriber", "subscribers"),
            "parameters": [(name, given[name]) for name in QUERY_PARAMETERS if given.get(name)],
        }

    def _get_title_column(self, *args: Any, **kwargs: Any) -> TitleColumn:
        column = self._get_title_column_class(TitleColumn)
        return column("email", label="Address", accessor="email", get_url=self.get_edit_url)


class RedirectToErase(DeleteView):
    """Redirects to erasing, which keeps a hash so that imports do not add the subscriber again."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return redirect("desk_erase", kwargs["pk"])


class SubscriberViewSet(DeskViewSet):
    """Subscribers. They never sign in."""

    model = Subscriber
    name = "desk_subscribers"
    icon = "user"
    index_view_class = SubscriberIndex
    filterset_class = SubscriberFilters
    delete_view_class = RedirectToErase
    search_fields = ["email", "name"]
    list_per_page = 50
    list_display = [
        "email",
        Column("name", label="Name"),
        Column(
            "language", label="Language", accessor=lambda one: iso_codes.language_name(one.language, "en")
        ),
        Column("countries", label="Countries", accessor=country_names),
        StateColumn("state", label="State", accessor=state_label),
        DateColumn("created_at", label="Added"),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("email"), FieldPanel("name")]),
                    FieldPanel("language", widget=LanguageSelect),
                ],
                heading="Name and language",
            ),
            MultiFieldPanel(
                [
                    FieldPanel(
                        "countries", widget=CountriesInput, help_text="If none is selected: all countries."
                    )
                ],
                heading="Countries of interest",
            ),
            AttributesPanel(heading="Tags and custom fields"),
            SubscriberPanel(heading="Subscriptions and emails"),
        ],
        base_form_class=SubscriberForm,
    )


_FORMATS = [("csv", "CSV"), ("xlsx", "Excel (XLSX)"), ("json", "JSON, one object per line")]


class ExportForm(forms.Form):
    """Which list to export, and the file format."""

    mailing_list = forms.ModelChoiceField(
        MailingList.objects.all(), label="List", required=False, empty_label="All lists"
    )
    kind = forms.ChoiceField(label="Format", choices=_FORMATS, widget=forms.RadioSelect, initial="csv")


@method_decorator(requires_recent_sign_in, name="dispatch")
class ExportPage(ListFormPage[ExportForm]):
    """Shows the form (GET) and returns the file (POST)."""

    permission_required = "subscribers.change_subscriber"
    form_class = ExportForm
    template_name = "desk/subscribers/export.html"
    page_title = "Export subscribers"
    header_icon = "download"

    def form_valid(self, form: ExportForm) -> HttpResponse:
        chosen, kind = form.cleaned_data["mailing_list"], form.cleaned_data["kind"]
        for one in [chosen] if chosen else MailingList.objects.all():
            log(instance=one, action="desk.export_subscribers", user=self.request.user)
        name = f"{chosen.slug if chosen else 'subscribers'}-{timezone.localdate():%Y-%m-%d}"
        response: HttpResponseBase
        if kind == "json":
            response = StreamingHttpResponse(json_lines(chosen), content_type="application/x-ndjson")
            response["Content-Disposition"] = f'attachment; filename="{name}.json"'
        else:
            response = sheet_response([subscribers_sheet(chosen)], name, kind)
        return response  # type: ignore[return-value]  # FormView has no type for streamed responses
