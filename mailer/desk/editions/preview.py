"""Previews of an edition: the live preview beside the form, and the page with all variants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from wagtail.admin.views.generic.preview import PreviewOnCreate as WagtailPreviewOnCreate
from wagtail.admin.views.generic.preview import PreviewOnEdit as WagtailPreviewOnEdit
from wagtail.snippets.views.snippets import PreviewRevisionView

from mailer.approval.preflight import PreflightFinding, run_checks
from mailer.approval.submit import render_all
from mailer.desk.base.page_classes import EditionPage
from mailer.editions.audience import Audience, Combination
from mailer.editions.models import Edition
from mailer.editions.rendering_input import content_of
from mailer.rendering import localization, merge_tags, story_selection, variants
from mailer.rendering.data_types import Content, RenderedVariant
from subscribers import iso_codes

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
        "language_name": iso_codes.language_name(language, "en"),
        "choices": [(code, iso_codes.country_name(code, "en"), code in countries) for code in offered],
        "countries": iso_codes.country_names(countries, "en") if countries else "all countries",
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


VIEWS = (("html", "Desktop"), ("phone", "Mobile"), ("text", "Plain text"))
_MAX_LISTED = 60


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
        return iso_codes.country_names(self.countries, "en") if self.countries else "All countries"

    @property
    def language_name(self) -> str:
        return iso_codes.language_name(self.language, "en")

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
        listed = variant_choices(content, audience.combinations())
        email = render_preview(content, countries, language)
        return super().get_context_data(
            email=email,
            headlines=headlines(content, email.stories, language) if email else (),
            country_choices=[
                (code, iso_codes.country_name(code, "en"), code in countries) for code in offered
            ],
            language_choices=[
                (code, iso_codes.language_name(code, "en")) for code in self.edition.newsletter.languages
            ],
            language=language,
            language_name=iso_codes.language_name(language, "en"),
            countries=iso_codes.country_names(countries, "en") if countries else "all countries",
            views=VIEWS,
            view_as=self._view_as(),
            query=urlencode([*(("country", code) for code in countries), ("language", language)]),
            listed=listed[:_MAX_LISTED],
            more=max(0, len(listed) - _MAX_LISTED),
            subscribers=audience.count(),
            findings=preflight(edition, content, audience),
            **kwargs,
        )

    def _language(self) -> str:
        offered = self.edition.newsletter.languages
        chosen = self.request.GET.get("language", "")
        return str(chosen if chosen in offered else offered[0])

    def _view_as(self) -> str:
        chosen = self.request.GET.get("as", "")
        return chosen if chosen in dict(VIEWS) else "html"
