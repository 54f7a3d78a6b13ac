"""Subscribers: the table with its filters, the edit form with the history, exports, erasing and merging."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel, ObjectList, Panel
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.admin.views.generic import CreateView, DeleteView, IndexView
from wagtail.log_actions import log, registry

from mailer import staff_localization
from mailer.accounts.reauthentication import requires_recent_sign_in
from mailer.delivery.models import Delivery
from mailer.desk.base.form_widgets import (
    Choices,
    CountriesInput,
    LanguageSelect,
    content_languages,
    site_country_choices,
)
from mailer.desk.base.page_base_classes import ObjectPage
from mailer.desk.base.tables import (
    CheckboxColumn,
    DeskViewSet,
    KeysetPaginationMixin,
    StateColumn,
    page_cursor,
    sheet_response,
    subscribers_label,
)
from mailer.desk.imports.list_and_upload import ListFormPage
from mailer.desk.subscribers.subscriber_form import AttributesPanel, SubscriberForm
from mailer.desk.suppression_decisions import labels_and_timeline
from mailer.feedback.models import FeedbackEvent, SuppressionDecision
from mailer.reports.reason_labels_and_mailing_summary import reason_label
from mailer.reports.spreadsheet_export import subscribers_sheet
from subscribers import merge, suppression
from subscribers.exports import json_lines
from subscribers.models import ConsentRecord, MailingList, Segment, Subscriber, Subscription, Suppression, Tag
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.search import possible_duplicates
from subscribers.search import subscriber_search as finding
from subscribers.search.subscriber_search import CappedCount, Page, Query
from subscribers.translate_stored_texts import stored

_SHOWN = 20


class SubscriberPanel(Panel):
    """Subscriptions, consent, suppressions, deliveries, bounces and complaints."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "desk/subscribers/detail_panel.html"

        def is_shown(self) -> bool:
            return bool(self.instance and self.instance.pk)

        def is_allowed(self, permission: str) -> bool:
            return bool(self.request and self.request.user.has_perm(permission))

        def get_context_data(self, parent_context: dict[str, Any] | None = None) -> dict[str, Any]:
            return {
                **super().get_context_data(parent_context),
                **subscriber_history(self.instance),
                "may_add_to_list": self.is_allowed("subscribers.change_subscriber"),
                "may_unsuppress": self.is_allowed("subscribers.change_suppression"),
                "may_suppress": self.is_allowed("subscribers.add_suppression"),
                "may_merge": self.is_allowed("subscribers.delete_subscriber"),
                "may_erase": self.is_allowed("subscribers.delete_subscriber"),
            }


def subscriber_history(subscriber: Subscriber) -> dict[str, Any]:
    """Template context with up to 20 rows of each kind, newest first."""
    deliveries = Delivery.objects.filter(subscriber=subscriber.pk, mailing__dry_run_to="").select_related(
        "mailing__edition__newsletter"
    )
    return {
        "subscriber": subscriber,
        "paused": subscriber.paused_until is not None and subscriber.paused_until > timezone.now(),
        "suppressed": suppression.is_suppressed(subscriber),
        "log_entries": registry.get_logs_for_instance(subscriber)
        .select_related("user")
        .order_by("-timestamp")[:_SHOWN],
        "subscriptions": [
            (one, _state_began_at(one), _source_label(one.source))
            for one in subscriber.subscriptions.select_related("mailing_list").order_by("mailing_list__name")
        ],
        "consents": subscriber.consents.select_related("mailing_list", "text").order_by("-pk")[:_SHOWN],
        "suppressions": Suppression.objects.filter(address_hash=subscriber.address_hash).order_by("-pk")[
            :_SHOWN
        ],
        "deliveries": [
            (one, reason_label(one.reason) if one.state == Delivery.State.EXCLUDED else "")
            for one in deliveries.order_by("-pk")[:_SHOWN]
        ],
        "events": FeedbackEvent.objects.filter(subscriber=subscriber.pk)[:_SHOWN],
        "decisions": [
            (one, *labels_and_timeline.state_tone_and_label(one))
            for one in SuppressionDecision.objects.filter(subscriber=subscriber.pk)[:_SHOWN]
        ],
    }


def _state_began_at(subscription: Subscription) -> datetime:
    """Since when a subscription is in its state; where that was not recorded, when it was made."""
    at = {
        Subscription.State.CONFIRMED: subscription.confirmed_at,
        Subscription.State.UNSUBSCRIBED: subscription.ended_at,
    }.get(Subscription.State(subscription.state))
    return at or subscription.created_at


def _source_label(source: str) -> str:
    """How a subscription came about: the subscriber's own acts by the name of their channel."""
    return str(ConsentRecord.Channel(source).label) if source in Subscription.BY_READER else source


class _SubscriberPage(ObjectPage[Subscriber], TemplateView):
    model = Subscriber
    breadcrumbs_above = (("desk_subscribers:index", _("Subscribers")),)
    header_icon = "user"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        *above, page = super().get_breadcrumbs_items()
        edit = reverse("desk_subscribers:edit", args=[self.object.pk])
        return [*above, {"url": edit, "label": self.object.email}, page]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(subscriber=self.object, **kwargs)


class ErasePage(_SubscriberPage):
    """Asks the user to retype the address (GET), then erases the subscriber (POST)."""

    permission_required = "subscribers.delete_subscriber"
    template_name = "desk/subscribers/erase.html"
    page_title = _("Erase subscriber")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if suppression.normalise_or_lower(request.POST.get("address", "")) != self.object.email:
            error = gettext("The email address does not match. The subscriber was not erased.")
            return self.render_to_response(self.get_context_data(error=error, **kwargs))
        pk = self.object.pk
        with transaction.atomic():
            # After an erasure the audit log must not contain the address.
            log(
                instance=self.object,
                action="desk.erase",
                user=request.user,
                title=stored("Subscriber number %(id)s", id=pk),
            )
            erase_and_suppress(self.object.email, timezone.now())
        messages.success(
            request,
            gettext(
                "The subscriber is erased. Imports do not add the address again: the "
                "system keeps a keyed hash of it."
            ),
        )
        return redirect("desk_subscribers:index")


class MergePage(_SubscriberPage):
    """Shows possible duplicates and the result of a merge (GET); merges two subscribers (POST)."""

    permission_required = ("subscribers.change_subscriber", "subscribers.delete_subscriber")
    template_name = "desk/subscribers/merge.html"
    page_title = _("Merge duplicates")

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        self.error, self.other = "", None
        request = self.request
        given = request.POST if request.method == "POST" else request.GET
        if address := given.get("other", "").strip():
            self.other = Subscriber.objects.filter(email=suppression.normalise_or_lower(address)).first()
            if self.other is None:
                self.error = gettext("No subscriber has this address.")
            elif self.other.pk == self.object.pk:
                self.other, self.error = (
                    None,
                    gettext("This is the same subscriber: enter the address of another one."),
                )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.other is None or request.POST.get("confirm") != "yes":
            return self.render_to_response(self.get_context_data(**kwargs))
        other_id = self.other.pk
        with transaction.atomic():
            merge.merge(self.object, self.other, timezone.now())
            log(
                instance=self.object,
                action="desk.merge",
                user=request.user,
                data={"subscriber": other_id},
            )
        messages.success(
            request, gettext("The subscribers are merged. Links in emails to either address still work.")
        )
        return redirect("desk_subscribers:edit", self.object.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {
            **context,
            "other": self.other,
            "error": self.error,
            "compared": [
                (one, one.subscriptions.select_related("mailing_list"), suppression.active_suppression(one))
                for one in (self.object, self.other)
                if one is not None
            ],
            "duplicates": [] if self.other else possible_duplicates.possible_duplicates(self.object),
        }


_CONFIRMED = Subscription.State.CONFIRMED


def country_filter_choices() -> Choices:
    """Countries to filter by: all countries, or one of the office's countries."""
    return [(finding.EVERY_COUNTRY, gettext("All countries")), *site_country_choices()]


# Query parameters of the table.
QUERY_PARAMETERS = ("q", "list", "state", "language", "country", "tag", "segment")


class SubscriberFilters(WagtailFilterSet):
    """Filters of the table. The search in `finding` applies them, because it uses the right indexes."""

    list = django_filters.ModelChoiceFilter(queryset=MailingList.objects.all(), label=_("List"))
    state = django_filters.ChoiceFilter(
        label=_("State"),
        choices=[
            *Subscription.State.choices,
            (finding.SUPPRESSED, _("suppressed")),
            (finding.NO_LIST, _("on no mailing list")),
        ],
    )
    language = django_filters.ChoiceFilter(choices=content_languages, label=_("Language"))
    country = django_filters.ChoiceFilter(choices=country_filter_choices, label=_("Country"))
    tag = django_filters.ModelChoiceFilter(queryset=Tag.objects.all(), label=_("Tag"))
    segment = django_filters.ModelChoiceFilter(queryset=Segment.objects.all(), label=_("Segment"))

    class Meta:
        model = Subscriber
        fields: list[str] = []


def state_tone_and_label(subscriber: Any) -> tuple[str, str]:
    """(tone, label): whether the subscriber receives emails, and if not, why."""
    states = {subscription.state for subscription in subscriber.subscriptions.all()}
    if subscriber.suppressed:
        return "problem", gettext("Suppressed")
    if _CONFIRMED in states:
        return "done", gettext("Confirmed subscriptions")
    if Subscription.State.PENDING in states:
        return "waiting", gettext("Pending")
    return "draft", gettext("Unsubscribed") if states else gettext("On no mailing list")


def country_names(subscriber: Subscriber) -> str:
    """The subscriber's countries by name; "All countries" for none."""
    return (
        staff_localization.country_names(subscriber.countries)
        if subscriber.countries
        else gettext("All countries")
    )


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

    page_title = _("All subscribers")

    results_template_name = "desk/subscribers/index_results.html"

    @property
    def columns(self) -> list[Column]:
        shown: list[Column] = super().columns
        may_change = self.request.user.has_perm("subscribers.change_subscriber")
        return (
            [CheckboxColumn("select", label=gettext("Select"), accessor="pk"), *shown]
            if may_change
            else shown
        )

    def query(self) -> Query:
        """The query of the page's URL."""
        return query_from(self.filters, self.search_query)

    def load_page(self, size: int) -> tuple[Page, CappedCount]:
        search = finding.Search(self.query())
        page = search.page(
            size, after=page_cursor(self.request, "after"), before=page_cursor(self.request, "before")
        )
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
            "count_label": subscribers_label(self.count),
            "parameters": [(name, given[name]) for name in QUERY_PARAMETERS if given.get(name)],
        }

    def _get_title_column(self, *args: Any, **kwargs: Any) -> TitleColumn:
        column = self._get_title_column_class(TitleColumn)
        return column("email", label=gettext("Address"), accessor="email", get_url=self.get_edit_url)


class SubscriberCreate(CreateView):
    """Creates a subscriber, and continues on their page: they are on no list yet."""

    def get_success_url(self) -> str:
        return reverse("desk_subscribers:edit", args=[self.object.pk]) + "#desk-subscriber-lists"


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
    add_view_class = SubscriberCreate
    filterset_class = SubscriberFilters
    delete_view_class = RedirectToErase
    search_fields = ["email", "name"]
    list_per_page = 50
    list_display = [
        "email",
        Column("name", label=_("Name")),
        Column(
            "language",
            label=_("Language"),
            accessor=lambda one: staff_localization.language_name(one.language),
        ),
        Column("countries", label=_("Countries"), accessor=country_names),
        StateColumn("state", label=_("State"), accessor=state_tone_and_label),
        DateColumn("created_at", label=_("Added")),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("email"), FieldPanel("name")]),
                    FieldPanel("language", widget=LanguageSelect),
                ],
                heading=_("Name and language of the subscriber"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel(
                        "countries",
                        widget=CountriesInput,
                        help_text=_("If no country is selected: all countries."),
                    )
                ],
                heading=_("Countries of interest"),
            ),
            AttributesPanel(heading=_("Tags and custom fields")),
            SubscriberPanel(heading=_("Subscriptions and emails")),
        ],
        base_form_class=SubscriberForm,
    )


_FORMATS = [("csv", "CSV"), ("xlsx", _("Excel (XLSX)")), ("json", _("JSON, one object per line"))]


class ExportForm(forms.Form):
    """Which list to export, and the file format."""

    mailing_list = forms.ModelChoiceField(
        MailingList.objects.all(), label=_("List"), required=False, empty_label=_("All mailing lists")
    )
    kind = forms.ChoiceField(label=_("Format"), choices=_FORMATS, widget=forms.RadioSelect, initial="csv")


@method_decorator(requires_recent_sign_in, name="dispatch")
class ExportPage(ListFormPage[ExportForm]):
    """Shows the form (GET) and returns the file (POST)."""

    permission_required = "subscribers.change_subscriber"
    form_class = ExportForm
    template_name = "desk/subscribers/export.html"
    page_title = _("Export subscribers")
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
