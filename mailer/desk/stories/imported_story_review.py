"""Stories that came in from sources: the panel beside the editor, and the page of suggestions to review."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.images import get_image_model
from wagtail.log_actions import log

from mailer import staff_localization
from mailer.accounts import contributor_permissions
from mailer.delivery.models import Mailing
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.form_widgets import parse_non_negative_int
from mailer.desk.base.page_base_classes import StaffPage, current_user
from mailer.desk.stories.duplicate_and_restore import OwnStory, StoryAction
from mailer.editions.models import story_ids_in
from mailer.rendering import sanitize
from mailer.stories import draft_editing, items_removed_at_source, source_change_and_merge_decisions
from mailer.stories.models import Story, StorySourceItem
from mailer.stories.source_change_and_merge_decisions import MergeError, PendingChange
from subscribers import iso_codes
from subscribers.code_list_field import split_codes
from subscribers.translate_stored_texts import translated

# Stories on the page of suggestions.
_LISTED = 50

_PLACES = {
    "stated": gettext_lazy("Suggested country %(country)s: the source names it (“%(word)s”)."),
    "category": gettext_lazy("Suggested country %(country)s: the source has the category “%(word)s”."),
    "headline": gettext_lazy("Suggested country %(country)s: “%(word)s” is in the headline."),
    "lead": gettext_lazy("Suggested country %(country)s: “%(word)s” is in the first lines."),
    "body": gettext_lazy("Suggested country %(country)s: “%(word)s” is in the text."),
    "source": gettext_lazy("Suggested country %(country)s: the source is about this country."),
}
_KINDS = {
    "stated": gettext_lazy("Suggested kind of story, %(kind)s: the source says so."),
    "category": gettext_lazy("Suggested kind of story, %(kind)s: the source has the category “%(word)s”."),
    "headline": gettext_lazy("Suggested kind of story, %(kind)s: “%(word)s” is in the headline."),
    "date": gettext_lazy(
        "Suggested kind of story, %(kind)s: the text names a future day and contains the word “%(word)s”."
    ),
    "none": gettext_lazy("Suggested kind of story, %(kind)s: nothing indicates another kind."),
}
_LANGUAGES = {
    "stated": gettext_lazy("Suggested language %(language)s: the source says so."),
    "detected": gettext_lazy("Suggested language %(language)s: recognised from the text."),
    "source": gettext_lazy("Suggested language %(language)s: it is the language of the source."),
    "site": gettext_lazy("Suggested language %(language)s: the language could not be recognised. Check it."),
}
_DATES = {
    "missing": gettext_lazy("The source gave no date, so the story has the date on which it was imported."),
    "future": gettext_lazy(
        "The source gave a date in the future, so the story has the date on which it was imported."
    ),
    "event": gettext_lazy("The suggested date is the day of the event that the text names."),
}
_SIGNS = {
    "link": gettext_lazy("Perhaps duplicates: both stories have the same web address."),
    "headline": gettext_lazy(
        "Perhaps duplicates: both stories have the same headline and were published within a few days."
    ),
    "text": gettext_lazy("Perhaps duplicates: the texts of both stories are nearly the same."),
    "picture": gettext_lazy(
        "Perhaps duplicates: both stories have the same picture and were published within a few days."
    ),
    "event": gettext_lazy(
        "Perhaps duplicates: both stories are about an event on the same day at the same time."
    ),
    "numbers": gettext_lazy(
        "Perhaps duplicates: both stories name the same numbers and "
        "people, and were published on the same day."
    ),
}


@dataclass(frozen=True)
class FieldChange:
    """A field that the source changed, beside the story's own."""

    field: str
    label: str
    ours: SafeString
    theirs: SafeString


@dataclass(frozen=True)
class SourceLine:
    """What staff see of one entry of a source that a story comes from."""

    item: StorySourceItem
    # Sentences with the reasons of the suggestions; empty once they are reviewed.
    reasons: tuple[str, ...]
    # (code, name, chosen) of the countries that staff choose from instead.
    choices: tuple[tuple[str, str, bool], ...]
    # How it repeats or resembles another story.
    sign: str
    changes: tuple[FieldChange, ...]
    picture_problem: str
    # No source has the story any more, staff have not touched its draft, and they have not decided.
    asks_to_keep: bool

    @property
    def waits(self) -> bool:
        """Whether its suggestions wait for staff."""
        return self.item.reviewed_at is None and self.item.role == StorySourceItem.Role.ORIGIN


def source_lines_for_story(draft: Story, label: Any) -> list[SourceLine]:
    """The entries of sources that belong to the story. `label`: names a field of the form."""
    items = draft.source_items.select_related("source", "similar_to").order_by("pk")
    deleted = bool(items_removed_at_source.removed_stories_to_decide([draft.pk]))
    lines = [_line(item, draft, label, deleted=deleted) for item in items]
    return sorted(lines, key=lambda line: line.item.role != StorySourceItem.Role.ORIGIN)


def _line(item: StorySourceItem, draft: Story, label: Any, *, deleted: bool) -> SourceLine:
    waits = item.reviewed_at is None
    return SourceLine(
        item,
        suggestion_reasons(item) if waits else (),
        _choices(item, draft) if waits else (),
        str(_SIGNS.get(item.similar_reason, "")),
        tuple(
            FieldChange(
                one.field,
                label(one.field),
                *_beside(one),
            )
            for one in source_change_and_merge_decisions.pending_changes(item, draft)
        ),
        translated(item.picture_problem),
        deleted
        and item.role == StorySourceItem.Role.ORIGIN
        and item.removed_at is not None
        and source_change_and_merge_decisions.is_untouched(item, draft),
    )


def suggestion_reasons(item: StorySourceItem) -> tuple[str, ...]:
    """Sentences that say what is suggested, and why."""
    found, given = country_reasons(item), item.suggestion
    kind, reason, word = given.get("kind", ("news", "none", ""))
    named = {"kind": Story.Kind(kind).label, "word": word}
    found.append(str(_KINDS[reason]) % named)
    language, reason = given.get("language", (item.language, "stated"))
    found.append(str(_LANGUAGES[reason]) % {"language": staff_localization.language_name(language)})
    if given.get("date") in _DATES:
        found.append(str(_DATES[given["date"]]))
    return tuple(found)


def country_reasons(item: StorySourceItem) -> list[str]:
    """A sentence for each suggested country, and on what else the text names."""
    given = item.suggestion
    reasons = given.get("reasons", ())
    region = _("The whole region (every country)")
    found = [
        str(_PLACES[place])
        % {"country": staff_localization.country_name(code) if code else region, "word": word}
        for code, word, place in reasons
    ]
    if given.get("region") and not any(code == "" for code, _word, _place in reasons):
        found.append(_("A story about so many countries is shown to the whole region."))
    if not reasons:
        found.append(
            _("No country was recognised: unless you choose some, readers of the whole region get the story.")
        )
    if given.get("also_named"):
        found.append(
            _("Countries also named in the text: %(countries)s.")
            % {"countries": staff_localization.country_names(given["also_named"])}
        )
    return found


def _choices(item: StorySourceItem, draft: Story) -> tuple[tuple[str, str, bool], ...]:
    offered = dict.fromkeys(
        (*settings.CONFIG.site.countries, *draft.countries, *item.suggestion.get("also_named", ()))
    )
    return tuple((code, staff_localization.country_name(code), code in draft.countries) for code in offered)


def _beside(change: PendingChange) -> tuple[SafeString, SafeString]:
    """A field of the story, and the source's: with marks, or as pictures."""
    if change.field == "picture":
        return _picture(change.ours), _picture(change.theirs)
    return mark_differences(_shown(change.field, change.ours), _shown(change.field, change.theirs))


def _picture(pk: str) -> SafeString:
    found = get_image_model().objects.filter(pk=parse_non_negative_int(pk) or 0).first()
    if found is None:
        return SafeString("")
    try:
        shown = found.get_rendition("max-480x320|format-webp")
    except OSError:
        # The file is missing.
        return format_html("{}", found.title)
    return format_html(
        '<img class="desk-story__picture" src="{}" width="{}" height="{}" alt="{}">',
        shown.url,
        shown.width,
        shown.height,
        found.title,
    )


def _shown(field: str, value: str) -> str:
    """A field's value as staff read it."""
    part = field.partition("-")[0]
    if field == "kind" and value in Story.Kind.values:
        return str(Story.Kind(value).label)
    return sanitize.to_plain_text(value) if part == "body" else value


_PIECE = re.compile(r"\w+|\s+|[^\w\s]")
# Longer texts are shown without marks: comparing them word by word would take seconds.
_MARKED_PIECES = 4000


def mark_differences(ours: str, theirs: str) -> tuple[SafeString, SafeString]:
    """Both texts, with the words that only the first has in <del>, and those of the second in <ins>."""
    left, right = _PIECE.findall(ours), _PIECE.findall(theirs)
    if len(left) + len(right) > _MARKED_PIECES:
        return format_html("{}", ours), format_html("{}", theirs)
    before: list[SafeString] = []
    after: list[SafeString] = []
    for tag, from_left, to_left, from_right, to_right in SequenceMatcher(
        None, left, right, autojunk=False
    ).get_opcodes():
        old, new = "".join(left[from_left:to_left]), "".join(right[from_right:to_right])
        same = tag == "equal" or not old
        before.append(format_html("{}" if same else '<del class="desk-change">{}</del>', old))
        same = tag == "equal" or not new
        after.append(format_html("{}" if same else '<ins class="desk-change">{}</ins>', new))
    return format_html_join("", "{}", ((one,) for one in before)), format_html_join(
        "", "{}", ((one,) for one in after)
    )


def sent_edition_month_names(story: Story) -> list[str]:
    """The months of the editions with this story that were sent or are being sent."""
    sent = Mailing.objects.real().select_related("edition").order_by("-edition__period")
    editions = {mailing.edition_id: mailing.edition for mailing in sent}
    return [
        localized_names_and_dates.month_name(edition.period)
        for edition in editions.values()
        if story.pk in set(story_ids_in(edition.body.raw_data))
    ]


def panel_of(draft: Story, label: Any) -> dict[str, Any]:
    """The template's context: the entries, and the months in whose sent editions the story is."""
    lines = source_lines_for_story(draft, label)
    changed = any(line.changes for line in lines)
    similar = draft.similar_items.select_related("source", "story").exclude(story=None) if lines else ()
    return {
        "source_lines": lines,
        "source_sent": sent_edition_month_names(draft) if changed else [],
        "source_similar": [(one, _SIGNS.get(one.similar_reason, "")) for one in similar],
    }


class SourceItemAction(OwnStory, StoryAction):
    """What staff decide about an entry of a source: its suggestions, its changes, and what it resembles."""

    def post(self, request: HttpRequest, pk: int, item: int) -> HttpResponse:
        row = get_object_or_404(StorySourceItem, pk=item, story=self.object)
        user, now = current_user(request), timezone.now()
        action, _colon, field = request.POST.get("action", "").partition(":")
        if action == "accept":
            self._reviewed(row, None, user)
        elif action == "correct":
            self._reviewed(row, request.POST.getlist("countries"), user)
        elif action == "take_over":
            source_change_and_merge_decisions.accept_changes(
                row, [field] if field else list(row.update), user, now
            )
            messages.success(request, _("The change made at the source is now in the story."))
        elif action == "ignore":
            source_change_and_merge_decisions.ignore_changes(row, [field] if field else list(row.update))
            messages.success(request, _("The story stays as it is, without the change made at the source."))
        elif action == "merge":
            return self._merge(row, user)
        elif action == "keep":
            items_removed_at_source.keep_story(self.object, now)
            messages.success(request, _("The story is kept, although its source no longer has it."))
        elif action == "keep_apart":
            source_change_and_merge_decisions.keep_apart(row)
            messages.success(request, _("The two stories stay separate."))
        elif action == "separate":
            if not contributor_permissions.may_write_about(
                user, split_codes(str(row.content.get("countries", "")))
            ):
                raise PermissionDenied
            if own := source_change_and_merge_decisions.separate_duplicate(row, user, now):
                self._log(own, "desk.source_separate")
                messages.success(request, _("The two stories are separated. This one is saved as a draft."))
                return redirect("desk_stories:edit", own.pk)
        else:
            messages.error(request, _("Nothing was changed, because nothing was selected."))
            return self.to_story("#story-source")
        if action in ("take_over", "ignore", "keep", "keep_apart"):
            self._log(self.object, f"desk.source_{action}")
        return self.to_story("#story-source")

    def _reviewed(self, row: StorySourceItem, countries: Sequence[str] | None, user: User) -> None:
        if countries is not None:
            countries = [code for code in countries if code in iso_codes.COUNTRIES]
            if not contributor_permissions.may_write_about(user, countries):
                raise PermissionDenied
        source_change_and_merge_decisions.review_suggestions(row, countries, user, timezone.now())
        self._log(self.object, "desk.source_accept" if countries is None else "desk.source_correct")
        messages.success(self.request, _("Saved"))

    def _merge(self, row: StorySourceItem, user: User) -> HttpResponse:
        if row.similar_to is not None:
            self.require_own(row.similar_to, draft_editing.latest_draft(row.similar_to))
        try:
            with transaction.atomic():
                self._log(self.object, "desk.source_merge")
                target = source_change_and_merge_decisions.merge_into_similar_story(row, user, timezone.now())
        except MergeError as error:
            messages.error(self.request, str(error))
            return self.to_story("#story-source")
        messages.success(
            self.request, _("The two stories are merged into one, with a text in each language.")
        )
        return redirect("desk_stories:edit", target.pk)

    def _log(self, story: Story, action: str) -> None:
        log(instance=story, action=action, user=self.request.user)


def waiting_items(user: User) -> QuerySet[StorySourceItem]:
    """The entries whose suggestions wait, and whose stories the user may write; newest first."""
    waiting = StorySourceItem.objects.filter(
        reviewed_at=None, role=StorySourceItem.Role.ORIGIN, story__isnull=False
    )
    own = contributor_permissions.contributor_countries(user)
    if own is not None:
        pks = [
            pk
            for pk, countries in waiting.values_list("pk", "story__countries")
            if countries and set(countries) <= own
        ]
        waiting = waiting.filter(pk__in=pks)
    return waiting.order_by("-first_seen_at", "-pk")


class SuggestionsPage(StaffPage, TemplateView):
    """The stories that came in and wait for a review of their suggestions; several are accepted at once."""

    permission_required = "mailer.change_story"
    template_name = "desk/stories/suggestions.html"
    page_title = gettext_lazy("Stories from sources to review")
    header_icon = "doc-full-inverse"
    breadcrumbs_above = (("desk_stories:list", gettext_lazy("Stories")),)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        waiting = waiting_items(current_user(self.request))
        items = waiting.select_related("source", "story").prefetch_related("story__texts")[:_LISTED]
        language = staff_localization.active_language()
        deleted = items_removed_at_source.removed_stories_to_decide(
            [item.story_id for item in items if item.story_id]
        )
        rows = [
            {
                "item": item,
                "is_deleted": item.story_id in deleted,
                "headline": item.story.headline(language),
                "countries": localized_names_and_dates.country_names_or_all(item.story.countries),
                "reasons": country_reasons(item),
                "kind": item.story.get_kind_display(),
                "day": localized_names_and_dates.format_day(item.story.date),
            }
            for item in items
            if item.story is not None
        ]
        return super().get_context_data(rows=rows, total=waiting.count(), **kwargs)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        user, now = current_user(request), timezone.now()
        chosen = [pk for pk in map(parse_non_negative_int, request.POST.getlist("items")) if pk is not None]
        items = list(waiting_items(user).filter(pk__in=chosen).select_related("story"))
        for item in items:
            source_change_and_merge_decisions.review_suggestions(item, None, user, now)
            log(instance=item.story, action="desk.source_accept", user=user)
        if not items:
            messages.error(request, _("Select at least one story."))
        else:
            text = ngettext(
                "%(count)d suggested story accepted.", "%(count)d suggested stories accepted.", len(items)
            )
            messages.success(request, text % {"count": len(items)})
        return redirect("desk_story_suggestions")
