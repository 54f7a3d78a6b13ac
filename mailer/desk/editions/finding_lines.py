"""What preflight found, as pages show it: one line for each cause, with links to the places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from mailer import staff_localization
from mailer.approval.preflight.check_input import excerpt
from mailer.approval.preflight.findings_and_overrides import Finding, Found
from mailer.editions.models import Edition
from mailer.rendering import localization
from mailer.rendering.data_types import Content
from mailer.rendering.data_types import Story as StoryRecord
from mailer.reports.edition_state import WITH_WRITERS
from mailer.stories.models import Story


@dataclass(frozen=True)
class PlaceLine:
    """A place where something was found."""

    label: str
    # In the language of the page; empty: every language.
    language: str
    detail: str
    # The page where it is corrected; empty: the user may not open it.
    url: str


@dataclass(frozen=True)
class FindingLine:
    """A finding with its places."""

    finding: Finding
    places: Sequence[PlaceLine]
    # The reason that was given for the same finding before, to start from.
    reason: str = ""


def finding_lines(
    findings: Iterable[Finding],
    edition: Edition,
    content: Content,
    user: User | AnonymousUser | None,
    reasons: Mapping[str, str] | None = None,
) -> list[FindingLine]:
    """The lines for `user`; None: without links. `reasons`: typed earlier, by the findings' ids.

    A story is named in the language of the text that was checked, else in the language of the page.
    """
    findings = list(findings)
    keys = {one.place.key for finding in findings for one in finding.found if one.place.kind == "story"}
    stories = dict(Story.objects.filter(key__in=keys).values_list("key", "pk")) if keys and user else {}
    names = {story.key: _name(story, content) for story in content.stories}
    lines = []
    for finding in findings:
        places = [
            PlaceLine(
                one.place.label if one.place.language else names.get(one.place.key, one.place.label),
                staff_localization.language_name(one.place.language) if one.place.language else "",
                one.detail,
                _url(one, edition, user, stories) if user else "",
            )
            for one in finding.found
        ]
        lines.append(FindingLine(finding, places, (reasons or {}).get(finding.id, "")))
    return lines


def findings_summary(lines: Sequence[FindingLine], state: str) -> str:
    """How many errors there are; where there are none, how many warnings. `state`: of the edition.

    Whether they prevent submitting is said while the edition can be submitted.
    """
    errors = sum(line.finding.blocks for line in lines)
    count = errors or len(lines)
    if not lines:
        return gettext("Checks of the edition: no errors or warnings")
    if state not in WITH_WRITERS:
        text = _found(errors, count)
    elif errors:
        text = ngettext(
            "Checks of the edition: %(count)s error prevents submitting",
            "Checks of the edition: %(count)s errors prevent submitting",
            count,
        )
    else:
        text = ngettext(
            "Checks of the edition: %(count)s warning (it does not prevent submitting)",
            "Checks of the edition: %(count)s warnings (they do not prevent submitting)",
            count,
        )
    return text % {"count": count}


def count_findings(lines: Sequence[FindingLine]) -> str:
    """How many errors and warnings there are: "1 error, 3 warnings"."""
    errors = sum(line.finding.level == "error" for line in lines)
    warnings = len(lines) - errors
    parts = (
        ngettext("%(count)s error", "%(count)s errors", errors) % {"count": errors} if errors else "",
        ngettext("%(count)s warning", "%(count)s warnings", warnings) % {"count": warnings}
        if warnings
        else "",
    )
    return ", ".join(filter(None, parts))


def _found(errors: int, count: int) -> str:
    if errors:
        return ngettext(
            "Checks of the edition: %(count)s error", "Checks of the edition: %(count)s errors", count
        )
    return ngettext(
        "Checks of the edition: %(count)s warning", "Checks of the edition: %(count)s warnings", count
    )


def _name(story: StoryRecord, content: Content) -> str:
    wanted = (staff_localization.active_language(), *content.masthead.languages)
    chosen = localization.choose_text_or_first(story.texts, wanted[0], wanted[1:])
    return excerpt(chosen.headline) if chosen else story.key


def _url(found: Found, edition: Edition, user: User | AnonymousUser, stories: Mapping[str, int]) -> str:
    place = found.place
    if place.kind == "story" and place.key in stories:
        writes = user.has_perm("mailer.change_story")
        return reverse("desk_stories:edit" if writes else "desk_story:preview", args=[stories[place.key]])
    if place.kind == "newsletter" and user.has_perm("mailer.change_newsletter"):
        return reverse("desk_newsletters:edit", args=[edition.newsletter_id])
    if place.kind == "settings" and user.has_perm("auth.change_user"):
        return reverse("desk_checks")
    if place.kind in ("block", "subject", "edition") and user.has_perm("mailer.change_edition"):
        part = {"subject": "#workbench-subjects", "block": "#workbench-rows"}.get(place.kind, "")
        return reverse("desk_editions:edit", args=[edition.pk]) + part
    if place.kind == "translations":
        return reverse("desk_edition:translations", args=[edition.pk])
    if place.kind == "message":
        query = f"?language={place.language}" if place.language else ""
        return reverse("desk_edition:variants", args=[edition.pk]) + query
    return ""
