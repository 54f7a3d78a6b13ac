"""The list of stories and its filters.

`editor` has the page to write one, `duplicate_and_restore` what else one does with them.
"""

from __future__ import annotations

from typing import Any

import django_filters
from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Substr
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.panels import FieldPanel, InlinePanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column
from wagtail.admin.widgets.button import Button
from wagtail.snippets.views.snippets import IndexView, SnippetViewSet

from mailer import staff_localization
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.form_widgets import parse_non_negative_int
from mailer.desk.base.snippet_action_menu import BackToDraftView
from mailer.desk.base.tables import StateColumn
from mailer.desk.stories import unsent_editions_of_story
from mailer.desk.stories.duplicate_and_restore import RestoreStoryPage
from mailer.desk.stories.editor import StoryAddPage, StoryEditPage
from mailer.desk.stories.story_rows import (
    edition_periods_by_story,
    language_marks,
    marks_html,
    state_tone_and_label,
)
from mailer.rendering.edition_period import Period
from mailer.stories.items_removed_at_source import removed_items_to_decide
from mailer.stories.models import Story, StorySource, StorySourceItem, StoryText

# Months that the filter offers.
_MONTHS = 36


def _months() -> list[tuple[str, str]]:
    if connection.vendor == "sqlite":
        # It has no dates: for those, a function in Python would be called for each story.
        found = Story.objects.order_by().annotate(month=Substr("date", 1, 7)).values_list("month", flat=True)
        months = list(found.distinct().order_by("-month")[:_MONTHS])
    else:
        months = [f"{one:%Y-%m}" for one in Story.objects.dates("date", "month", order="DESC")[:_MONTHS]]
    return [(month, localized_names_and_dates.month_name(month)) for month in months]


def _countries() -> list[tuple[str, str]]:
    return [(code, staff_localization.country_name(code)) for code in settings.CONFIG.site.countries]


def _translations() -> list[tuple[str, str]]:
    named = [(code, staff_localization.language_name(code)) for code in settings.CONFIG.site.languages]
    return [
        *(
            (f"missing:{code}", _("The %(language)s text is missing") % {"language": name})
            for code, name in named
        ),
        *(
            (f"complete:{code}", _("The %(language)s text is complete") % {"language": name})
            for code, name in named
        ),
        ("all", _("Complete in every language")),
    ]


def _sources() -> list[tuple[str, str]]:
    waiting = StorySourceItem.objects.filter(
        reviewed_at=None, role=StorySourceItem.Role.ORIGIN, story__isnull=False
    ).count()
    review = ngettext(
        "%(count)d story from sources to review", "%(count)d stories from sources to review", waiting
    )
    return [
        ("any", _("Stories from any source")),
        ("review", review % {"count": waiting}),
        ("changed", _("Changed by its source after the import")),
        ("deleted", _("Removed by its source after the import")),
        *((str(pk), name) for pk, name in StorySource.objects.values_list("pk", "name")),
    ]


def complete_in(stories: QuerySet[Story], language: str, *, complete: bool = True) -> QuerySet[Story]:
    """The stories whose text in the language is complete, or those whose text is not."""
    texts = StoryText.objects.filter(story=OuterRef("pk"), language=language)
    written = texts.exclude(headline="").exclude(summary="")
    described = written.filter(Q(story__picture=None) | ~Q(picture_alt=""))
    return stories.filter(Exists(described) if complete else ~Exists(described))


class StoryFilters(WagtailFilterSet):
    """By kind, month, country, translations, state, and whether an edition holds it."""

    kind = django_filters.ChoiceFilter(label=gettext_lazy("Kind"), choices=Story.Kind.choices)
    period = django_filters.ChoiceFilter(method="in_period", label=gettext_lazy("Month"), choices=_months)
    country = django_filters.ChoiceFilter(
        method="in_country", label=gettext_lazy("Country"), choices=_countries
    )
    translation = django_filters.ChoiceFilter(
        method="in_translation", label=gettext_lazy("Translations"), choices=_translations
    )
    ready = django_filters.ChoiceFilter(
        method="in_state",
        label=gettext_lazy("State"),
        choices=[("yes", gettext_lazy("Ready")), ("no", gettext_lazy("Draft"))],
    )
    source = django_filters.ChoiceFilter(method="from_source", label=gettext_lazy("Source"), choices=_sources)
    used = django_filters.ChoiceFilter(
        method="in_use",
        label=gettext_lazy("Editions"),
        choices=[
            ("yes", gettext_lazy("Already in an edition")),
            ("no", gettext_lazy("Not in any edition yet")),
        ],
    )

    class Meta:
        model = Story
        fields: list[str] = []

    def in_period(self, stories: QuerySet[Story], name: str, value: str) -> QuerySet[Story]:
        try:
            month = Period.parse(value)
        except ValueError:
            return stories.none()
        return stories.filter(
            Q(date__gte=month.first_day, date__lt=month.end) | Q(from_period__startswith=value)
        )

    def in_country(self, stories: QuerySet[Story], name: str, value: str) -> QuerySet[Story]:
        # Codes have two letters, so a substring of "KZ,UZ" can only match a whole code.
        return stories.filter(countries__contains=value)

    def in_translation(self, stories: QuerySet[Story], name: str, value: str) -> QuerySet[Story]:
        state, _colon, language = value.partition(":")
        if state != "all":
            return complete_in(stories, language, complete=state == "complete")
        for code in settings.CONFIG.site.languages:
            stories = complete_in(stories, code)
        return stories

    def in_state(self, stories: QuerySet[Story], name: str, value: str) -> QuerySet[Story]:
        return stories.filter(live=value == "yes")

    def from_source(self, stories: QuerySet[Story], name: str, value: str) -> QuerySet[Story]:
        items = StorySourceItem.objects.filter(story=OuterRef("pk"))
        if value == "review":
            items = items.filter(reviewed_at=None, role=StorySourceItem.Role.ORIGIN)
        elif value == "changed":
            items = items.exclude(update={})
        elif value == "deleted":
            items = removed_items_to_decide().filter(story=OuterRef("pk"))
        elif value != "any":
            items = items.filter(source=parse_non_negative_int(value) or 0)
        return stories.filter(Exists(items))

    def in_use(self, stories: QuerySet[Story], name: str, value: str) -> QuerySet[Story]:
        used = list(edition_periods_by_story())
        return stories.filter(pk__in=used) if value == "yes" else stories.exclude(pk__in=used)


class LanguagesColumn(Column):
    """Shows which of the office's languages a story is complete in."""

    cell_template_name = "desk/stories/languages_cell.html"

    def get_value(self, instance: Story) -> Any:
        return marks_html(language_marks(instance, settings.CONFIG.site.languages))


def _used_label(story: Story) -> str:
    """The months of the editions that hold it."""
    return ", ".join(
        localized_names_and_dates.month_name(period) for period in getattr(story, "desk_used", ())
    )


class StoryIndex(IndexView):
    """The table, with the editions that hold each story."""

    def _get_title_column(self, *args: Any, **kwargs: Any) -> Column:
        column: Column = super()._get_title_column(*args, **kwargs)
        # In the language of the desk, where the story has a text in it.
        column.accessor = lambda story: story.headline(staff_localization.active_language())
        return column

    @property
    def header_more_buttons(self) -> list[Button]:
        found = list(super().header_more_buttons)
        if self.request.user.has_perm("mailer.add_story"):
            label = _("Import stories from a Word document")
            found.append(Button(label, url=reverse("desk_word_upload"), icon_name="upload", priority=20))
        if self.request.user.has_perm("mailer.publish_story"):
            label = _("Stories sent by email")
            found.append(Button(label, url=reverse("desk_story_mail"), icon_name="mail", priority=30))
        return found

    def get_edit_url(self, instance: Story) -> str | None:
        # Approvers read and comment; they have no editor.
        writes = self.request.user.has_perm("mailer.change_story")
        return reverse("desk_stories:edit" if writes else "desk_story:preview", args=[instance.pk])

    def paginate_queryset(self, queryset: Any, page_size: int) -> Any:
        paginator, page, rows, paginated = super().paginate_queryset(queryset, page_size)
        rows = list(rows)
        used = edition_periods_by_story(story.pk for story in rows)
        for story in rows:
            story.desk_used = used.get(story.pk, ())
        if page is not None:
            page.object_list = rows
        return paginator, page, rows, paginated


class StoryToDraftView(BackToDraftView):
    """With the editions that the change withdraws."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {
            **context,
            "open_editions": unsent_editions_of_story.editions_withdrawn_by_change(self.object),
        }


class StoryViewSet(SnippetViewSet):
    """Stories with a text per language."""

    model = Story
    icon = "doc-full-inverse"
    menu_name = "stories"
    menu_order = 120
    add_to_admin_menu = True
    admin_url_namespace = "desk_stories"
    base_url_path = "stories"
    copy_view_enabled = False
    filterset_class = StoryFilters
    index_view_class = StoryIndex
    unpublish_view_class = StoryToDraftView
    unpublish_template_name = BackToDraftView.template_name
    list_per_page = 30
    list_display = [
        "__str__",
        StateColumn("ready", label=gettext_lazy("State"), accessor=state_tone_and_label),
        LanguagesColumn("languages", label=gettext_lazy("Languages")),
        Column("kind", label=gettext_lazy("Kind"), accessor="get_kind_display", sort_key="kind"),
        Column(
            "date",
            label=gettext_lazy("Date"),
            accessor=lambda story: localized_names_and_dates.format_day(story.date),
            classname="desk-nowrap",
            sort_key="date",
        ),
        Column(
            "countries",
            label=gettext_lazy("Countries"),
            accessor=lambda story: localized_names_and_dates.country_names_or_all(story.countries),
        ),
        Column("used", label=gettext_lazy("Used in the edition of"), accessor=_used_label),
    ]
    # What the comparison of two versions shows.
    edit_handler = ObjectList(
        [
            MultiFieldPanel([FieldPanel("kind"), FieldPanel("date"), FieldPanel("countries")]),
            InlinePanel(
                "texts",
                [
                    FieldPanel("language"),
                    FieldPanel("headline"),
                    FieldPanel("summary"),
                    FieldPanel("body"),
                    FieldPanel("link_label"),
                    FieldPanel("picture_alt"),
                ],
                heading=gettext_lazy("Texts"),
            ),
            MultiFieldPanel([FieldPanel("picture"), FieldPanel("link")]),
        ],
    )

    @cached_property
    def add_view(self) -> Any:
        return StoryAddPage.as_view()

    @cached_property
    def edit_view(self) -> Any:
        return StoryEditPage.as_view()

    @cached_property
    def revisions_revert_view(self) -> Any:
        return RestoreStoryPage.as_view()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Story] | Any:
        return Story.objects.prefetch_related("texts")
