"""What is planned for the editions of all newsletters, and what became of it: the calendar of the desk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from mailer.approval.models import Snapshot
from mailer.editions.models import Edition, EditionPlan, Newsletter
from mailer.editions.planned_dates import PlannedDate, planned_editions
from mailer.rendering import localization
from mailer.reports.edition_state import WITH_WRITERS, edition_states
from mailer.staff_localization import active_language

# What happens at a time, in the order of a day.
KINDS: dict[str, Promise] = {
    "office_reminder": _("Reminder to offices to send stories"),
    "cutoff": _("Deadline for stories"),
    "assembly": _("Assembly of editions"),
    "approval_reminder": _("Reminder to approve the edition"),
    "sending": _("Planned sending of the edition"),
    "scheduled": _("Scheduled sending of the edition"),
}
# The states of an edition that is not scheduled yet.
_UNSCHEDULED = (*WITH_WRITERS, "submitted", "approved")
# A planned sending is at most so long behind its assembly.
_BACK = timedelta(days=62)


@dataclass(frozen=True)
class CalendarEvent:
    """One moment of one edition."""

    # Aware, in the newsletter's zone.
    at: datetime
    newsletter: Newsletter
    # The edition's name or period, in the active language.
    title: str
    # A key of KINDS.
    kind: str
    # None: it does not exist yet.
    edition: Edition | None = None
    # What became of it, a state of EditionPlan, or a state of the edition; empty: it is to come. Of a planned
    # sending that was missed "unscheduled" where the edition is approved, "unapproved" before that.
    outcome: str = ""
    # The same in every answer, and no other event's: for iCalendar.
    key: str = ""


def calendar_events(start: datetime, end: datetime, now: datetime) -> list[CalendarEvent]:
    """The events from `start` to before `end` (aware), in order."""
    found: list[CalendarEvent] = []
    for newsletter in Newsletter.objects.all():
        found += _of_newsletter(newsletter, start, end, now)
    return sorted(found, key=lambda one: (one.at, list(KINDS).index(one.kind), one.newsletter.name))


def _of_newsletter(
    newsletter: Newsletter, start: datetime, end: datetime, now: datetime
) -> Iterator[CalendarEvent]:
    rows = newsletter.plans.filter(assemble_at__gte=start - _BACK, assemble_at__lt=end)
    plans = {plan.period: plan for plan in rows.select_related("edition")}
    sent = Snapshot.objects.filter(
        edition__newsletter=newsletter, send_at__gte=start, send_at__lt=end, state=Snapshot.State.SCHEDULED
    )
    snapshots = list(sent.select_related("edition").defer("content", "manifest"))
    editions = [plan.edition for plan in plans.values() if plan.edition] + [one.edition for one in snapshots]
    states = edition_states(editions)
    made: list[CalendarEvent] = []
    for plan in plans.values():
        made += _of_plan(newsletter, plan, states)
    coming = takewhile(
        lambda one: one.assemble_at < end, planned_editions(newsletter, max(start - _BACK, now - _BACK))
    )
    for found in coming:
        known = plans.get(str(found.period))
        if known is None or known.state == EditionPlan.State.COLLECTING:
            made += _of_date(newsletter, found, now)
    planned_times = {(one.edition.pk, one.at) for one in made if one.edition and one.kind == "sending"}
    for snapshot in snapshots:
        if snapshot.send_at and (snapshot.edition_id, snapshot.send_at) not in planned_times:
            edition = snapshot.edition
            made.append(
                _event(newsletter, snapshot.send_at, "scheduled", edition.period, edition, states[edition.pk])
            )
    for one in made:
        if start <= one.at < end:
            yield one


def _of_plan(newsletter: Newsletter, plan: EditionPlan, states: dict[int, str]) -> Iterable[CalendarEvent]:
    """What the schedule did for a period, or left to staff."""
    if plan.state == EditionPlan.State.COLLECTING:
        return
    state = states.get(plan.edition_id or 0, "")
    yield _event(newsletter, plan.assemble_at, "assembly", plan.period, plan.edition, plan.state)
    if plan.send_at and plan.edition:
        outcome, is_unscheduled = state, state in _UNSCHEDULED
        if plan.held_at and is_unscheduled:
            outcome = "unscheduled" if state == "approved" else "unapproved"
        yield _event(newsletter, plan.send_at, "sending", plan.period, plan.edition, outcome)
        if not plan.held_at and is_unscheduled:
            at = plan.send_at - timedelta(hours=newsletter.approval_reminder_hours)
            yield _event(newsletter, at, "approval_reminder", plan.period, plan.edition, "")


def _of_date(newsletter: Newsletter, found: PlannedDate, now: datetime) -> Iterable[CalendarEvent]:
    """What is still to come for a period."""
    if found.assemble_at < now:
        return
    times = {
        "office_reminder": found.remind_offices_at,
        "cutoff": found.cutoff_at if found.cutoff_at != found.assemble_at else None,
        "assembly": found.assemble_at,
        "sending": found.send_at,
        "approval_reminder": found.send_at - timedelta(hours=newsletter.approval_reminder_hours)
        if found.send_at
        else None,
    }
    for kind, at in times.items():
        if at is not None:
            yield _event(newsletter, at, kind, str(found.period), None, "")


def _event(
    newsletter: Newsletter, at: datetime, kind: str, period: str, edition: Edition | None, outcome: str
) -> CalendarEvent:
    name = edition.name if edition else ""
    return CalendarEvent(
        at=at.astimezone(ZoneInfo(newsletter.zone)),
        newsletter=newsletter,
        title=name or localization.period_in_sentence(period, active_language()),
        kind=kind,
        edition=edition,
        outcome=outcome,
        key=f"{newsletter.pk}-{period}-{kind}",
    )
