"""Where a story goes: the editions that include it, and the one that takes it next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from mailer.approval import content_changes_and_authors
from mailer.approval.models import Snapshot
from mailer.approval.outcome_notices import scheduled_time_text
from mailer.desk.base import localized_names_and_dates
from mailer.editions import draft_blocks
from mailer.editions.assemble import Upcoming, now_or_demo_time, upcoming_edition
from mailer.editions.models import Edition, Newsletter, story_ids
from mailer.reports import edition_state
from mailer.stories.models import Story

# Editions of a newsletter that are searched for a story, newest first.
_LOOKED_AT = 6


@dataclass(frozen=True)
class Destination:
    """One sentence about a newsletter's edition and the story."""

    text: str
    # A page where it can be changed; empty: none.
    url: str = ""
    link: str = ""
    # The link, as the next thing to do once the story is ready.
    next_step: str = ""
    # Whether the message after saving says it, before the link.
    announced: bool = False


@dataclass(frozen=True)
class OpenEdition:
    """An edition that is submitted, approved or scheduled with the story as readers would get it."""

    edition: Edition
    # "submitted", "approved" or "scheduled", and when it would be sent.
    state: str
    send_at: str
    url: str


def editions_withdrawn_by_change(story: Story) -> list[OpenEdition]:
    """The editions that a change of what readers see of this story withdraws."""
    # A story that is not ready is left out of an edition.
    if not (story.pk and story.live):
        return []
    found = content_changes_and_authors.sendable_snapshots(story).select_related("edition__newsletter")
    return [
        OpenEdition(one.edition, str(one.state), scheduled_time_text(one), edition_url(one.edition))
        for one in found
    ]


def edition_url(edition: Edition) -> str:
    """The page on which the edition is edited and submitted."""
    return reverse("desk_editions:edit", args=[edition.pk])


def site_and_written_languages(story: Story) -> list[str]:
    """The office's languages, and others that the story has a text in."""
    written = [text.language for text in story.texts.all()]
    return list(dict.fromkeys([*settings.CONFIG.site.languages, *written]))


def of_story(story: Story, at: datetime, *, may_assemble: bool) -> list[Destination]:
    """For each newsletter that serves the story: which edition takes it, and when.

    Where it waits for an edition that is assembled by hand, those who may are led there.
    """
    now = now_or_demo_time(at)
    found: list[Destination] = []
    for newsletter in Newsletter.objects.all():
        if story.countries and not set(story.countries) & set(newsletter.countries):
            continue
        including = _unsent_editions_with(newsletter, story)
        if including:
            found.extend(_included(edition) for edition in including)
            continue
        draft = _draft_that_lacks(newsletter, story, now)
        if draft is not None:
            text = _("The draft edition %(edition)s does not include this story.") % {"edition": draft}
            url = reverse("desk_editions:edit", args=[draft.pk])
            found.append(
                Destination(
                    text, url, _("Add the story to this edition"), _("Next: add the story to the edition")
                )
            )
            continue
        next_one = upcoming_edition(newsletter, now, [story.pk])
        by_hand = next_one.skipped or next_one.at is None
        if may_assemble and by_hand and any(one.pk == story.pk for one in next_one.stories):
            url, link = reverse("desk_assemble", args=[newsletter.pk]), _("Assemble the edition")
            text = _(
                "%(newsletter)s: this story will be in the edition of %(month)s when "
                "you assemble that edition."
            )
            found.append(Destination(text % _names(next_one), url, link, _("Next: assemble the edition")))
            continue
        found.append(Destination(_sentence(story, next_one)))
    return found


def _draft_that_lacks(newsletter: Newsletter, story: Story, now: datetime) -> Edition | None:
    """The newest edition that was never submitted and would take the story, which is not in it."""
    draft = newsletter.editions.filter(snapshots=None).order_by("-period").first()
    if draft is None or not story.live:
        return None
    latest = draft_blocks.latest_draft(draft)
    return (
        draft
        if any(one.pk == story.pk for one in draft_blocks.available_stories(latest, now, [story.pk]))
        else None
    )


def _unsent_editions_with(newsletter: Newsletter, story: Story) -> list[Edition]:
    """The newsletter's newest editions that include the story and can still be changed."""
    if not story.live:
        return []
    unsent = newsletter.editions.exclude(snapshots__mailings__dry_run_to="").order_by("-period")
    return [
        one
        for one in unsent[:_LOOKED_AT]
        if edition_state.edition_state(one) in (*edition_state.WITH_WRITERS, *Snapshot.OPEN)
        and story.pk in story_ids(draft_blocks.latest_draft(one))
    ]


def _included(edition: Edition) -> Destination:
    values, url = {"edition": edition}, edition_url(edition)
    is_with_writers = edition_state.edition_state(edition) in edition_state.WITH_WRITERS
    if is_with_writers and edition.snapshots.exists():
        text = _(
            "The edition %(edition)s includes this story. The edition must be submitted for approval again."
        )
        return Destination(
            text % values,
            url,
            _("Open the edition"),
            _("Next: submit the edition for approval again"),
            announced=True,
        )
    text = _("The edition %(edition)s includes this story.")
    return Destination(
        text % values, url, _("Open the edition"), _("Open the edition") if is_with_writers else ""
    )


def _names(next_one: Upcoming) -> dict[str, str]:
    return {
        "newsletter": next_one.newsletter.name,
        "month": localized_names_and_dates.month_name(str(next_one.period)),
    }


def _sentence(story: Story, next_one: Upcoming) -> str:
    values = _names(next_one)
    if story.from_period > str(next_one.period):
        later = {**values, "month": localized_names_and_dates.month_name(story.from_period)}
        return _("%(newsletter)s: this story is waiting for the edition of %(month)s.") % later
    if story.live and not any(one.pk == story.pk for one in next_one.stories):
        return (
            _(
                "%(newsletter)s: the edition of %(month)s will not include this story: it "
                "was in an earlier edition, or its date is outside the period."
            )
            % values
        )
    if next_one.skipped or next_one.at is None:
        return (
            _(
                "%(newsletter)s: this story can be in the edition of %(month)s, which staff "
                "assemble without a schedule."
            )
            % values
            if story.live
            else _(
                "%(newsletter)s: once this story is ready, it can be in the edition of %(month)s, which "
                "staff assemble."
            )
            % values
        )
    values["moment"] = localized_names_and_dates.format_moment(next_one.at, next_one.newsletter.zone)
    if not story.live and next_one.ready_by:
        values["moment"] = localized_names_and_dates.format_moment(
            next_one.ready_by, next_one.newsletter.zone
        )
    if story.live:
        return (
            _(
                "%(newsletter)s: this story will be in the edition of %(month)s, which is "
                "assembled on %(moment)s."
            )
            % values
        )
    return (
        _("%(newsletter)s: this story will be in the edition of %(month)s if it is ready by %(moment)s.")
        % values
    )
