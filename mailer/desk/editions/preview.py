"""The live preview of an edition: one variant as a reader gets it, in a language, for some countries."""

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

# The preview's script keeps the chosen countries here, so that the panel's own refreshing does not lose them.
COOKIE = "desk_countries"


@dataclass(frozen=True)
class Shown:
    """One variant with its marks filled for nobody in particular."""

    subject: str
    preheader: str
    html: str
    text: str
    # Headlines of the stories in it, in order.
    headlines: tuple[str, ...]
    # What staff should know: fallbacks and the like.
    notes: tuple[str, ...]
    key: str


def show(content: Content, countries: Sequence[str], language: str) -> Shown | None:
    """The variant for readers of `countries` (none: all) in `language`; None when no story is for them."""
    try:
        rendered = variants.render(content, countries, language)
    except variants.NothingToShow:
        return None
    return Shown(
        subject=rendered.subject,
        preheader=rendered.preheader,
        html=filled(rendered.html, countries, language),
        text=merge_tags.fill_text(rendered.text, values(countries, language)),
        headlines=headlines(content, rendered.stories, language),
        notes=rendered.notes,
        key=rendered.key,
    )


def values(countries: Sequence[str], language: str) -> dict[str, str]:
    """Values for the personal marks of a copy that staff look at: links that lead nowhere."""
    return {"leave_url": "#", "prefs_url": "#", "countries": merge_tags.country_names(countries, language)}


def filled(html: str, countries: Sequence[str], language: str) -> str:
    """The HTML with its marks filled for staff to look at."""
    return merge_tags.fill_html(html, values(countries, language))


def headlines(content: Content, keys: Sequence[str], language: str) -> tuple[str, ...]:
    """Headlines of the stories with these keys, in `language` where there is one, else in any."""
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
    """Countries of a cookie ("KZ.UZ") that are offered, in their order; none means every country."""
    wanted = set(raw.split("."))
    return tuple(code for code in offered if code in wanted)


def page(edition: Edition, request: HttpRequest, mode: str) -> HttpResponse:
    """The preview panel's page for a mode such as "ru:html"."""
    language, _, form = mode.partition(":")
    offered = edition.newsletter.countries
    countries = chosen_countries(request.COOKIES.get(COOKIE, ""), offered)
    content = content_of(edition)
    shown = show(content, countries, language)
    context: dict[str, Any] = {
        "shown": shown,
        "as_text": form == "text",
        "language": language,
        "language_name": iso_codes.language_name(language, "en"),
        "choices": [(code, iso_codes.country_name(code, "en"), code in countries) for code in offered],
        "countries": iso_codes.country_names(countries, "en") if countries else "every country",
        "cookie": COOKIE,
        "problem": ""
        if shown
        else "No ready story of this edition is for these countries: they would get no mail.",
    }
    return render(request, "desk/preview.html", context)


def _lend(edition: Edition) -> Edition:
    """The edition with our page as its preview; the model itself knows no pages."""
    edition.serve_preview = partial(page, edition)
    return edition


class PreviewOnEdit(WagtailPreviewOnEdit):
    def get_object(self) -> Edition:
        return _lend(super().get_object())


class PreviewOnCreate(WagtailPreviewOnCreate):
    def get_object(self) -> Edition:
        return _lend(super().get_object())


class PreviewRevision(PreviewRevisionView):
    def get_revision_object(self) -> Edition:
        return _lend(super().get_revision_object())
