"""Editions: the list, the edit form with its live preview, and the page with all variants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

import django_filters
from django.db.models import ProtectedError, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.panels import FieldPanel, FieldRowPanel, InlinePanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.generic.preview import PreviewOnCreate as WagtailPreviewOnCreate
from wagtail.admin.views.generic.preview import PreviewOnEdit as WagtailPreviewOnEdit
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.snippets.views.snippets import (
    DeleteView,
    EditView,
    IndexView,
    PreviewRevisionView,
    SnippetViewSet,
)

from mailer import staff_language
from mailer.approval.preflight import PreflightFinding, run_checks
from mailer.approval.submit import render_all
from mailer.desk.base.edition_workflow import next_action, next_step_label, overview, state_label
from mailer.desk.base.forms import LanguageSelect, TranslationsForm
from mailer.desk.base.page_classes import EditionPage
from mailer.desk.base.tables import StateColumn
from mailer.desk.editions.variant_matrix import VIEWS, shown_as, variant_matrix
from mailer.editions.audience import Audience, Combination
from mailer.editions.models import Edition, Newsletter
from mailer.editions.rendering_input import content_of
from mailer.rendering import localization, merge_tags, story_selection, variants
from mailer.rendering.data_types import Content, RenderedVariant
from mailer.reports.edition_state import edition_state
from subscribers.models import Subscriber

_FIXED = ("newsletter", "period", "number")


class EditionForm(TranslationsForm):
    """An edition. Newsletter, period and number cannot change once it exists."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for name in _FIXED:
                if name in self.fields:
                    self.fields[name].disabled = True


class EditionFilters(WagtailFilterSet):
    """By newsletter."""

    newsletter = django_filters.ModelChoiceFilter(queryset=Newsletter.objects.all())

    class Meta:
        model = Edition
        fields: list[str] = []


def _state(edition: Edition) -> str:
    """The edition's state, queried once per row."""
    if not hasattr(edition, "desk_state"):
        edition.desk_state = edition_state(edition)
    return str(edition.desk_state)


class EditionIndex(IndexView):
    """The table, newest period first. New editions are assembled."""

    def get_base_queryset(self) -> QuerySet[Edition]:
        editions: QuerySet[Edition] = Edition.objects.select_related("newsletter").order_by(
            "-period", "newsletter__name"
        )
        return editions

    @property
    def header_buttons(self) -> list[HeaderButton]:
        if not self.request.user.has_perm("mailer.add_edition"):
            return []
        chosen = list(Newsletter.objects.all()[:6])
        return [
            HeaderButton(
                f"Assemble {one.name}" if len(chosen) > 1 else "Assemble an edition",
                url=reverse("desk_assemble", args=[one.pk]),
                icon_name="plus",
            )
            for one in chosen
        ]

    @property
    def header_more_buttons(self) -> list[Button]:
        add = self.add_url
        return [Button("Create an empty edition", url=add, icon_name="doc-empty", priority=50)] if add else []

    def get_list_more_buttons(self, instance: Edition) -> list[Any]:
        buttons: list[Any] = super().get_list_more_buttons(instance)
        state = _state(instance)
        action = next_action(instance, state, self.request.user)
        if action:
            buttons.append(Button(action.label, url=action.url, icon_name=action.icon, priority=1))
        variants = reverse("desk_edition:variants", args=[instance.pk])
        buttons.append(Button("Preview all variants", url=variants, icon_name="view", priority=5))
        return buttons


class EditionEdit(EditView):
    """The form, under the same header as the edition's other pages."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["overview"] = overview(self.live_object, self.request.user)
        context["current_tab"] = "Edit"
        return context

    def get_side_panels(self) -> Any:
        """Removes Wagtail's status panel: its "live" could be mistaken for "sent"."""
        panels = super().get_side_panels()
        return type(panels)([panel for panel in panels if panel.name != "status"])


class EditionDeleteView(DeleteView):
    """Deletes an edition that was never submitted. Wagtail's reference index does not know snapshots."""

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().form_valid(form)
        except ProtectedError:
            reason = "it was submitted, and submitted editions are kept permanently."
            messages.error(self.request, f"{self.object} was not deleted: {reason}")
            return redirect(self.get_success_url())
        return response


# preview.js stores the chosen countries in it, so that Wagtail's refresh of the panel keeps them.
COUNTRIES_COOKIE = "desk_countries"


def render_preview(content: Content, countries: Sequence[str], language: str) -> RenderedVariant | None:
    """The variant for `countries` (empty: all) in `language`, filled in; None if it would have no story."""
    try:
        return fill_placeholders(variants.render(content, countries, language), countries)
    except variants.NothingToShow:
        return None


def fill_placeholders(rendered: RenderedVariant, countries: Sequence[str]) -> RenderedVariant:
    """The variant with placeholder values for its merge tags, and links that lead nowhere."""
    values = {
        "unsubscribe_url": "#",
        "preferences_url": "#",
        "countries": merge_tags.country_names(countries, rendered.language),
    }
    html = merge_tags.fill_html(rendered.html, values)
    return replace(rendered, html=html, text=merge_tags.fill_text(rendered.text, values))


def headlines(content: Content, keys: Sequence[str], language: str) -> tuple[str, ...]:
    """Headlines of the stories with these keys, in `language` if available, else in any language."""
    stories = {story.key: story for story in content.stories}
    return tuple(
        next(
            (text.headline for text in stories[key].texts if text.language == language),
            stories[key].texts[0].headline,
        )
        for key in keys
        if key in stories
    )


def chosen_countries(raw: str, offered: Sequence[str]) -> tuple[str, ...]:
    """The countries in the cookie ("KZ.UZ") that are offered, in that order; empty means all countries."""
    wanted = set(raw.split("."))
    return tuple(code for code in offered if code in wanted)


def preview_response(edition: Edition, request: HttpRequest, mode: str) -> HttpResponse:
    """Renders the preview panel for a mode such as "ru:html"."""
    language, _, form = mode.partition(":")
    offered = edition.newsletter.countries
    countries = chosen_countries(request.COOKIES.get(COUNTRIES_COOKIE, ""), offered)
    content = content_of(edition)
    email = render_preview(content, countries, language)
    context: dict[str, Any] = {
        "email": email,
        "headlines": headlines(content, email.stories, language) if email else (),
        "as_text": form == "text",
        "language": language,
        "language_name": staff_language.language_name(language),
        "choices": [(code, staff_language.country_name(code), code in countries) for code in offered],
        "countries": staff_language.country_names(countries) if countries else "all countries",
        "cookie": COUNTRIES_COOKIE,
        "error": ""
        if email
        else "No ready story matches these countries: these subscribers would get no email.",
    }
    return render(request, "desk/editions/live_preview.html", context)


def _with_preview(edition: Edition) -> Edition:
    """The edition with our page as its preview. The model itself must not know desk pages."""
    edition.serve_preview = partial(preview_response, edition)
    return edition


class PreviewOnEdit(WagtailPreviewOnEdit):
    def get_object(self) -> Edition:
        return _with_preview(super().get_object())


class PreviewOnCreate(WagtailPreviewOnCreate):
    def get_object(self) -> Edition:
        return _with_preview(super().get_object())


class PreviewRevision(PreviewRevisionView):
    def get_revision_object(self) -> Edition:
        return _with_preview(super().get_revision_object())


@dataclass(frozen=True)
class VariantChoice:
    """A variant, and the subscribers who get it."""

    key: str
    countries: tuple[str, ...]
    language: str
    subscribers: int
    # Number of stories; with 0 these subscribers get no email.
    stories: int

    @property
    def names(self) -> str:
        if self.countries == (story_selection.ELSEWHERE,):
            return "Other countries"
        return staff_language.country_names(self.countries) if self.countries else "All countries"

    @property
    def language_name(self) -> str:
        return staff_language.language_name(self.language)

    @property
    def query(self) -> str:
        return urlencode([*(("country", code) for code in self.countries), ("language", self.language)])


def variant_choices(content: Content, combinations: Iterable[Combination]) -> list[VariantChoice]:
    """The variants in use, largest first; subscribers who get no email come last."""
    found: dict[str, VariantChoice] = {}
    head = content.masthead
    for one in combinations:
        stories = story_selection.story_set(content, one.countries)
        language = localization.resolve_language(one.language, head.languages, head.fallbacks)
        key = story_selection.variant_key(stories, language)
        before = found.get(key)
        subscribers = one.readers + (before.subscribers if before else 0)
        countries = before.countries if before else one.countries
        found[key] = VariantChoice(key, countries, language, subscribers, len(stories))
    return sorted(
        found.values(), key=lambda choice: (not choice.stories, -choice.subscribers, choice.language)
    )


def current_content(edition: Edition) -> tuple[Edition, Content, Audience]:
    """The edition with its latest saved changes, its content, and its audience, as submitted now."""
    latest: Edition = edition.get_latest_revision_as_object()
    return latest, content_of(latest), Audience.of_edition(latest, timezone.now())


def preflight(edition: Edition, content: Content, audience: Audience) -> list[PreflightFinding]:
    """The preflight findings of the edition."""
    return run_checks(edition, content, render_all(content, audience), audience.count())


class VariantsPage(EditionPage):
    """Shows the variant for chosen countries and language, and the list of all variants in use."""

    page_title = "Preview"
    template_name = "desk/editions/preview_variants.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        edition, content, audience = current_content(self.edition)
        offered = self.edition.newsletter.countries
        countries = tuple(code for code in offered if code in self.request.GET.getlist("country"))
        language = self._language()
        combinations = list(audience.combinations())
        chosen = [*(("country", code) for code in countries), ("language", language)]
        email = render_preview(content, countries, language)
        rendered = render_all(content, audience)
        by_key = {variant.key: variant for variant in rendered}
        sizes = {key: len(variant.html.encode()) for key, variant in by_key.items()}
        matrix = variant_matrix(content, combinations, sizes)
        beside = matrix.cell(self.request.GET.get("beside", ""))
        return super().get_context_data(
            email=shown_as(email, self._view_as()) if email else None,
            headlines=headlines(content, email.stories, language) if email else (),
            country_choices=[
                (code, staff_language.country_name(code), code in countries) for code in offered
            ],
            language_choices=[
                (code, staff_language.language_name(code)) for code in self.edition.newsletter.languages
            ],
            language=language,
            language_name=staff_language.language_name(language),
            countries=staff_language.country_names(countries) if countries else "all countries",
            views=VIEWS,
            view_as=self._view_as(),
            query=urlencode(chosen),
            kept=[*chosen, ("as", self._view_as())],
            shown_key=email.key if email else "",
            matrix=matrix,
            beside=beside,
            beside_email=shown_as(fill_placeholders(by_key[beside.key], beside.countries), self._view_as())
            if beside and beside.key in by_key
            else None,
            subscribers=audience.count(),
            may_look_up=self.request.user.has_perm("subscribers.view_subscriber"),
            findings=run_checks(edition, content, rendered, audience.count()),
            **kwargs,
        )

    def _language(self) -> str:
        offered = self.edition.newsletter.languages
        chosen = self.request.GET.get("language", "")
        return str(chosen if chosen in offered else offered[0])

    def _view_as(self) -> str:
        chosen = self.request.GET.get("as", "")
        return chosen if chosen in dict(VIEWS) else "html"


class AsReaderAction(EditionPage):
    """POST only, and changes nothing: leads from an address to the preview of what its subscriber gets."""

    http_method_names = ["post"]

    def has_permission(self) -> bool:
        return self.request.user.has_perms(("mailer.view_edition", "subscribers.view_subscriber"))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        found = Subscriber.objects.filter(email__iexact=request.POST.get("email", "").strip()).first()
        if found is None:
            messages.error(request, gettext("No subscriber has this address."))
            return self.redirect_to("variants")
        offered = self.edition.newsletter.countries
        countries = [("country", code) for code in found.countries if code in offered]
        head = current_content(self.edition)[1].masthead
        language = localization.resolve_language(found.language, head.languages, head.fallbacks)
        query = urlencode([*countries, ("language", language)])
        return redirect(f"{reverse('desk_edition:variants', args=[pk])}?{query}#desk-snapshot")


class EditionViewSet(SnippetViewSet):
    """Editions of newsletters."""

    model = Edition
    icon = "openquote"
    menu_order = 110
    add_to_admin_menu = True
    admin_url_namespace = "desk_editions"
    base_url_path = "editions"
    copy_view_enabled = False
    index_view_class = EditionIndex
    edit_view_class = EditionEdit
    delete_view_class = EditionDeleteView
    edit_template_name = "desk/editions/edit.html"
    preview_on_add_view_class = PreviewOnCreate
    preview_on_edit_view_class = PreviewOnEdit
    revisions_view_class = PreviewRevision
    filterset_class = EditionFilters
    list_display = [
        "__str__",
        Column("number", label="Number"),
        StateColumn("state", label="State", accessor=lambda one: state_label(_state(one))),
        Column("next_step", label="Next step", accessor=lambda one: next_step_label(_state(one))),
    ]
    edit_handler = ObjectList(
        [
            FieldPanel("body", heading="Content"),
            InlinePanel(
                "texts",
                [
                    FieldPanel("language", widget=LanguageSelect),
                    FieldPanel("subject"),
                    FieldPanel("preheader"),
                ],
                heading="Subject lines",
                label="language",
            ),
            MultiFieldPanel(
                [FieldRowPanel([FieldPanel("segment"), FieldPanel("excluded")])],
                heading="Audience",
                help_text="Subscribers of the newsletter’s lists, optionally limited by segments. "
                "A subscriber on several lists receives one email.",
            ),
            MultiFieldPanel(
                [FieldRowPanel([FieldPanel("newsletter"), FieldPanel("period"), FieldPanel("number")])],
                heading="Newsletter and period",
                help_text="Cannot be changed once the edition exists.",
            ),
        ],
        base_form_class=EditionForm,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Edition]:
        editions: QuerySet[Edition] = Edition.objects.select_related("newsletter")
        return editions
