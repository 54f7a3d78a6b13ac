"""Assembles editions: the period, the stories that belong to it, when it is due, and the first order."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import chain, count, islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.text import slugify
from django.utils.translation import gettext

from mailer.editions.models import Edition, EditionPlan, Newsletter, story_ids_in
from mailer.editions.planned_dates import (
    PlannedDate,
    last_planned,
    period_assembled_on,
    planned_editions,
    planned_for,
    planned_send_after,
)
from mailer.editions.sample_edition_markers import without_sample
from mailer.one_by_one import each_alone
from mailer.rendering.edition_period import Kind, Period
from mailer.stories.models import Story, StoryText

# How far back an edition takes stories that were finished late, and how far ahead it announces events.
LOOK_BACK = timedelta(days=62)
LOOK_AHEAD = timedelta(days=62)
# A worker that comes later to the assembly of an edition asks staff first.
LATEST_ASSEMBLY = timedelta(hours=12)
# Dates that are searched for one whose period has no edition yet.
_AHEAD = 60

log = logging.getLogger(__name__)

Block = tuple[str, object]


class EditionExists(Exception):  # noqa: N818  (names the state that was found)
    """The newsletter already has an edition for that period."""


def create_edition_unless_exists(
    newsletter: Newsletter, period: str, now: datetime, user: User | None = None
) -> Edition:
    """Create the newsletter's draft edition for a period ("2021-12"), as of `now` (aware datetime).

    Takes the stories that are ready, dated before the period's end and in no earlier edition (looking back
    62 days), and the events not yet past. Raises InvalidPeriod, and EditionExists when there is one already.
    """
    span = parse_period(period)
    if span.kind is Kind.NAMED:
        raise InvalidPeriod(gettext("An edition outside of the schedule has a name instead of a period."))
    return _create(newsletter, span, stories_for(newsletter, span, now), user, now)


def create_unscheduled_edition(
    newsletter: Newsletter, name: str, now: datetime, user: User | None = None
) -> Edition:
    """Create an edition outside of the schedule, without stories: writers add those that it is about.

    Editions that are assembled later take none of its stories again. Raises InvalidPeriod for a name that is
    too long.
    """
    name = " ".join(name.split())
    longest = Edition._meta.get_field("name").max_length
    if not name or len(name) > longest:
        raise InvalidPeriod(
            gettext("The name of an edition has 1 to %(number)s characters.") % {"number": longest}
        )
    today = now.astimezone(ZoneInfo(newsletter.zone)).date()
    taken = set(newsletter.editions.filter(period__startswith=f"{today}-n").values_list("period", flat=True))
    spans = (Period(today, Kind.NAMED, serial) for serial in count(1))
    span = next(one for one in spans if str(one) not in taken)
    return _create(newsletter, span, [], user, now, name)


def assemble_due(now: datetime) -> list[Edition]:
    """Create the edition of every newsletter whose time of assembly has passed, once per period.

    A worker that starts too late, and a period with too few stories, leave it to staff: what became of the
    period is in its plan, and `new_draft_and_approval_request_emails` asks them. A step that fails for one
    newsletter is tried again and does not delay the others.
    """
    created = []
    with each_alone() as alone:
        for newsletter in Newsletter.objects.exclude(assemble_on=""):
            with alone():
                found = last_planned(newsletter, now)
                if found is not None and (edition := _assemble_planned(newsletter, found, now)):
                    created.append(edition)
    return created


def _assemble_planned(newsletter: Newsletter, found: PlannedDate, now: datetime) -> Edition | None:
    if newsletter.editions.filter(period=str(found.period)).exists():
        return None
    plan = get_or_create_plan(newsletter, found)
    if plan.state != EditionPlan.State.COLLECTING:
        return None
    if now - found.assemble_at > LATEST_ASSEMBLY:
        _decide(plan, EditionPlan.State.LATE)
        return None
    stories = stories_for(newsletter, found.period, now, ready_by=_cutoff(found))
    if len(stories) < newsletter.thin_below:
        asks = newsletter.thin_rule == Newsletter.ThinRule.ASK
        _decide(plan, EditionPlan.State.THIN if asks else EditionPlan.State.SKIPPED, len(stories))
        return None
    try:
        edition = _create(newsletter, found.period, stories, None, now, only_once=True)
    except EditionExists:
        # Another worker, or a member of staff, assembled it in the same moment.
        return None
    log.info("action=edition_assembled newsletter=%s period=%s", newsletter.slug, found.period)
    return edition


def _cutoff(found: PlannedDate) -> datetime | None:
    return found.cutoff_at if found.cutoff_at < found.assemble_at else None


def get_or_create_plan(newsletter: Newsletter, found: PlannedDate) -> EditionPlan:
    """The plan of a period, created with its first step."""
    plan, _new = EditionPlan.objects.get_or_create(
        newsletter=newsletter, period=str(found.period), defaults={"assemble_at": found.assemble_at}
    )
    return plan


def _decide(plan: EditionPlan, state: EditionPlan.State, stories: int = 0) -> None:
    """Leave the period to staff, unless another worker just decided."""
    open_ones = EditionPlan.objects.filter(pk=plan.pk, state=EditionPlan.State.COLLECTING)
    if open_ones.update(state=state, stories=stories):
        log.info("action=edition_assembly_skipped plan=%d state=%s", plan.pk, state)


def assembly_due_at(newsletter: Newsletter, period: Period) -> datetime | None:
    """When the newsletter's edition for a period is assembled (aware); None when staff do it by hand."""
    found = planned_for(newsletter, period)
    return found.assemble_at if found else None


@dataclass(frozen=True)
class Upcoming:
    """The next edition of a newsletter that does not exist yet."""

    newsletter: Newsletter
    period: Period
    # When it is assembled (aware); None: by hand.
    at: datetime | None
    # Until when a story must be ready for it (aware); None: by hand.
    ready_by: datetime | None
    # Why only staff assemble it now, a state of EditionPlan; empty: it is still to come.
    left_to_staff: str
    # What it would take as of now.
    stories: tuple[StoryKeys, ...]

    @property
    def skipped(self) -> bool:
        """The time has passed, and only staff assemble it now."""
        return bool(self.left_to_staff)


def upcoming_edition(newsletter: Newsletter, now: datetime, among: Collection[int] | None = None) -> Upcoming:
    """The newsletter's next edition: the present period's, or a later one's when that exists.

    `among`: primary keys of the stories that matter; None: all.
    """
    today = now.astimezone(ZoneInfo(newsletter.zone)).date()
    period, found = _next_period(newsletter, period_assembled_on(newsletter, today), now)
    due = found.assemble_at if found else None
    state = ""
    if due is not None and now >= due:
        plan = newsletter.plans.filter(period=str(period)).first()
        state = plan.state if plan and plan.state != EditionPlan.State.COLLECTING else ""
    return Upcoming(
        newsletter=newsletter,
        period=period,
        at=due,
        ready_by=found.cutoff_at if found else None,
        left_to_staff=state,
        stories=tuple(story_keys_for(newsletter, period, max(now, due) if due else now, among)),
    )


def _next_period(newsletter: Newsletter, first: Period, now: datetime) -> tuple[Period, PlannedDate | None]:
    """The first period from this one on that has no edition and, with a schedule, a date."""
    taken = set(newsletter.editions.filter(period__gte=str(first)).values_list("period", flat=True))
    if newsletter.assemble_on:
        start = datetime.combine(first.first_day, time(), ZoneInfo(newsletter.zone)) - timedelta(days=10)
        since = newsletter.schedule_since
        for found in islice(planned_editions(newsletter, start), _AHEAD):
            passed = bool(since and found.assemble_at <= since <= now)
            if found.period.first_day >= first.first_day and str(found.period) not in taken and not passed:
                return found.period, found
    period = first
    while str(period) in taken:
        period = period.next
    return period, None


def now_or_demo_time(now: datetime) -> datetime:
    """`now`, or the demo's fixed time (aware) where the configuration gives one."""
    fixed: str = settings.CONFIG.demo.assemble_at
    return datetime.fromisoformat(fixed) if settings.CONFIG.demo.enabled and fixed else now


def _create(
    newsletter: Newsletter,
    span: Period,
    stories: list[Story],
    user: User | None,
    now: datetime,
    name: str = "",
    *,
    only_once: bool = False,
) -> Edition:
    """The draft with its plan, in one transaction. Raises EditionExists.

    `only_once`: also where staff deleted the edition of the period, or a worker decided not to make it.
    """
    try:
        with transaction.atomic():
            # Newsletters are numbered one edition after the other.
            Newsletter.objects.select_for_update().get(pk=newsletter.pk)
            _refuse_second(newsletter, span)
            edition = Edition(
                newsletter=newsletter,
                period=str(span),
                name=name,
                slug=_free_slug(newsletter, (slugify(name) or "special") if name else str(span)),
                number=_next_number(newsletter),
                live=False,
            )
            edition.body = arrange_blocks(stories, newsletter)
            edition.save()
            if not name:
                _record_assembly(edition, span, len(stories), now, only_once=only_once)
            edition.save_revision(user=user, log_action=True)
    except IntegrityError:
        # Another process was faster.
        _refuse_second(newsletter, span)
        raise
    return edition


def _refuse_second(newsletter: Newsletter, span: Period) -> None:
    existing = Edition.objects.filter(newsletter=newsletter, period=str(span)).first()
    if existing:
        raise EditionExists(
            gettext(
                "%(newsletter)s already has an edition for %(span)s: %(slug)s. Edit it, or delete it in "
                "the desk and assemble it again."
            )
            % {"newsletter": newsletter.name, "span": span, "slug": existing.slug}
        )


def _free_slug(newsletter: Newsletter, end: str) -> str:
    """Such as "silk-road-monthly-floods" or "silk-road-monthly-2021-12", in URLs.

    With a number where an edition has that already: another newsletter may have had this slug before.
    """
    base = f"{newsletter.slug}-{end}"[:70]
    taken = set(Edition.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    names = chain([base], (f"{base}-{number}" for number in count(2)))
    return next(one for one in names if one not in taken)


def record_edition_made_by_hand(edition: Edition, now: datetime) -> None:
    """Note in the plan of an edition's period that staff made it, as of `now` (aware)."""
    stories = len(story_ids_in(edition.body.raw_data))
    _record_assembly(edition, parse_period(edition.period), stories, now, only_once=False)


def _record_assembly(edition: Edition, span: Period, stories: int, now: datetime, *, only_once: bool) -> None:
    """Note in the plan of the period that it has its edition, and when that is to be sent."""
    newsletter = edition.newsletter
    if not newsletter.assemble_on and not newsletter.send_on:
        return
    found = planned_for(newsletter, span)
    due = found.assemble_at if found else now
    EditionPlan.objects.get_or_create(newsletter=newsletter, period=str(span), defaults={"assemble_at": due})
    send = planned_send_after(newsletter, max(now, due))
    rows = EditionPlan.objects.filter(newsletter=newsletter, period=str(span))
    if only_once:
        rows = rows.filter(state=EditionPlan.State.COLLECTING)
    changed = rows.update(
        state=EditionPlan.State.ASSEMBLED,
        edition=edition,
        stories=stories,
        send_at=send.at if send else None,
        approvers_reminded_at=None,
        scheduled_at=None,
        held_at=None,
    )
    if not changed:
        raise EditionExists(str(span))


class StoryKeys(NamedTuple):
    """What decides which edition takes a story; without its texts."""

    pk: int
    kind: str
    countries: tuple[str, ...]
    # The period that it was carried over to; empty: none.
    from_period: str


def stories_for(
    newsletter: Newsletter, span: Period, now: datetime, ready_by: datetime | None = None
) -> list[Story]:
    """The same stories as `story_keys_for`, with their texts and pictures."""
    return with_texts(one.pk for one in story_keys_for(newsletter, span, now, ready_by=ready_by))


def with_texts(stories: Iterable[int]) -> list[Story]:
    """The stories with these primary keys, in this order, with their texts and pictures."""
    keys = list(stories)
    found = Story.objects.select_related("picture").prefetch_related("texts").in_bulk(keys)
    return [found[pk] for pk in keys if pk in found]


def story_keys_for(
    newsletter: Newsletter,
    period: Period,
    now: datetime,
    among: Collection[int] | None = None,
    ready_by: datetime | None = None,
) -> list[StoryKeys]:
    """Stories that an edition of this period takes, newest first: those of the newsletter's countries.

    `among`: primary keys of the only ones that are looked at; None: all. `ready_by`: only those that were
    ready by then; None: all.
    """
    today = now.astimezone(ZoneInfo(newsletter.zone)).date()
    since = period.first_day - LOOK_BACK
    # A story that was carried over is as new as the month that it was carried to.
    recent = Q(date__gte=since) | Q(from_period__gte=str(Period.of(since)))
    event = Q(kind=Story.Kind.EVENT)
    ready = without_sample(Story.objects.filter(live=True, from_period__lte=str(period))).filter(
        (event & Q(date__gte=today, date__lt=period.end + LOOK_AHEAD))
        | (~event & recent & Q(date__lt=period.end)),
        Exists(StoryText.objects.filter(story=OuterRef("pk"))),
    )
    if among is not None:
        ready = ready.filter(pk__in=among)
    if ready_by is not None:
        ready = ready.filter(Q(first_published_at=None) | Q(first_published_at__lte=ready_by))
    wanted = set(newsletter.countries)
    served = [
        one
        for one in map(StoryKeys._make, ready.values_list(*StoryKeys._fields))
        if not one.countries or not wanted.isdisjoint(one.countries)
    ]
    news = [one for one in served if one.kind != Story.Kind.EVENT]
    used = _last_used(newsletter, period) if news else {}
    unused = [one for one in news if used.get(one.pk, "") < (one.from_period or "0")]
    return [*unused, *(one for one in served if one.kind == Story.Kind.EVENT)]


def arrange_blocks(stories: Iterable[Story], newsletter: Newsletter) -> list[Block]:
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
    """The stories of the earlier editions that matter, and the latest period of each: {7: "2021-11"}.

    Editions outside of the schedule were all made earlier, also where the period ended before their day. An
    edition whose mailing was cancelled before any message left has used none.
    """
    since = Period.of(span.first_day - LOOK_BACK)
    earlier = Edition.objects.filter(
        Q(period__lt=span.end.isoformat()) | Q(period__contains="-n"),
        newsletter=newsletter,
        period__gte=str(since),
    ).exclude(pk__in=Edition.objects.cancelled_unsent().values("pk"))
    return {
        pk: period
        for period, body in earlier.order_by("period").values_list("period", "body")
        if _is_earlier(Period.parse(period), span)
        for pk in story_ids_in(body.raw_data)
    }


def _is_earlier(other: Period, span: Period) -> bool:
    """Whether an edition of the newsletter has its stories before that of `span`.

    An edition out of turn does so too, and one of before the schedule was changed that begins within it.
    """
    return other.first_day < span.first_day or (other.kind is not span.kind and str(other) != str(span))


def _next_number(newsletter: Newsletter) -> int:
    last = newsletter.editions.order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1


class InvalidPeriod(ValueError):  # noqa: N818  (a verdict on input)
    """The period is none such as 2021-12 or 2021-12-06."""


def parse_period(text: str) -> Period:
    """Read "2021-12", or the Monday of a week, "2021-12-06"; raises InvalidPeriod."""
    try:
        return Period.parse(text)
    except ValueError as error:
        raise InvalidPeriod(
            gettext(
                "“%(text)s” is not a period; write year and month, such as 2021-12, or the Monday of a week, "
                "such as 2021-12-06."
            )
            % {"text": text}
        ) from error
