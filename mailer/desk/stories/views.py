"""Stories in the desk: the list, its filters, and the form with a text per language."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest
from wagtail.admin.filters import DateRangePickerWidget, WagtailFilterSet
from wagtail.admin.panels import FieldPanel, FieldRowPanel, InlinePanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column
from wagtail.snippets.views.snippets import SnippetViewSet

from mailer.desk.base.columns import WordColumn
from mailer.desk.base.save_buttons import CreateStory, EditStory, StoryBackToDraft
from mailer.desk.base.translation_forms import TextsForm
from mailer.desk.base.widgets import LanguageSelect, OrderedCountriesInput, office_countries
from mailer.stories.models import Story
from subscribers import iso_codes


class StoryForm(TextsForm):
    """A story and its texts, each of which says what the picture shows."""

    def is_valid(self) -> bool:
        return bool(super().is_valid()) and self._described()

    def _described(self) -> bool:
        """Whether every text says what the picture shows, with an error at each that does not."""
        if not self.cleaned_data.get("picture"):
            return True
        told = [
            child
            for child in self.formsets["texts"].forms
            if child not in self.formsets["texts"].deleted_forms
        ]
        silent = [child for child in told if not child.cleaned_data.get("picture_alt", "").strip()]
        for child in silent:
            child.add_error("picture_alt", "The story has a picture: say in a few words what is seen in it.")
        return not silent


class StoryFilters(WagtailFilterSet):
    """By kind, by day and by country."""

    kind = django_filters.ChoiceFilter(choices=Story.Kind.choices)
    date = django_filters.DateFromToRangeFilter(widget=DateRangePickerWidget)
    country = django_filters.ChoiceFilter(method="in_country", choices=office_countries, label="Country")
    ready = django_filters.ChoiceFilter(
        method="in_readiness", choices=[("yes", "Ready"), ("no", "Draft")], label="Ready or draft"
    )

    class Meta:
        model = Story
        fields: list[str] = []

    def in_country(self, stories: QuerySet[Story], name: str, value: str) -> QuerySet[Story]:
        # Codes have two letters, so that a substring of "KZ,UZ" can only be a whole code.
        return stories.filter(countries__contains=value)

    def in_readiness(self, stories: QuerySet[Story], name: str, value: str) -> QuerySet[Story]:
        return stories.filter(live=value == "yes")


def countries_of(story: Story) -> str:
    """The story's countries by name; "The whole region" for none."""
    return iso_codes.country_names(story.countries, "en") if story.countries else "The whole region"


def languages_of(story: Story) -> str:
    """The languages that the story is told in."""
    return ", ".join(iso_codes.language_name(text.language, "en") for text in story.texts.all())


def day_of(story: Story) -> str:
    """The story's day: "29 November 2021"."""
    return f"{story.date.day} {story.date:%B %Y}"


def readiness_of(story: Story) -> tuple[str, str]:
    """(tone, word): whether an edition may take it."""
    if not story.live:
        return "draft", "Draft"
    return ("changed", "Ready, with newer changes") if story.has_unpublished_changes else ("done", "Ready")


class StoryViewSet(SnippetViewSet):
    """Stories: what happened, where, told once per language."""

    model = Story
    icon = "doc-full-inverse"
    menu_label = "Stories"
    menu_name = "stories"
    menu_order = 120
    add_to_admin_menu = True
    admin_url_namespace = "desk_stories"
    base_url_path = "stories"
    copy_view_enabled = False
    filterset_class = StoryFilters
    add_view_class = CreateStory
    edit_view_class = EditStory
    unpublish_view_class = StoryBackToDraft
    unpublish_template_name = StoryBackToDraft.template_name
    list_per_page = 30
    list_display = [
        "__str__",
        Column("kind", label="Kind", accessor="get_kind_display", sort_key="kind"),
        Column("date", label="Date", accessor=day_of, sort_key="date"),
        Column("countries", label="Countries", accessor=countries_of),
        Column("languages", label="Told in", accessor=languages_of),
        WordColumn("ready", label="State", accessor=readiness_of),
    ]
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [
                    FieldRowPanel([FieldPanel("kind"), FieldPanel("date")]),
                    FieldPanel("countries", widget=OrderedCountriesInput),
                ],
                heading="What, when and where",
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
                heading="Told in",
                label="language",
                min_num=1,
            ),
            MultiFieldPanel([FieldPanel("picture"), FieldPanel("link")], heading="Picture and link"),
        ],
        base_form_class=StoryForm,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Story] | Any:
        return Story.objects.prefetch_related("texts")
