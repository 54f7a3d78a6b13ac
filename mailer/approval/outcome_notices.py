"""Notices to the authors and approvers of an edition, each given once.

Approved, scheduled, rejected, sent back, or changed after it was approved.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.formats import date_format
from django.utils.translation import gettext

from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.models import Rejection, Snapshot, StaffNotice
from mailer.approval.new_draft_and_approval_request_emails import without_notice
from mailer.approval.notification_preferences_and_dispatch import Writer, notify_and_count_emails
from mailer.approval.staff_by_permission import users_with_permission_and_email
from mailer.staff_localization import zone_label
from subscribers import translate_stored_texts

# What happened earlier is no news.
_RECENT, _RECENTLY_SUBMITTED = timedelta(days=1), timedelta(days=30)


def active_authors_and_submitter(snapshot: Snapshot) -> set[User]:
    """The active accounts that wrote or submitted a part of the snapshot."""
    authors = set(User.objects.filter(pk__in=snapshot.authors.values("user"), is_active=True))
    return authors | ({snapshot.submitted_by} if snapshot.submitted_by.is_active else set())


def send_approval_outcome_notices(now: datetime) -> int:
    """Notify of decisions, schedules and withdrawals that are new; how many emails were queued."""
    return (
        sum(_notify_approved(snapshot, now) for snapshot in _approved(now))
        + sum(_notify_scheduled(snapshot, now) for snapshot in _scheduled())
        + sum(_notify_withdrawn(snapshot, now) for snapshot in _withdrawn(now))
        + sum(_notify_approval_ended(snapshot, now) for snapshot in _approval_ended(now))
        + sum(_notify_rejected(rejection, now) for rejection in _rejections(now))
    )


def _approved(now: datetime) -> Iterable[Snapshot]:
    """Snapshots that have every approval they need."""
    found = Snapshot.objects.filter(approved_at__gt=now - _RECENT).defer("content", "manifest")
    found = found.select_related("submitted_by", "edition__newsletter")
    return without_notice({f"approved:{one.pk}": one for one in found})


def _scheduled() -> Iterable[Snapshot]:
    found = Snapshot.objects.filter(state=Snapshot.State.SCHEDULED).defer("content", "manifest")
    found = found.select_related("scheduled_by", "submitted_by", "edition__newsletter")
    return without_notice({_schedule_key(one): one for one in found})


def _schedule_key(snapshot: Snapshot) -> str:
    moment = snapshot.send_at.timestamp() if snapshot.send_at else 0
    return f"scheduled:{snapshot.pk}:{int(moment)}"


def _withdrawn(now: datetime) -> Iterable[Snapshot]:
    found = Snapshot.objects.filter(
        state=Snapshot.State.WITHDRAWN, submitted_at__gt=now - _RECENTLY_SUBMITTED
    )
    found = found.defer("content", "manifest").select_related("submitted_by", "edition__newsletter")
    return without_notice({withdrawal_notice_key(one): one for one in found})


def withdrawal_notice_key(snapshot: Snapshot) -> str:
    """The key of the notice that the snapshot was withdrawn."""
    return f"withdrawn:{snapshot.pk}"


def _approval_ended(now: datetime) -> Iterable[Snapshot]:
    """Snapshots that were approved, and that a later change ended before anything was sent."""
    found = Snapshot.objects.filter(
        state=Snapshot.State.INVALIDATED, approved_at__isnull=False, invalidated_at__gt=now - _RECENT
    )
    found = found.defer("content", "manifest").select_related("submitted_by", "edition__newsletter")
    return without_notice({f"approval_ended:{one.pk}": one for one in found})


def _rejections(now: datetime) -> Iterable[Rejection]:
    found = Rejection.objects.filter(at__gt=now - _RECENT).select_related(
        "rejected_by", "snapshot__submitted_by", "snapshot__edition__newsletter"
    )
    return without_notice({f"rejected:{one.snapshot_id}": one for one in found})


def _notify_approved(snapshot: Snapshot, now: datetime) -> int:
    approvers = list(dict.fromkeys(one.approver for one in snapshot.approvals.select_related("approver")))
    values = {
        "edition": snapshot.edition,
        "name": ", ".join(map(user_or_system_name, approvers)),
        "url": _url(snapshot, "review"),
    }

    def write() -> tuple[str, str]:
        subject = gettext("Edition approved: %(edition)s") % values
        body = gettext("%(name)s approved %(edition)s. An approver can now schedule it:\n%(url)s\n") % values
        return subject, body

    people = active_authors_and_submitter(snapshot) - set(approvers)
    return _once(f"approved:{snapshot.pk}", "approved", people, write, _path(snapshot, "review"), now)


def _notify_scheduled(snapshot: Snapshot, now: datetime) -> int:
    """By email to its authors and approvers; others who schedule editions see it in the desk."""
    values = {
        "edition": snapshot.edition,
        "name": user_or_system_name(snapshot.scheduled_by),
        "url": _url(snapshot, "schedule"),
    }

    def write() -> tuple[str, str]:
        subject = gettext("Edition scheduled: %(edition)s") % values
        body = gettext(
            "%(name)s scheduled %(edition)s. It will be sent on %(moment)s.\n\n"
            "This page shows when it is sent:\n%(url)s\n"
        )
        return subject, body % {**values, "moment": scheduled_time_text(snapshot)}

    concerned = active_authors_and_submitter(snapshot) | active_users_who_approved(snapshot)
    others = users_with_permission_and_email("mailer.schedule_edition") - concerned
    path = _path(snapshot, "schedule")
    acted = {snapshot.scheduled_by} if snapshot.scheduled_by else set()
    with transaction.atomic():
        sent = _once(_schedule_key(snapshot), "scheduled", concerned - acted, write, path, now)
        return sent + notify_and_count_emails("scheduled", others - acted, write, path, now, email=False)


def _notify_withdrawn(snapshot: Snapshot, now: datetime) -> int:
    values = {
        "edition": snapshot.edition,
        "url": _url(snapshot, "variants"),
    }

    def write() -> tuple[str, str]:
        subject = gettext("Changes to your edition requested: %(edition)s") % values
        body = gettext("%(edition)s is a draft again. %(reason)s\n\nEdit it and submit it again:\n%(url)s\n")
        reason = translate_stored_texts.translated(snapshot.invalidated_reason)
        return subject, body % {**values, "reason": reason}

    people = active_authors_and_submitter(snapshot)
    key = withdrawal_notice_key(snapshot)
    return _once(key, "changes_requested", people, write, _path(snapshot, "variants"), now)


def _notify_approval_ended(snapshot: Snapshot, now: datetime) -> int:
    """To the authors and the approvers: they count on the approval, and on the time of sending."""
    values = {"edition": snapshot.edition, "url": _url(snapshot, "variants")}

    def write() -> tuple[str, str]:
        named = {**values, "reason": translate_stored_texts.translated(snapshot.invalidated_reason)}
        if snapshot.send_at is None:
            subject = gettext("Approval no longer valid: %(edition)s") % named
            return subject, gettext(
                "The approval of %(edition)s is no longer valid. %(reason)s\n\nThe edition "
                "must be submitted and approved again:\n%(url)s\n"
            ) % named
        subject = gettext("No longer scheduled: %(edition)s") % named
        named["moment"] = scheduled_time_text(snapshot)
        return subject, gettext(
            "The schedule of %(edition)s was withdrawn. %(reason)s\n\n"
            "It will not be sent on %(moment)s, unless it is submitted, approved and scheduled again:\n"
            "%(url)s\n"
        ) % named

    people = active_authors_and_submitter(snapshot) | active_users_who_approved(snapshot)
    if snapshot.scheduled_by is not None and snapshot.scheduled_by.is_active:
        people.add(snapshot.scheduled_by)
    key = f"approval_ended:{snapshot.pk}"
    return _once(key, "approval_ended", people, write, _path(snapshot, "variants"), now)


def scheduled_time_text(snapshot: Snapshot) -> str:
    """When a snapshot is or was scheduled to be sent, in the newsletter's time zone; "" for never."""
    if snapshot.send_at is None:
        return ""
    zone = ZoneInfo(snapshot.edition.newsletter.zone)
    local = snapshot.send_at.astimezone(zone)
    return f"{date_format(local, 'DATETIME_FORMAT')} ({zone_label(snapshot.send_at, zone)})"


def active_users_who_approved(snapshot: Snapshot) -> set[User]:
    """The active accounts that approved it."""
    return set(User.objects.filter(pk__in=snapshot.approvals.values("approver"), is_active=True))


def _notify_rejected(rejection: Rejection, now: datetime) -> int:
    snapshot = rejection.snapshot
    values = {
        "edition": snapshot.edition,
        "name": user_or_system_name(rejection.rejected_by),
        "reason": rejection.reason,
        "url": _url(snapshot, "variants"),
    }

    def write() -> tuple[str, str]:
        subject = gettext("Edition rejected: %(edition)s") % values
        body = gettext(
            "%(name)s rejected %(edition)s:\n\n%(reason)s\n\n"
            "It is not sent. You can change it and submit it again, or delete it:\n%(url)s\n"
        )
        return subject, body % values

    people = active_authors_and_submitter(snapshot) - {rejection.rejected_by}
    key = f"rejected:{snapshot.pk}"
    return _once(key, "rejected", people, write, _path(snapshot, "variants"), now)


def _path(snapshot: Snapshot, page: str) -> str:
    # Not by reverse(): the worker loads no pages of the desk.
    return f"/desk/editions/{snapshot.edition_id}/{page}/"


def _url(snapshot: Snapshot, page: str) -> str:
    return f"{settings.CONFIG.site.url}{_path(snapshot, page)}"


def _once(key: str, event: str, people: Iterable[User], write: Writer, path: str, now: datetime) -> int:
    with transaction.atomic():
        StaffNotice.objects.create(key=key, at=now)
        return notify_and_count_emails(event, people, write, path, now)
