"""The planned time of sending: reminders before it, automatic scheduling, and the alarm when it is missed.

Nothing here approves or sends an edition. One that is not approved at its planned time, and one to which the
worker comes too late, is held: staff are alarmed once, and a person decides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext
from wagtail.log_actions import log as audit
from wagtail.models import ModelLogEntry

from mailer.approval import snapshot_state_changes
from mailer.approval.content_changes_and_authors import edition_name_to_store
from mailer.approval.models import Snapshot
from mailer.approval.notification_preferences_and_dispatch import notify_and_count_emails
from mailer.approval.possible_approvers import users_who_may_approve
from mailer.approval.snapshot_state_changes import ApprovalError
from mailer.approval.staff_by_permission import DESK, users_with_permission_and_email
from mailer.delivery.models import Mailing
from mailer.delivery.outbox import staff_alerts
from mailer.editions.models import EditionPlan
from mailer.one_by_one import each_alone
from mailer.staff_localization import zone_label
from subscribers.translate_stored_texts import stored, translated

# A worker that comes later than that to a planned time asks staff before anything is sent.
LATEST_SENDING = timedelta(hours=6)
# The longest time before the planned time at which approvers can be reminded, with a margin.
_AHEAD = timedelta(days=11)
# Plans whose time was longer ago are left alone, as after a restored backup.
_BACK = timedelta(days=60)
State = Snapshot.State

log = logging.getLogger(__name__)


def run_due(now: datetime) -> int:
    """Do what is due for every planned edition; how many steps were taken. It may run twice at once."""
    plans = EditionPlan.objects.filter(
        state=EditionPlan.State.ASSEMBLED,
        edition__isnull=False,
        held_at=None,
        send_at__gt=now - _BACK,
        send_at__lte=now + _AHEAD,
    )
    steps = 0
    with each_alone() as alone:
        for plan in plans.select_related("edition__newsletter").order_by("send_at"):
            with alone():
                steps += _advance(plan, now)
    return steps


def missed_automatic_send_time(snapshot: Snapshot, now: datetime) -> bool:
    """Whether the snapshot was scheduled automatically, and its planned time passed too long ago."""
    plans = EditionPlan.objects.filter(edition=snapshot.edition_id, scheduled_at__isnull=False)
    late = snapshot.send_at is not None and now - snapshot.send_at > LATEST_SENDING
    return late and plans.filter(send_at=snapshot.send_at).exists()


def unschedule_and_hold_missed(snapshot: Snapshot, now: datetime) -> None:
    """Take back the schedule of a snapshot to which the worker came too late, and alarm staff."""
    with transaction.atomic():
        waiting = Snapshot.objects.not_mailed().filter(pk=snapshot.pk, state=State.SCHEDULED)
        if waiting.update(state=State.APPROVED, send_at=None, scheduled_by=None, local_hour=None):
            _hold(EditionPlan.objects.get(edition=snapshot.edition_id), _MISSED, now)


def _advance(plan: EditionPlan, now: datetime) -> bool:
    edition = plan.edition
    assert edition is not None and plan.send_at is not None
    if Mailing.objects.real().filter(edition=edition).exists():
        return False
    snapshot = Snapshot.objects.filter(edition=edition, state__in=Snapshot.OPEN).defer("content").first()
    state = snapshot.state if snapshot else ""
    if state == State.SCHEDULED:
        return False
    if now >= plan.send_at:
        reason = _NOT_SCHEDULED if state == State.APPROVED else _NOT_APPROVED
        # An edition that was approved in time is scheduled as soon as the worker sees it.
        in_time = bool(snapshot and snapshot.approved_at and snapshot.approved_at < plan.send_at)
        if in_time and now - plan.send_at <= LATEST_SENDING and _schedule(plan, snapshot, now):
            return True
        return _hold(plan, reason, now)
    if state == State.APPROVED and _schedule(plan, snapshot, now):
        return True
    return _remind(plan, snapshot, now)


def _schedule(plan: EditionPlan, snapshot: Snapshot | None, now: datetime) -> bool:
    """Schedule the approved snapshot for the planned time, once, where the newsletter wants that."""
    edition = plan.edition
    assert edition is not None
    if snapshot is None or not edition.newsletter.schedules_itself or not _is_to_be_scheduled(plan, snapshot):
        return False
    try:
        with transaction.atomic():
            open_ones = EditionPlan.objects.filter(pk=plan.pk, scheduled_at=plan.scheduled_at, held_at=None)
            if not open_ones.update(scheduled_at=now):
                return False
            snapshot_state_changes.schedule(snapshot, None, plan.send_at, now)
            audit(instance=edition, action="desk.schedule")
    except ApprovalError:
        # Such as a window that ends before; the alarm at the planned time says what to do.
        log.warning("action=planned_edition_not_scheduled edition=%d", edition.pk)
        return False
    log.info("action=planned_edition_scheduled edition=%d", edition.pk)
    return True


def _is_to_be_scheduled(plan: EditionPlan, snapshot: Snapshot) -> bool:
    """Whether none was scheduled automatically yet, or this one was approved in the place of that one.

    A person who took the schedule back is not overruled.
    """
    if plan.scheduled_at is None:
        return True
    if snapshot.approved_at is None or snapshot.approved_at <= plan.scheduled_at:
        return False
    entries = ModelLogEntry.objects.for_instance(plan.edition)
    return not entries.filter(action="desk.unschedule", timestamp__gte=plan.scheduled_at).exists()


def _remind(plan: EditionPlan, snapshot: Snapshot | None, now: datetime) -> bool:
    """Remind those who can move the edition on, once, some hours before the planned time."""
    edition = plan.edition
    assert edition is not None and plan.send_at is not None
    if now < plan.send_at - timedelta(hours=edition.newsletter.approval_reminder_hours):
        return False
    send_at, url = plan.send_at, _url(plan)

    def write() -> tuple[str, str]:
        moment = _label(send_at, edition.newsletter.zone)
        values = {"edition": edition, "moment": moment, "url": url}
        if snapshot is not None and snapshot.state == State.APPROVED:
            return (
                gettext("Edition not scheduled yet: %(edition)s") % values,
                gettext(
                    "The edition %(edition)s is approved, and its planned time is "
                    "%(moment)s. Schedule it here:\n%(url)s\n"
                )
                % values,
            )
        return (
            gettext("Edition not approved yet: %(edition)s") % values,
            gettext(
                "The planned time of %(edition)s is %(moment)s. It is not approved yet, and is not sent "
                "without approval:\n%(url)s\n"
            )
            % values,
        )

    return _once(plan, "approvers_reminded_at", "approval_reminder", _people(snapshot), write, now)


def _people(snapshot: Snapshot | None) -> set[User]:
    """Those who can do the next step: submit, approve or schedule."""
    if snapshot is None:
        found = users_with_permission_and_email("mailer.submit_edition") | users_with_permission_and_email(
            "mailer.approve_edition"
        )
    elif snapshot.state == State.SUBMITTED:
        found = set(users_who_may_approve(snapshot))
    else:
        found = users_with_permission_and_email("mailer.schedule_edition")
    return {user for user in found if user.has_perm(DESK)}


_NOT_APPROVED = stored("The edition is not approved. Approve it, and schedule it for a new time.")
_NOT_SCHEDULED = stored("The edition is approved, but nobody scheduled it. Schedule it for a new time.")
_MISSED = stored(
    "The system was not running at the planned time. Decide whether the edition is still to be sent."
)


def _hold(plan: EditionPlan, reason: str, now: datetime) -> bool:
    """Alarm staff that the edition was not sent at its planned time."""
    edition = plan.edition
    assert edition is not None
    message = stored(
        "The edition “%(edition)s” was not sent at its planned time. %(reason)s",
        edition=edition_name_to_store(edition),
        reason=reason,
    )
    with transaction.atomic():
        if not EditionPlan.objects.filter(pk=plan.pk, held_at=None).update(held_at=now):
            return False
        if Snapshot.objects.filter(edition=edition, state=State.SCHEDULED).exists():
            # Another worker, or a person, scheduled it in the same moment.
            EditionPlan.objects.filter(pk=plan.pk).update(held_at=None)
            return False
        path = _url(plan).removeprefix(settings.CONFIG.site.url)
        staff_alerts.warn(f"planned_sending_{plan.pk}", message, None, now, path)

        def write() -> tuple[str, str]:
            values = {"edition": edition, "url": _url(plan), "reason": translated(reason)}
            return (
                gettext("Edition not sent at the planned time: %(edition)s") % values,
                gettext("The edition %(edition)s was not sent at its planned time. %(reason)s\n%(url)s\n")
                % values,
            )

        people = users_with_permission_and_email("mailer.schedule_edition") | users_with_permission_and_email(
            "mailer.approve_edition"
        )
        # Those who get the alert are not notified twice.
        alerted = set(staff_alerts.languages_by_alert_recipient())
        people = {user for user in people if user.email not in alerted and user.has_perm(DESK)}
        notify_and_count_emails("planned_time_missed", people, write, path, now)
    log.warning("action=planned_edition_held edition=%d", edition.pk)
    return True


def _once(
    plan: EditionPlan,
    column: str,
    event: str,
    people: set[User],
    write: Callable[[], tuple[str, str]],
    now: datetime,
) -> bool:
    with transaction.atomic():
        if not EditionPlan.objects.filter(pk=plan.pk, **{column: None}).update(**{column: now}):
            return False
        notify_and_count_emails(event, people, write, _url(plan).removeprefix(settings.CONFIG.site.url), now)
    return True


def _url(plan: EditionPlan) -> str:
    return f"{settings.CONFIG.site.url}/desk/editions/{plan.edition_id}/variants/"


def _label(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone_label(moment, ZoneInfo(zone))})"
