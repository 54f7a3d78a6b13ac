"""Where a story goes: the editions that hold it, and the one that takes it next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from mailer.desk.base import localized_names_and_dates
from mailer.editions import draft_blocks
from mailer.editions.assemble import Upcoming, now_or_demo_time, upcoming_edition
from mailer.editions.models import Edition, Newsletter
from mailer.stories.models import Story


@dataclass(frozen=True)
class Destination:
    """One sentence about a newsletter's edition and the story."""

    text: str
    # A page where it can be changed; empty: none.
    url: str = ""
    link: str = ""
    # The link, as the next thing to do once the story is ready.
    next_step: str = ""


def offered_story_languages(story: Story) -> list[str]:
    """The office's languages, and others that the story has a text in."""
    written = [text.language for text in story.texts.all()]
    return list(dict.fromkeys([*settings.CONFIG.site.languages, *written]))


def of_story(story: Story, at: datetime, *, may_assemble: bool) -> list[Destination]:
    """For each newsletter that serves the story: which edition takes it, and when.

    Where it waits for an edition that is assembled by hand, those who may are led there.
    """
    now = now_or_demo_time(at)
    found = []
    for newsletter in Newsletter.objects.all():
        if story.countries and not set(story.countries) & set(newsletter.countries):
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
            _("%(newsletter)s: the edition of %(month)s is assembled by staff, without a schedule.") % values
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
