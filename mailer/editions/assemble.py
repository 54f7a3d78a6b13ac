"""Assembles editions: the period, the stories that belong to it, when it is due, and the first order."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext

from mailer.editions.models import Edition, EditionText, Newsletter
from mailer.editions.rendering_input import story_ids
from mailer.editions.sample import without_sample
from mailer.rendering import localization
from mailer.stories.models import Story

# How far back an edition takes stories that were finished late, and how far ahead it announces events.
LOOK_BACK = timedelta(days=62)
LOOK_AHEAD = timedelta(days=62)

log = logging.getLogger(__name__)

Block = tuple[str, object]


class EditionExists(Exception):  # noqa: N818  (names the state that was found)
    """The newsletter already has an edition for that period."""


def assemble(newsletter: Newsletter, period: str, now: datetime, user: User | None = None) -> Edition:
    """Create the newsletter's draft edition for a period ("2021-12"), as of `now` (aware datetime).

    Takes the stories that are ready, dated before the period's end and in no earlier edition (looking back
    62 days), and the events not yet past. Raises InvalidPeriod, and EditionExists when there is one already.
    """
    span = Period.parse(period)
    return _create(newsletter, span, stories_for(newsletter, span, now), user)


def assemble_due(now: datetime) -> list[Edition]:
    """Create this month's edition for every newsletter whose assembly time has passed, once per period.

    Also catches up when the worker was down at the time itself. A month without a ready story at that time
    makes no edition and is skipped: later, while writers are still at work, only they assemble it.
    """
    created = []
    for newsletter in Newsletter.objects.exclude(assemble_day=None):
        period = Period.at(now, newsletter.zone)
        due = due_at(newsletter, period)
        if due is None or now < due or newsletter.editions.filter(period=str(period)).exists():
            continue
        if newsletter.assembly_skipped == str(period):
            continue
        if not (stories := stories_for(newsletter, period, now)):
            Newsletter.objects.filter(pk=newsletter.pk).update(assembly_skipped=str(period))
            log.info("action=edition_assembly_skipped newsletter=%s period=%s", newsletter.slug, period)
            continue
        try:
            created.append(_create(newsletter, period, stories, None))
        except EditionExists:
            # A member of staff assembled it in the same moment.
            continue
        log.info("action=edition_assembled newsletter=%s period=%s", newsletter.slug, period)
    return created


def due_at(newsletter: Newsletter, period: Period) -> datetime | None:
    """When the newsletter's edition for a period is assembled (aware); None when staff do it by hand."""
    if newsletter.assemble_day is None:
        return None
    day = period.first_day.replace(day=newsletter.assemble_day)
    return datetime(day.year, day.month, day.day, newsletter.assemble_hour, tzinfo=ZoneInfo(newsletter.zone))


@dataclass(frozen=True)
class Upcoming:
    """The next edition of a newsletter that does not exist yet."""

    newsletter: Newsletter
    period: Period
    # When it is assembled (aware); None: by hand.
    at: datetime | None
    # Nothing was ready at that time, so that only staff assemble it now.
    skipped: bool
    # What it would take as of now.
    stories: tuple[Story, ...]


def upcoming(newsletter: Newsletter, now: datetime) -> Upcoming:
    """The newsletter's next edition: this month's, or next month's when this month's exists."""
    period = Period.at(now, newsletter.zone)
    if newsletter.editions.filter(period=str(period)).exists():
        period = Period.of(period.end)
    due = due_at(newsletter, period)
    return Upcoming(
        newsletter=newsletter,
        period=period,
        at=due,
        skipped=due is not None and now >= due and newsletter.assembly_skipped == str(period),
        stories=tuple(stories_for(newsletter, period, max(now, due) if due else now)),
    )


def now_or_demo_time(now: datetime) -> datetime:
    """`now`, or the demo's fixed time (aware) where the configuration gives one."""
    fixed: str = settings.CONFIG.demo.assemble_at
    return datetime.fromisoformat(fixed) if settings.CONFIG.demo.enabled and fixed else now


@transaction.atomic
def _create(newsletter: Newsletter, span: Period, stories: list[Story], user: User | None) -> Edition:
    existing = Edition.objects.filter(newsletter=newsletter, period=str(span)).first()
    if existing:
        raise EditionExists(
            gettext(
                "%(newsletter)s already has an edition for %(span)s: %(slug)s. Edit it, or delete it in "
                "the desk and assemble it again."
            )
            % {"newsletter": newsletter.name, "span": span, "slug": existing.slug}
        )
    edition = Edition(newsletter=newsletter, period=str(span), number=_next_number(newsletter), live=False)
    edition.body = arrange(stories, newsletter)
    edition.texts = _default_subjects(newsletter, span)
    edition.save()
    edition.save_revision(user=user, log_action=True)
    return edition


def stories_for(newsletter: Newsletter, span: Period, now: datetime) -> list[Story]:
    """Stories that an edition of this period takes, newest first: those of the newsletter's countries."""
    today = now.astimezone(ZoneInfo(newsletter.zone)).date()
    used = _last_used(newsletter, span)
    since = span.first_day - LOOK_BACK
    ready = (
        without_sample(Story.objects.filter(live=True, from_period__lte=str(span)))
        .exclude(texts=None)
        .select_related("picture")
        .prefetch_related("texts")
        .distinct()
    )
    # A story that was carried over is as new as the month that it was carried to.
    recent = Q(date__gte=since) | Q(from_period__gte=str(Period.of(since)))
    news = ready.exclude(kind=Story.Kind.EVENT).filter(recent, date__lt=span.end)
    events = ready.filter(kind=Story.Kind.EVENT, date__gte=today, date__lt=span.end + LOOK_AHEAD)
    unused = (story for story in news if used.get(story.pk, "") < (story.from_period or "0"))
    found = [*unused, *events]
    wanted = set(newsletter.countries)
    return [story for story in found if not story.countries or wanted & set(story.countries)]


def arrange(stories: Iterable[Story], newsletter: Newsletter) -> list[Block]:
    """Blocks in the default order: lead, regional, by country, dates, publications, social call."""
    stories = list(stories)

    def of(kind: Story.Kind) -> list[Story]:
        return [story for story in stories if story.kind == kind]

    news = of(Story.Kind.NEWS)
    lead = _choose_lead(news, newsletter)
    rest = [story for story in news if story is not lead]
    blocks: list[Block] = [("lead", lead)] if lead else []
    blocks += [("story", story) for story in rest if not story.countries]
    for country in newsletter.countries:
        blocks += _of_country(
            country, [story for story in rest if _first_served_country(story, newsletter) == country]
        )
    blocks += [("date", story) for story in sorted(of(Story.Kind.EVENT), key=lambda story: story.date)]
    if publications := of(Story.Kind.PUBLICATION):
        blocks.append(("titles", publications))
    return blocks + [("social", story) for story in of(Story.Kind.NOTICE)]


def _choose_lead(news: list[Story], newsletter: Newsletter) -> Story | None:
    """The story with a picture that concerns most countries; the newer of two."""

    def weight(story: Story) -> tuple[bool, int, object]:
        reach = len(set(story.countries) & set(newsletter.countries)) if story.countries else 999
        return (story.picture_id is not None, reach, story.date)

    return max(news, key=weight, default=None)


def _first_served_country(story: Story, newsletter: Newsletter) -> str | None:
    """The first of the story's countries that this newsletter serves."""
    return next((country for country in story.countries if country in newsletter.countries), None)


def _of_country(country: str, stories: list[Story]) -> list[Block]:
    # Each story names its country above its headline, so a heading helps only above several.
    heading: list[Block] = [("heading", {"country": country, "texts": []})] if len(stories) > 1 else []
    return heading + [("story", story) for story in stories]


def _last_used(newsletter: Newsletter, span: Period) -> dict[int, str]:
    """The stories of the earlier editions that matter, and the latest period of each: {7: "2021-11"}."""
    since = Period.of(span.first_day - LOOK_BACK)
    earlier = Edition.objects.filter(newsletter=newsletter, period__lt=str(span), period__gte=str(since))
    return {pk: edition.period for edition in earlier.order_by("period") for pk in story_ids(edition)}


def _next_number(newsletter: Newsletter) -> int:
    last = newsletter.editions.order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1


def _default_subjects(newsletter: Newsletter, span: Period) -> list[EditionText]:
    return [
        EditionText(language=code, subject=f"{newsletter.name}: {localization.period_title(str(span), code)}")
        for code in newsletter.languages
    ]


class InvalidPeriod(ValueError):  # noqa: N818  (a verdict on input)
    """The period is not a year and month such as 2021-12."""


@dataclass(frozen=True)
class Period:
    """A calendar month."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read "2021-12"; raises InvalidPeriod."""
        match = re.fullmatch(r"(\d{4})-(\d{2})", text.strip())
        if not match or not 1 <= int(match[2]) <= 12 or not 1 <= int(match[1]) <= 9998:
            raise InvalidPeriod(
                gettext("“%(text)s” is not a period; write year and month, such as 2021-12.") % {"text": text}
            )
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def at(cls, now: datetime, zone: str) -> Period:
        """The month that `now` (aware) falls into in an IANA zone."""
        return cls.of(now.astimezone(ZoneInfo(zone)).date())

    @classmethod
    def of(cls, day: date) -> Period:
        """The month that a day falls into."""
        return cls(day.year, day.month)

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def end(self) -> date:
        """The first day after the period."""
        return date(self.year + self.month // 12, self.month % 12 + 1, 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"
