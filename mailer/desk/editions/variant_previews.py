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

from mailer import staff_localization
from mailer.approval.models import Snapshot
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.page_base_classes import EditionPage, current_user
from mailer.desk.editions import variant_version_diff
from mailer.desk.editions.finding_lines import finding_lines, findings_summary
from mailer.desk.editions.load_draft_and_run_preflight import current_content, run_preflight
from mailer.desk.editions.preview_modes import VIEWS, shown_as
from mailer.desk.editions.variant_matrix import VariantChoice, variant_matrix
from mailer.editions import pictures
from mailer.editions.audience import Combination
from mailer.editions.cached_audience_counts import cached_or_live_count
from mailer.editions.models import Edition
from mailer.rendering import localization, merge_tags, story_selection, variants
from mailer.rendering.data_types import Content, RenderedVariant, from_json
from subscribers import iso_codes
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
        "countries": merge_tags.country_names_or_all(countries, rendered.language),
    }
    html = pictures.with_pictures_from_site(merge_tags.fill_html(rendered.html, values))
    return replace(rendered, html=html, text=merge_tags.fill_text(rendered.text, values))


def story_headlines(content: Content, keys: Sequence[str], language: str) -> tuple[str, ...]:
    """Headlines of the stories with these keys, in `language` if available, else in any language."""
    stories = content.stories_by_key
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
    selector = story_selection.Selector(content)
    for one in combinations:
        stories = selector.story_set(one.countries)
        language = localization.resolve_language(one.language, head.languages, head.fallbacks)
        key = story_selection.variant_key(stories, language)
        before = found.get(key)
        subscribers = one.readers + (before.subscribers if before else 0)
        countries = before.countries if before else one.countries
        found[key] = VariantChoice(key, countries, language, subscribers)
    return found


def comparison_context(
    edition: Edition,
    snapshot: Snapshot | None,
    shown: RenderedVariant | None,
    content: Content,
    countries: Sequence[str],
    beside: str,
    view_as: str,
) -> dict[str, Any]:
    """The earlier versions that `shown` (filled in) can be compared with, and the one that `beside` names.

    `content` is that of `shown`; `snapshot` its snapshot, None for the draft.
    """
    earlier = variant_version_diff.approved_and_previous_edition_snapshots(edition, snapshot)
    context: dict[str, Any] = {
        "versions": [(name, _version_label(name, one)) for name, one in earlier.items()],
        "comparing": beside if shown and beside in earlier else "",
        "comparison": None,
    }
    if not shown or beside not in earlier:
        return context
    context["version_label"] = _version_label(beside, earlier[beside])
    before = variant_version_diff.stored_or_rendered_variant(earlier[beside], countries, shown.language)
    if before is None:
        return context
    stories = (
        *from_json(earlier[beside].content).stories_by_key.values(),
        *content.stories_by_key.values(),
    )
    names = {
        story.key: next(
            (text.headline for text in story.texts if text.language == shown.language),
            story.texts[0].headline,
        )
        for story in stories
    }
    found = variant_version_diff.compare_versions(fill_placeholders(before, countries), shown, names)
    context["comparison"] = replace(
        found,
        before=replace(found.before, email=shown_as(found.before.email, view_as)),
        after=replace(found.after, email=shown_as(found.after.email, view_as)),
    )
    return context


def _version_label(name: str, snapshot: Snapshot) -> str:
    if name == variant_version_diff.SENT:
        return gettext("Last sent edition: %(edition)s") % {"edition": snapshot.edition}
    at = localized_names_and_dates.format_moment(
        snapshot.approved_at or snapshot.submitted_at, snapshot.edition.newsletter.zone
    )
    return gettext("Last approved version of this edition, %(at)s") % {"at": at}


class VariantsPage(EditionPage):
    """Shows the variant for chosen countries and language, and the list of all variants in use."""

    page_title = _("Preview")
    template_name = "desk/editions/preview_variants.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        edition, content, audience = current_content(self.edition)
        chosen_codes = dict.fromkeys(self.request.GET.getlist("country"))
        served = self.edition.newsletter.countries
        # A reader may have chosen countries that this newsletter does not serve, not "all countries".
        others = (code for code in chosen_codes if code in iso_codes.COUNTRIES and code not in served)
        offered = (*served, *others)
        countries = tuple(code for code in offered if code in chosen_codes)
        language = self._language()
        counted = cached_or_live_count(audience, timezone.now())
        chosen = [*(("country", code) for code in countries), ("language", language)]
        email = render_preview(content, countries, language)
        checks = run_preflight(edition, content, counted)
        matrix = variant_matrix(content, counted.combinations, checks.sizes)
        beside = matrix.cell(self.request.GET.get("beside", ""))
        lines = finding_lines(checks.findings, self.edition, content, current_user(self.request))
        beside_email = render_preview(content, beside.countries, beside.language) if beside else None
        return super().get_context_data(
            email=shown_as(email, self._view_as()) if email else None,
            headlines=story_headlines(content, email.stories, language) if email else (),
            country_choices=[
                (code, staff_localization.country_name(code), code in countries) for code in offered
            ],
            language_choices=[
                (code, staff_localization.language_name(code)) for code in self.edition.newsletter.languages
            ],
            language=language,
            language_name=staff_localization.language_name(language),
            countries=staff_localization.country_names(countries) if countries else gettext("all countries"),
            views=VIEWS,
            view_as=self._view_as(),
            query=urlencode(chosen),
            kept=[*chosen, ("as", self._view_as())],
            shown_key=email.key if email else "",
            matrix=matrix,
            beside=beside,
            beside_email=shown_as(beside_email, self._view_as()) if beside_email else None,
            **comparison_context(
                self.edition,
                None,
                email,
                content,
                countries,
                self.request.GET.get("beside", ""),
                self._view_as(),
            ),
            subscribers=counted.total,
            counted_at=counted.counted_at,
            may_look_up=self.request.user.has_perm("subscribers.view_subscriber"),
            checks_link="#desk-checks",
            findings=lines,
            checks_summary=findings_summary(lines, self.overview.state),
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
        countries = [("country", code) for code in found.countries]
        head = current_content(self.edition)[1].masthead
        language = localization.resolve_language(found.language, head.languages, head.fallbacks)
        query = urlencode([*countries, ("language", language)])
        return redirect(f"{reverse('desk_edition:variants', args=[pk])}?{query}#desk-snapshot")
