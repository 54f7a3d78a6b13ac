"""Where each newsletter stands: a card for every edition that is not finished, and for the next one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.models import Rejection, Snapshot
from mailer.approval.possible_approvers import users_who_may_approve
from mailer.approval.preflight.inbox_checks import dmarc_problems
from mailer.approval.preflight.load_check_input import sender_to_check
from mailer.approval.required_approvals import PartApproval, part_approvals
from mailer.delivery.models import Alert, Mailing
from mailer.desk.base import localized_names_and_dates
from mailer.desk.base.edition_workflow import Action, next_action, rejection_label, state_tone_and_label
from mailer.desk.base.setup_progress import PERMISSION
from mailer.desk.sending.progress import progress_percent
from mailer.editions.assemble import now_or_demo_time, upcoming_edition
from mailer.editions.audience import Audience, languages_without_readers
from mailer.editions.cached_audience_counts import cached_or_live_count
from mailer.editions.models import Edition, EditionPlan, Newsletter, story_ids
from mailer.reports.collect_stats import key_figures_of
from mailer.reports.edition_state import WITH_WRITERS, states_of
from mailer.reports.stats import Totals
from mailer.staff_localization import active_language
from mailer.stories.models import StoryText
from subscribers import iso_codes

# Only this many of the latest editions, and of the newsletters, are examined.
_RECENT_EDITIONS, _MAX_NEWSLETTERS = 50, 12
_FINISHED = ("sent", "cancelled")
# In these states a person has to act; in the others the system does.
_WAITING_FOR_STAFF = (*WITH_WRITERS, "submitted", "approved", "held", "paused")
# In these states nobody has said when to send.
_UNSCHEDULED = (*WITH_WRITERS, "submitted", "approved")
# At most so many approvers are named.
_NAMED = 4


class MissingTranslation(NamedTuple):
    """How many stories lack a text in a language."""

    language: str
    stories: int


@dataclass(frozen=True)
class Card:
    """A newsletter's edition, or the next period's edition that does not exist yet."""

    newsletter: Newsletter
    # "December 2021".
    period: str
    # One of `reports.edition_state.STATES`; "collecting" before the edition exists.
    state: str
    tone: str
    label: str
    # What the title links to; empty: the user may open nothing.
    url: str
    edition: Edition | None = None
    # The one primary action; None: the user has none.
    action: Action | None = None
    # Whether the user may assemble the edition once it has stories.
    may_assemble: bool = False
    # Whether the edition waits for this user.
    is_mine: bool = False
    # Beside the primary action.
    links: tuple[Action, ...] = ()
    # When the edition is assembled (aware); None: by hand, or it exists.
    due_at: datetime | None = None
    # Stories in the edition, or ready for it.
    stories: int = 0
    missing: tuple[MissingTranslation, ...] = ()
    snapshot: Snapshot | None = None
    # Names of those whom a submitted edition waits for, and how many there are besides.
    approvers: tuple[str, ...] = ()
    more_approvers: int = 0
    # Of a submitted edition whose languages are approved one by one.
    parts: tuple[PartApproval, ...] = ()
    mailing: Mailing | None = None
    totals: Totals = field(default_factory=Totals)
    # Of the mailing, in percent.
    progress: int = 0
    # Why sending stopped, or why the edition was rejected.
    reason: str = ""
    # Of an edition that nobody scheduled yet: the planned time of sending (aware); None: there is none.
    planned_for: datetime | None = None
    # That time came and the edition was not sent: why, and what to do; empty: it is not held.
    held: str = ""
    held_advice: str = ""
    # Of a scheduled edition: whether the sender's domain is not authenticated; the page for those who may
    # see the DNS records, empty for others.
    is_unauthenticated: bool = False
    dns_url: str = ""

    @property
    def is_dry_run(self) -> bool:
        return bool(self.mailing and self.mailing.dry_run_to)

    @property
    def still_tried(self) -> int:
        """Messages that servers deferred, once every message was tried; 0 before."""
        open_ones = self.totals.planned + self.totals.claimed
        return self.totals.pending if self.state == "sending" and not open_ones and self.progress else 0


def cards_for(user: User, now: datetime) -> list[Card]:
    """The cards that this user sees: those that wait for the user first, newest editions first."""
    recent = Edition.objects.order_by("-period")
    states = states_of(list(recent.values_list("pk", flat=True)[:_RECENT_EDITIONS]))
    open_ones = [pk for pk, state in states.items() if state not in _FINISHED]
    unfinished = list(recent.filter(pk__in=open_ones).select_related("newsletter"))
    facts = _Facts.of(unfinished, states, now)
    cards = [_edition_card(edition, states[edition.pk], facts, user) for edition in unfinished]
    cards += [_dry_run_card(mailing, facts) for mailing in facts.dry_runs]
    busy = {edition.newsletter_id for edition in unfinished}
    for newsletter in Newsletter.objects.exclude(pk__in=busy)[:_MAX_NEWSLETTERS]:
        cards.append(_collecting_card(newsletter, user, now_or_demo_time(now)))
    return sorted(cards, key=lambda card: not card.is_mine)


@dataclass(frozen=True)
class _Facts:
    """What the cards of several editions show, loaded together; by the id of the edition."""

    snapshots: Mapping[int, Snapshot]
    mailings: Mapping[int, Mailing]
    dry_runs: Sequence[Mailing]
    # By the id of the mailing.
    totals: Mapping[int, Totals]
    alerts: Mapping[int, str]
    rejections: Mapping[int, str]
    languages_of_story: Mapping[int, set[str]]
    plans: Mapping[int, EditionPlan]

    @classmethod
    def of(cls, editions: Sequence[Edition], states: Mapping[int, str], now: datetime) -> _Facts:
        found = Snapshot.objects.filter(edition__in=editions, state__in=Snapshot.OPEN)
        snapshots = {one.edition_id: one for one in found.select_related("submitted_by").defer("content")}
        real = Mailing.objects.real().filter(edition__in=editions).order_by("created_at", "pk")
        mailings = {one.edition_id: one for one in real}
        dry_runs = list(
            Mailing.objects.dry_runs()
            .filter(state__in=("planning", "held", "sending", "paused"))
            .select_related("edition__newsletter")[:_RECENT_EDITIONS]
        )
        begun = [one for one in mailings.values() if states[one.edition_id] in ("sending", "paused", "held")]
        figures = key_figures_of([*begun, *dry_runs], now)
        drafts = [edition for edition in editions if states[edition.pk] in WITH_WRITERS]
        return cls(
            snapshots,
            mailings,
            dry_runs,
            {pk: one.totals for pk, one in figures.items()},
            _stop_reasons([*begun, *dry_runs]),
            _rejections([edition for edition in editions if states[edition.pk] == "rejected"]),
            _languages({pk for edition in drafts for pk in story_ids(edition)}),
            {
                one.edition_id: one
                for one in EditionPlan.objects.filter(edition__in=editions)
                if one.edition_id is not None
            },
        )


def _stop_reasons(mailings: Iterable[Mailing]) -> dict[int, str]:
    """Why each stopped mailing stopped, by its id: its latest alert, else its own reason."""
    stopped = {one.pk: one.reason for one in mailings if one.state in ("held", "paused")}
    alerts = Alert.objects.filter(mailing__in=stopped, sending_stopped=True).order_by("raised_at")
    return {**stopped, **dict(alerts.values_list("mailing_id", "message"))}


def _rejections(editions: Sequence[Edition]) -> dict[int, str]:
    """By whom and why each of these editions was rejected last."""
    found = Rejection.objects.filter(snapshot__edition__in=editions).order_by("at")
    return {
        one.snapshot.edition_id: rejection_label(one)
        for one in found.select_related("snapshot", "rejected_by").defer(
            "snapshot__content", "snapshot__manifest"
        )
    }


def _languages(stories: Iterable[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for story, language in StoryText.objects.filter(story__in=stories).values_list("story_id", "language"):
        found[story].add(language)
    return found


def _missing(newsletter: Newsletter, have: Iterable[set[str]]) -> tuple[MissingTranslation, ...]:
    """The newsletter's languages that some of the stories lack, most stories first."""
    lacking = Counter(code for languages in have for code in set(newsletter.languages) - languages)
    if lacking:
        # A language that no subscriber reads now is no task.
        counted = cached_or_live_count(Audience.of_newsletter(newsletter), timezone.now())
        for code in languages_without_readers(
            counted.combinations, newsletter.languages, newsletter.fallbacks
        ):
            del lacking[code]
    current = active_language()
    return tuple(
        MissingTranslation(iso_codes.language_name(code, current), count)
        for code, count in lacking.most_common()
    )


def _edition_card(edition: Edition, state: str, facts: _Facts, user: User) -> Card:
    tone, label = state_tone_and_label(state)
    snapshot, mailing = facts.snapshots.get(edition.pk), facts.mailings.get(edition.pk)
    action = next_action(edition, state, user)
    stories = story_ids(edition) if state in WITH_WRITERS else []
    have = [facts.languages_of_story.get(pk, set()) for pk in stories]
    names = (
        [user_or_system_name(one) for one in users_who_may_approve(snapshot)]
        if state == "submitted" and snapshot
        else []
    )
    totals = facts.totals.get(mailing.pk, Totals()) if mailing else Totals()
    plan = facts.plans.get(edition.pk) if state in _UNSCHEDULED else None
    held, held_advice = _held(state) if plan and plan.held_at else ("", "")
    return Card(
        edition.newsletter,
        edition.period_label,
        state,
        tone,
        label,
        _page_of(edition, state, user),
        edition=edition,
        action=action or _view_only(edition, state, user),
        is_mine=action is not None and state in _WAITING_FOR_STAFF,
        links=tuple(_links(edition, state, user)),
        stories=len(stories),
        missing=_missing(edition.newsletter, have),
        snapshot=snapshot,
        approvers=tuple(names[:_NAMED]),
        more_approvers=max(len(names) - _NAMED, 0),
        parts=_parts(edition, snapshot) if state == "submitted" and snapshot else (),
        mailing=mailing,
        totals=totals,
        progress=progress_percent(totals),
        reason=(facts.alerts.get(mailing.pk, "") if mailing else "")
        or (facts.rejections.get(edition.pk, "") if state == "rejected" else ""),
        planned_for=plan.send_at if plan else None,
        held=held,
        held_advice=held_advice,
        is_unauthenticated=state == "scheduled" and _is_unauthenticated(edition.newsletter),
        dns_url=reverse("desk_dns_records") if user.has_perm(PERMISSION) else "",
    )


def _is_unauthenticated(newsletter: Newsletter) -> bool:
    return any(dmarc_problems(sender_to_check(newsletter)))


def _view_only(edition: Edition, state: str, user: User) -> Action | None:
    """For those who approve other editions: they may look at this one, and another person has to act."""
    if state != "submitted" or not user.has_perm("mailer.approve_edition"):
        return None
    return Action(gettext("View"), reverse("desk_edition:review", args=[edition.pk]), "view")


def _held(state: str) -> tuple[str, str]:
    """Why an edition in this state was not sent at its planned time, and what to do."""
    if state == "approved":
        return gettext("Not sent: not scheduled in time"), gettext("Schedule this edition for a new time.")
    advice = (
        gettext("This edition must be approved, then scheduled for a new time.")
        if state == "submitted"
        else gettext("Submit this edition for approval, then schedule it for a new time.")
    )
    return gettext("Not sent: not approved in time"), advice


def _parts(edition: Edition, snapshot: Snapshot) -> tuple[PartApproval, ...]:
    found = part_approvals(snapshot, edition.newsletter.languages)
    return tuple(found) if len(found) > 1 else ()


def _page_of(edition: Edition, state: str, user: User) -> str:
    """The page that a card's title links to."""
    if state in WITH_WRITERS and user.has_perm("mailer.change_edition"):
        return reverse("desk_editions:edit", args=[edition.pk])
    reviewed = ("rejected", "submitted", "approved", "scheduled")
    page = "variants" if state == "draft" else "review" if state in reviewed else "report"
    return reverse(f"desk_edition:{page}", args=[edition.pk])


def _links(edition: Edition, state: str, user: User) -> Iterable[Action]:
    if state in WITH_WRITERS and user.has_perm("mailer.change_edition"):
        yield Action(gettext("Edit"), reverse("desk_editions:edit", args=[edition.pk]), "edit")
    if state in (*WITH_WRITERS, "submitted", "approved", "scheduled"):
        url = reverse("desk_edition:variants", args=[edition.pk])
        yield Action(gettext("Preview"), url, "view")


def _dry_run_card(mailing: Mailing, facts: _Facts) -> Card:
    edition, totals = mailing.edition, facts.totals.get(mailing.pk, Totals())
    tone, label = state_tone_and_label(mailing.state)
    url = reverse("desk_edition:dry_run", args=[edition.pk])
    return Card(
        edition.newsletter,
        edition.period_label,
        mailing.state,
        tone,
        label,
        url,
        edition=edition,
        mailing=mailing,
        totals=totals,
        progress=progress_percent(totals),
        reason=facts.alerts.get(mailing.pk, ""),
    )


def _collecting_card(newsletter: Newsletter, user: User, now: datetime) -> Card:
    """The next period that has no edition yet: this month, or the one after it."""
    next_one = upcoming_edition(newsletter, now)
    action = None
    may_assemble = user.has_perm("mailer.add_edition")
    if next_one.stories and may_assemble:
        url = reverse("desk_assemble", args=[newsletter.pk])
        action = Action(gettext("Assemble the edition"), url, "plus")
    may_change = user.has_perm("mailer.change_newsletter")
    languages = _languages(story.pk for story in next_one.stories)
    have = [languages.get(story.pk, set()) for story in next_one.stories]
    return Card(
        newsletter,
        localized_names_and_dates.month_name(str(next_one.period)),
        "collecting",
        "draft",
        gettext("Stories are being collected"),
        reverse("desk_newsletters:edit", args=[newsletter.pk]) if may_change else "",
        action=action,
        may_assemble=may_assemble,
        due_at=None if next_one.skipped else next_one.at,
        stories=len(next_one.stories),
        missing=_missing(newsletter, have),
    )
