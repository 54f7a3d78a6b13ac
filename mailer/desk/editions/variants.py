"""Preview of all variants of an edition: by countries and language, and the list of those in use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from mailer.approval.preflight import Finding, findings
from mailer.approval.submit import render_all
from mailer.desk.editions import preview
from mailer.desk.editions.edition_base import EditionPage
from mailer.editions.audience import Audience, Combination
from mailer.editions.contents import content_of
from mailer.editions.models import Edition
from mailer.rendering import language as languages
from mailer.rendering import story_selection
from mailer.rendering.records import Content
from subscribers import iso_codes

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
        language = languages.resolve_language(one.language, head.languages, head.fallbacks)
        key = story_selection.variant_key(stories, language)
        before = found.get(key)
        subscribers = one.readers + (before.subscribers if before else 0)
        countries = before.countries if before else one.countries
        found[key] = VariantChoice(key, countries, language, subscribers, len(stories))
    return sorted(
        found.values(), key=lambda choice: (not choice.stories, -choice.subscribers, choice.language)
    )


def latest_version(edition: Edition) -> Edition:
    """The edition with its latest saved changes, as it would be submitted now."""
    latest: Edition = edition.get_latest_revision_as_object()
    return latest


def preflight(edition: Edition, content: Content, audience: Audience) -> list[Finding]:
    """The preflight findings of the edition."""
    return findings(edition, content, render_all(content, audience), audience.count())


class VariantsPage(EditionPage):
    """Shows the variant for chosen countries and language, and the list of all variants in use."""

    page_title = "Preview"
    template_name = "desk/editions/preview_variants.html"
    tab = "Preview"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        edition = latest_version(self.edition)
        content, audience = content_of(edition), Audience.of_edition(edition, timezone.now())
        offered = self.edition.newsletter.countries
        countries = tuple(code for code in offered if code in self.request.GET.getlist("country"))
        language = self._language()
        listed = variant_choices(content, audience.combinations())
        return super().get_context_data(
            email=preview.render_preview(content, countries, language),
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
