"""Notices to the authors of an edition: it is approved, scheduled, or sent back. Each is given once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from mailer.approval.authorship import name_of
from mailer.approval.models import Approval, Snapshot, StaffNotice
from mailer.approval.notifications import Writer, notify
from mailer.approval.staff_emails import users_with
from subscribers import stored_texts

# What happened earlier is no news.
_RECENT, _RECENTLY_SUBMITTED = timedelta(days=1), timedelta(days=30)


def authors_of(snapshot: Snapshot) -> set[User]:
    """The active accounts that wrote or submitted a part of the snapshot."""
    authors = set(User.objects.filter(pk__in=snapshot.authors.values("user"), is_active=True))
    return authors | ({snapshot.submitted_by} if snapshot.submitted_by.is_active else set())


def send_outcome_notices(now: datetime) -> int:
    """Notify of approvals, schedules and withdrawals that are new; how many emails were queued."""
    return (
        sum(_notify_approved(approval, now) for approval in _approvals(now))
        + sum(_notify_scheduled(snapshot, now) for snapshot in _scheduled())
        + sum(_notify_withdrawn(snapshot, now) for snapshot in _withdrawn(now))
    )


def _known(prefix: str) -> set[str]:
    return set(StaffNotice.objects.filter(key__startswith=prefix).values_list("key", flat=True))


def _approvals(now: datetime) -> Iterable[Approval]:
    known = _known("approved:")
    found = Approval.objects.filter(at__gt=now - _RECENT).select_related(
        "approver", "snapshot__submitted_by", "snapshot__edition__newsletter"
    )
    return [one for one in found if f"approved:{one.pk}" not in known]


def _scheduled() -> Iterable[Snapshot]:
    known = _known("scheduled:")
    found = Snapshot.objects.filter(state=Snapshot.State.SCHEDULED).defer("content", "manifest")
    found = found.select_related("scheduled_by", "submitted_by", "edition__newsletter")
    return [one for one in found if _schedule_key(one) not in known]


def _schedule_key(snapshot: Snapshot) -> str:
    moment = snapshot.send_at.timestamp() if snapshot.send_at else 0
    return f"scheduled:{snapshot.pk}:{int(moment)}"


def _withdrawn(now: datetime) -> Iterable[Snapshot]:
    known = _known("withdrawn:")
    found = Snapshot.objects.filter(
        state=Snapshot.State.WITHDRAWN, submitted_at__gt=now - _RECENTLY_SUBMITTED
    )
    found = found.defer("content", "manifest").select_related("submitted_by", "edition__newsletter")
    return [one for one in found if f"withdrawn:{one.pk}" not in known]


def _notify_approved(approval: Approval, now: datetime) -> int:
    snapshot = approval.snapshot
    values = {
        "edition": snapshot.edition,
        "name": name_of(approval.approver),
        "url": _url(snapshot, "review"),
    }

    def write() -> tuple[str, str]:
        subject = gettext("Approved: %(edition)s") % values
        body = gettext("%(name)s approved %(edition)s. An approver schedules it next:\n%(url)s\n") % values
        return subject, body

    people = authors_of(snapshot) - {approval.approver}
    return _once(f"approved:{approval.pk}", "approved", people, write, _path(snapshot, "review"), now)


def _notify_scheduled(snapshot: Snapshot, now: datetime) -> int:
    values = {
        "edition": snapshot.edition,
        "name": name_of(snapshot.scheduled_by),
        "url": _url(snapshot, "schedule"),
    }

    def write() -> tuple[str, str]:
        subject = gettext("Scheduled: %(edition)s") % values
        return subject, gettext("%(name)s scheduled %(edition)s. The moment is here:\n%(url)s\n") % values

    people = authors_of(snapshot) | users_with("mailer.schedule_edition")
    others = people - ({snapshot.scheduled_by} if snapshot.scheduled_by else set())
    return _once(_schedule_key(snapshot), "scheduled", others, write, _path(snapshot, "schedule"), now)


def _notify_withdrawn(snapshot: Snapshot, now: datetime) -> int:
    values = {
        "edition": snapshot.edition,
        "url": _url(snapshot, "variants"),
    }

    def write() -> tuple[str, str]:
        subject = gettext("Changes requested: %(edition)s") % values
        body = gettext("%(edition)s is a draft again. %(reason)s\n\nEdit it and submit it again:\n%(url)s\n")
        reason = stored_texts.translated(snapshot.invalidated_reason)
        return subject, body % {**values, "reason": reason}

    people = authors_of(snapshot)
    key = f"withdrawn:{snapshot.pk}"
    return _once(key, "changes_requested", people, write, _path(snapshot, "variants"), now)


def _path(snapshot: Snapshot, page: str) -> str:
    # Not by reverse(): the worker loads no pages of the desk.
    return f"/desk/editions/{snapshot.edition_id}/{page}/"


def _url(snapshot: Snapshot, page: str) -> str:
    return f"{settings.CONFIG.site.url}{_path(snapshot, page)}"


def _once(key: str, event: str, people: Iterable[User], write: Writer, path: str, now: datetime) -> int:
    with transaction.atomic():
        StaffNotice.objects.create(key=key, at=now)
        return notify(event, people, write, path, now)
