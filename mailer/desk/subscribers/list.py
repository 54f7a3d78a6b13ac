"""Admins' tables of people: lists, subscribers, and the addresses that must not be mailed."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.admin.views.generic import DeleteView, IndexView
from wagtail.admin.viewsets.model import ModelViewSet

from mailer.desk.base.columns import TickColumn, WordColumn
from mailer.desk.base.keyset_pagination import WindowMixin, cursor, how_many
from mailer.desk.base.widgets import (
    Choices,
    CountriesInput,
    LanguageSelect,
    office_countries,
    office_languages,
)
from mailer.desk.subscribers.panel import PersonPanel
from mailer.desk.subscribers.tags_fields import NotesPanel, SubscriberForm
from subscribers import iso_codes
from subscribers.models import MailingList, SavedSegment, Subscriber, Subscription, Tag
from subscribers.search import search as finding
from subscribers.search.search import Asked, Counted, Page

_CONFIRMED = Subscription.State.CONFIRMED


def wishes() -> Choices:
    """What people can want: everything, or one of the office's countries."""
    return [(finding.EVERY_COUNTRY, "Every country"), *office_countries()]


# What the table's address asks by.
ASKED = ("q", "list", "state", "language", "country", "tag", "segment")


class SubscriberFilters(WagtailFilterSet):
    """Whom the table shows; what is chosen is looked up by `finding`, which knows the indexes."""

    list = django_filters.ModelChoiceFilter(queryset=MailingList.objects.all(), label="List")
    state = django_filters.ChoiceFilter(
        label="State",
        choices=[
            *Subscription.State.choices,
            (finding.SUPPRESSED, "suppressed"),
            (finding.NOWHERE, "on no list"),
        ],
    )
    language = django_filters.ChoiceFilter(choices=office_languages, label="Language")
    country = django_filters.ChoiceFilter(choices=wishes, label="Country")
    tag = django_filters.ModelChoiceFilter(queryset=Tag.objects.all(), label="Tag")
    segment = django_filters.ModelChoiceFilter(queryset=SavedSegment.objects.all(), label="Segment")

    class Meta:
        model = Subscriber
        fields: list[str] = []


def standing_of(person: Any) -> tuple[str, str]:
    """(tone, words): whether mail reaches this person, and if not, why."""
    states = {subscription.state for subscription in person.subscriptions.all()}
    if person.suppressed:
        return "problem", "Suppressed"
    if _CONFIRMED in states:
        return "done", "Confirmed"
    if Subscription.State.PENDING in states:
        return "waiting", "Waiting to confirm"
    return "draft", "Unsubscribed" if states else "On no list"


def countries_of(person: Subscriber) -> str:
    """The person's countries by name; "Every country" for none."""
    return iso_codes.country_names(person.countries, "en") if person.countries else "Every country"


def asked_of(filters: SubscriberFilters | None, words: str) -> Asked:
    """Whom the filters and the search box ask for; what is no valid choice does not matter."""
    chosen = filters.form.cleaned_data if filters and filters.is_valid() else {}
    numbers = {name: chosen[name].pk if chosen.get(name) else None for name in ("list", "tag", "segment")}
    return Asked(
        words=words,
        mailing_list=numbers["list"],
        tag=numbers["tag"],
        segment=numbers["segment"],
        as_of=timezone.now().isoformat() if numbers["segment"] else "",
        **{name: chosen.get(name) or "" for name in ("state", "language", "country")},
    )


class SubscriberIndex(WindowMixin, IndexView):
    """The list of people, newest first."""

    results_template_name = "desk/people/subscribers.html"

    @property
    def columns(self) -> list[Column]:
        shown: list[Column] = super().columns
        may = self.request.user.has_perm("subscribers.change_subscriber")
        return [TickColumn("tick", label="Choose", accessor="pk"), *shown] if may else shown

    def asked(self) -> Asked:
        """Whom the page's address asks for."""
        return asked_of(self.filters, self.search_query)

    def look(self, size: int) -> tuple[Page, Counted]:
        search = finding.Search(self.asked())
        window = search.page(size, after=cursor(self.request, "after"), before=cursor(self.request, "before"))
        return window, search.count(exactly=self.request.GET.get("count") == "exactly")

    def get_list_buttons(self, instance: Subscriber) -> list[Any]:
        """None: what can be done stands on the person's page; a menu in each row doubles the time of this."""
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
            "how_many": how_many(self.counted, "person", "people"),
            "kept": [(name, given[name]) for name in ASKED if given.get(name)],
        }

    def _get_title_column(self, *args: Any, **kwargs: Any) -> TitleColumn:
        column = self._get_title_column_class(TitleColumn)
        return column("email", label="Address", accessor="email", get_url=self.get_edit_url)


class ToErasing(DeleteView):
    """Deleting a person would leave no trace that keeps an import from bringing them back."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return redirect("desk_erase", kwargs["pk"])


class SubscriberViewSet(ModelViewSet):
    """Readers; they never log in."""

    model = Subscriber
    name = "desk_subscribers"
    url_prefix = "subscribers"
    icon = "user"
    menu_label = "Subscribers"
    menu_name = "subscribers"
    copy_view_enabled = False
    index_view_class = SubscriberIndex
    filterset_class = SubscriberFilters
    delete_view_class = ToErasing
    search_fields = ["email", "name"]
    search_backend_name = None
    list_per_page = 50
    list_display = [
        "email",
        Column("name", label="Name"),
        Column(
            "language", label="Language", accessor=lambda one: iso_codes.language_name(one.language, "en")
        ),
        Column("countries", label="Countries", accessor=countries_of),
        WordColumn("standing", label="State", accessor=standing_of),
        DateColumn("created_at", label="Since"),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("email"), FieldPanel("name")]),
                    FieldPanel("language", widget=LanguageSelect),
                ],
                heading="Who",
            ),
            MultiFieldPanel(
                [FieldPanel("countries", widget=CountriesInput, help_text="None: every country.")],
                heading="Wants",
            ),
            NotesPanel(heading="Noted by us"),
            PersonPanel(heading="Subscriptions and mail"),
        ],
        base_form_class=SubscriberForm,
    )
