"""The live preview of an edition: one variant, for a language and a set of countries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from wagtail.admin.views.generic.preview import PreviewOnCreate as WagtailPreviewOnCreate
from wagtail.admin.views.generic.preview import PreviewOnEdit as WagtailPreviewOnEdit
from wagtail.snippets.views.snippets import PreviewRevisionView

from mailer.editions.contents import content_of
from mailer.editions.models import Edition
from mailer.rendering import merge_tags, variants
from mailer.rendering.records import Content
from subscribers import iso_codes

# preview.js stores the chosen countries in it, so that Wagtail's refresh of the panel keeps them.
COUNTRIES_COOKIE = "desk_countries"


@dataclass(frozen=True)
class PreviewedEmail:
    """One variant with placeholder values for its merge tags."""

    subject: str
    preheader: str
    html: str
    text: str
    # Headlines of the stories in it, in order.
    headlines: tuple[str, ...]
    # Notes for staff, such as missing translations.
    notes: tuple[str, ...]
    key: str


def render_preview(content: Content, countries: Sequence[str], language: str) -> PreviewedEmail | None:
    """The variant for `countries` (empty: all) in `language`; None if it would have no story."""
    try:
        rendered = variants.render(content, countries, language)
    except variants.NothingToShow:
        return None
    return PreviewedEmail(
        subject=rendered.subject,
        preheader=rendered.preheader,
        html=fill_html(rendered.html, countries, language),
        text=merge_tags.fill_text(rendered.text, placeholder_values(countries, language)),
        headlines=headlines(content, rendered.stories, language),
        notes=rendered.warnings,
        key=rendered.key,
    )


def placeholder_values(countries: Sequence[str], language: str) -> dict[str, str]:
    """Placeholder values for the merge tags, with links that lead nowhere."""
    return {
        "unsubscribe_url": "#",
        "preferences_url": "#",
        "countries": merge_tags.country_names(countries, language),
    }


def fill_html(html: str, countries: Sequence[str], language: str) -> str:
    """The HTML with placeholder values for its merge tags."""
    return merge_tags.fill_html(html, placeholder_values(countries, language))


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
