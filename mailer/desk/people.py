"""Admins' tables of people: lists, subscribers, and the addresses that must not be mailed."""

from __future__ import annotations

from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column, DateColumn
from wagtail.admin.views.generic import IndexView
from wagtail.admin.viewsets.model import ModelViewSet

from mailer.desk.columns import WordColumn
from mailer.desk.person import PersonPanel
from mailer.desk.widgets import CountriesInput, LanguageSelect, office_languages
from subscribers import addresses, places
from subscribers.models import MailingList, Subscriber, Subscription, Suppression

_CONFIRMED = Subscription.State.CONFIRMED


class ListIndex(IndexView):
    """Lists with the number of people on each."""

    def get_base_queryset(self) -> QuerySet[MailingList]:
        confirmed = Count("subscriptions", filter=Q(subscriptions__state=_CONFIRMED))
        waiting = Count("subscriptions", filter=Q(subscriptions__state=Subscription.State.PENDING))
        return MailingList.objects.annotate(confirmed=confirmed, waiting=waiting)


class MailingListViewSet(ModelViewSet):
    """Lists that people join; newsletters are sent to lists."""

    model = MailingList
    name = "desk_lists"
    url_prefix = "lists"
    icon = "list-ul"
    menu_label = "Lists"
    menu_name = "lists"
    copy_view_enabled = False
    index_view_class = ListIndex
    list_display = [
        "name",
        Column("confirmed", label="Confirmed", sort_key="confirmed"),
        Column("waiting", label="Waiting to confirm"),
        WordColumn("public", label="Sign-up page", accessor=lambda one: _offered(one)),
    ]
    search_fields = ["name", "slug"]
    search_backend_name = None
    panels = [
        FieldPanel("name"),
        FieldPanel("slug", help_text="Names the list in imports."),
        FieldPanel("description", help_text="What readers see on the sign-up page."),
        FieldPanel("public", heading="Offer it on the sign-up page"),
    ]


def _offered(mailing_list: MailingList) -> tuple[str, str]:
    return ("done", "Offered") if mailing_list.public else ("draft", "Not offered")


class SubscriberForm(WagtailAdminModelForm):
    """A reader; the address is kept in its one written form."""

    def clean_email(self) -> str:
        try:
            return addresses.normalise(self.cleaned_data["email"])
        except ValueError as error:
            raise ValidationError(f"The address {error}.") from error


class SubscriberFilters(WagtailFilterSet):
    """By language, by list and by state."""

    language = django_filters.ChoiceFilter(choices=office_languages, label="Language")
    list = django_filters.ModelChoiceFilter(
        queryset=MailingList.objects.all(), method="on_list", label="List"
    )
    state = django_filters.ChoiceFilter(
        method="in_state",
        label="State",
        choices=[*Subscription.State.choices, ("suppressed", "suppressed"), ("nowhere", "on no list")],
    )

    class Meta:
        model = Subscriber
        fields: list[str] = []

    def on_list(self, people: QuerySet[Subscriber], name: str, value: MailingList) -> QuerySet[Subscriber]:
        return people.filter(
            Exists(Subscription.objects.filter(subscriber=OuterRef("pk"), mailing_list=value))
        )

    def in_state(self, people: QuerySet[Subscriber], name: str, value: str) -> QuerySet[Subscriber]:
        if value == "suppressed":
            return people.filter(_is_suppressed())
        subscriptions = Subscription.objects.filter(subscriber=OuterRef("pk"))
        if value == "nowhere":
            return people.filter(~Exists(subscriptions))
        return people.filter(Exists(subscriptions.filter(state=value)))


def _is_suppressed() -> Exists:
    return Exists(Suppression.objects.filter(address_hash=OuterRef("address_hash"), lifted_at__isnull=True))


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
    return places.country_names(person.countries, "en") if person.countries else "Every country"


class SubscriberIndex(IndexView):
    """The list of people, newest first."""

    def get_base_queryset(self) -> QuerySet[Subscriber]:
        people = Subscriber.objects.annotate(suppressed=_is_suppressed())
        return people.order_by("-pk").prefetch_related("subscriptions")


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
    search_fields = ["email", "name"]
    search_backend_name = None
    list_per_page = 50
    list_display = [
        "email",
        Column("name", label="Name"),
        Column("language", label="Language", accessor=lambda one: places.language_name(one.language, "en")),
        Column("countries", label="Countries", accessor=countries_of),
        WordColumn("standing", label="State", accessor=standing_of),
        DateColumn("created_at", label="Since", sort_key="pk"),
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
            PersonPanel(heading="Subscriptions and mail"),
        ],
        base_form_class=SubscriberForm,
    )
