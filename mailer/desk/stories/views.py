"""The list of stories, its filters, and the edit form with one text per language."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest
from wagtail.admin.filters import DateRangePickerWidget, WagtailFilterSet
from wagtail.admin.panels import FieldPanel, FieldRowPanel, InlinePanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column
from wagtail.snippets.views.snippets import SnippetViewSet

from mailer import staff_language
from mailer.desk.base.forms import (
    BackToDraftView,
    LanguageSelect,
    OrderedCountriesInput,
    StoryCreateView,
    StoryEditView,
    TranslationsForm,
    country_choices,
)
from mailer.desk.base.tables import StateColumn
from mailer.stories.models import Story


class StoryForm(TranslationsForm):
    """A story and its texts. With a picture, every text needs a description of it."""

    def is_valid(self) -> bool:
        return bool(super().is_valid()) and self._is_described()

    def _is_described(self) -> bool:
        """Whether every text describes the picture. Adds an error to each that does not."""
        if not self.cleaned_data.get("picture"):
            return True
        texts = [
            child
            for child in self.formsets["texts"].forms
            if child not in self.formsets["texts"].deleted_forms
        ]
        missing = [child for child in texts if not child.cleaned_data.get("picture_alt", "").strip()]
        for child in missing:
            child.add_error("picture_alt", "The story has a picture: describe it here.")
        return not missing


class StoryFilters(WagtailFilterSet):
    """By kind, date, country and state."""

    kind = django_filters.ChoiceFilter(choices=Story.Kind.choices)
    date = django_filters.DateFromToRangeFilter(widget=DateRangePickerWidget)
    country = django_filters.ChoiceFilter(method="in_country", choices=country_choices, label="Country")
    ready = django_filters.ChoiceFilter(
        method="in_state", choices=[("yes", "Ready"), ("no", "Draft")], label="State"
    )

    class Meta:
        model = Story
        fields: list[str] = []

    def in_country(self, stories: QuerySet[Story], name: str, value: str) -> QuerySet[Story]:
        # Codes have two letters, so a substring of "KZ,UZ" can only match a whole code.
        return stories.filter(countries__contains=value)

    def in_state(self, stories: QuerySet[Story], name: str, value: str) -> QuerySet[Story]:
        return stories.filter(live=value == "yes")


def country_names(story: Story) -> str:
    """The story's countries by name; "All countries" for none."""
    return staff_language.country_names(story.countries) if story.countries else "All countries"


def language_names(story: Story) -> str:
    """The languages of the story's texts."""
    return ", ".join(staff_language.language_name(text.language) for text in story.texts.all())


def date_label(story: Story) -> str:
    """The story's date: "29 November 2021"."""
    return f"{story.date.day} {story.date:%B %Y}"


def state_label(story: Story) -> tuple[str, str]:
    """(tone, label): whether editions can include it."""
    if not story.live:
        return "draft", "Draft"
    return ("changed", "Ready, with a newer draft") if story.has_unpublished_changes else ("done", "Ready")


class StoryViewSet(SnippetViewSet):
    """Stories with a text per language."""

    model = Story
    icon = "doc-full-inverse"
    menu_order = 120
    add_to_admin_menu = True
    admin_url_namespace = "desk_stories"
    base_url_path = "stories"
    copy_view_enabled = False
    filterset_class = StoryFilters
    add_view_class = StoryCreateView
    edit_view_class = StoryEditView
    unpublish_view_class = BackToDraftView
    unpublish_template_name = BackToDraftView.template_name
    list_per_page = 30
    list_display = [
        "__str__",
        Column("kind", label="Kind", accessor="get_kind_display", sort_key="kind"),
        Column("date", label="Date", accessor=date_label, sort_key="date"),
        Column("countries", label="Countries", accessor=country_names),
        Column("languages", label="Languages", accessor=language_names),
        StateColumn("ready", label="State", accessor=state_label),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("kind"), FieldPanel("date")]),
                    FieldPanel("countries", widget=OrderedCountriesInput),
                ],
                heading="Kind, date and countries",
            ),
            InlinePanel(
                "texts",
                [
                    FieldPanel("language", widget=LanguageSelect),
                    FieldPanel("headline"),
                    FieldPanel("summary"),
                    FieldPanel("body"),
                    FieldPanel("link_label"),
                    FieldPanel("picture_alt"),
                ],
                heading="Texts",
                label="language",
                min_num=1,
            ),
            MultiFieldPanel([FieldPanel("picture"), FieldPanel("link")], heading="Picture and link"),
        ],
        base_form_class=StoryForm,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Story] | Any:
        return Story.objects.prefetch_related("texts")
