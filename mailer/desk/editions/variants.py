"""Previewing every variant of an edition: by countries and language, and as a list of what readers chose."""

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

VIEWS = (("html", "Desktop"), ("phone", "Phone"), ("text", "Plain text"))
_LISTED = 60


@dataclass(frozen=True)
class Choice:
    """A variant, and the readers who get it."""

    key: str
    countries: tuple[str, ...]
    language: str
    readers: int
    # Stories in it; 0: these readers get no mail.
    stories: int

    @property
    def names(self) -> str:
        if self.countries == (story_selection.ELSEWHERE,):
            return "Any other country"
        return iso_codes.country_names(self.countries, "en") if self.countries else "Every country"

    @property
    def language_name(self) -> str:
        return iso_codes.language_name(self.language, "en")

    @property
    def query(self) -> str:
        return urlencode([*(("country", code) for code in self.countries), ("language", self.language)])


def choices(content: Content, combinations: Iterable[Combination]) -> list[Choice]:
    """What readers chose, a row per variant, most readers first; those who get nothing stand last."""
    found: dict[str, Choice] = {}
    head = content.masthead
    for one in combinations:
        stories = story_selection.story_set(content, one.countries)
        language = languages.spoken(one.language, head.languages, head.fallbacks)
        key = story_selection.variant_key(stories, language)
        before = found.get(key)
        readers = one.readers + (before.readers if before else 0)
        countries = before.countries if before else one.countries
        found[key] = Choice(key, countries, language, readers, len(stories))
    return sorted(found.values(), key=lambda choice: (not choice.stories, -choice.readers, choice.language))


def as_it_stands(edition: Edition) -> Edition:
    """The edition with its latest saved changes: what would be submitted now."""
    latest: Edition = edition.get_latest_revision_as_object()
    return latest


def checked(edition: Edition, content: Content, audience: Audience) -> list[Finding]:
    """What preflight says of the edition as it stands."""
    return findings(edition, content, render_all(content, audience), audience.count())


class VariantsPage(EditionPage):
    """Choose countries and a language (GET), and see that variant; beside it all that readers would get."""

    page_title = "Preview every variant"
    template_name = "desk/editions/variants.html"
    current = "Preview"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        edition = as_it_stands(self.edition)
        content, audience = content_of(edition), Audience.of(edition, timezone.now())
        offered = self.edition.newsletter.countries
        countries = tuple(code for code in offered if code in self.request.GET.getlist("country"))
        language = self._language()
        listed = choices(content, audience.combinations())
        return super().get_context_data(
            shown=preview.show(content, countries, language),
            country_choices=[
                (code, iso_codes.country_name(code, "en"), code in countries) for code in offered
            ],
            language_choices=[
                (code, iso_codes.language_name(code, "en")) for code in self.edition.newsletter.languages
            ],
            language=language,
            language_name=iso_codes.language_name(language, "en"),
            countries=iso_codes.country_names(countries, "en") if countries else "every country",
            views=VIEWS,
            view_as=self._view_as(),
            query=urlencode([*(("country", code) for code in countries), ("language", language)]),
            listed=listed[:_LISTED],
            more=max(0, len(listed) - _LISTED),
            readers=audience.count(),
            findings=checked(edition, content, audience),
            **kwargs,
        )

    def _language(self) -> str:
        offered = self.edition.newsletter.languages
        wanted = self.request.GET.get("language", "")
        return str(wanted if wanted in offered else offered[0])

    def _view_as(self) -> str:
        wanted = self.request.GET.get("as", "")
        return wanted if wanted in dict(VIEWS) else "html"
