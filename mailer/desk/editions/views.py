"""The page with all variants of an edition, and what other pages show of variants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages

from mailer import staff_language
from mailer.approval.preflight import PreflightFinding, run_checks
from mailer.approval.submit import render_all
from mailer.desk.base.page_classes import EditionPage
from mailer.desk.editions.variant_matrix import VIEWS, VariantChoice, shown_as, variant_matrix
from mailer.editions.audience import Audience, Combination
from mailer.editions.models import Edition
from mailer.editions.rendering_input import content_of
from mailer.rendering import localization, merge_tags, story_selection, variants
from mailer.rendering.data_types import Content, RenderedVariant
from subscribers.models import Subscriber


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


def variant_choices(content: Content, combinations: Iterable[Combination]) -> dict[str, VariantChoice]:
    """The variants in use, by their keys."""
    found: dict[str, VariantChoice] = {}
    head = content.masthead
    for one in combinations:
        stories = story_selection.story_set(content, one.countries)
        language = localization.resolve_language(one.language, head.languages, head.fallbacks)
        key = story_selection.variant_key(stories, language)
        before = found.get(key)
        subscribers = one.readers + (before.subscribers if before else 0)
        countries = before.countries if before else one.countries
        found[key] = VariantChoice(key, countries, language, subscribers)
    return found


def current_content(edition: Edition) -> tuple[Edition, Content, Audience]:
    """The edition with its latest saved changes, its content, and its audience, as submitted now."""
    latest: Edition = edition.get_latest_revision_as_object()
    return latest, content_of(latest), Audience.of_edition(latest, timezone.now())


def preflight(edition: Edition, content: Content, audience: Audience) -> list[PreflightFinding]:
    """The preflight findings of the edition."""
    return run_checks(edition, content, render_all(content, audience), audience.count())


class VariantsPage(EditionPage):
    """Shows the variant for chosen countries and language, and the list of all variants in use."""

    page_title = _("Preview")
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
            countries=staff_language.country_names(countries) if countries else gettext("all countries"),
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
