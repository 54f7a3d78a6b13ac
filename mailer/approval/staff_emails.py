"""Emails to staff: a draft was assembled, or an edition needs approval. Each is sent once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction

from mailer.approval.approve import ApprovalError, require_second_person
from mailer.approval.models import Snapshot, StaffNotice
from mailer.editions.models import Edition

_BACKEND = "django.contrib.auth.backends.ModelBackend"


def send(now: datetime) -> int:
    """Notify staff of new drafts and submissions; returns how many emails were queued."""
    return sum(_notify_assembled(edition, now) for edition in _assembled()) + sum(
        _notify_submitted(snapshot, now) for snapshot in _submitted()
    )


def _assembled() -> Iterable[Edition]:
    """Drafts that were not submitted yet and have no notice."""
    notified = StaffNotice.objects.filter(key__startswith="assembled:").values_list("key", flat=True)
    known = {int(key.partition(":")[2]) for key in notified}
    drafts = Edition.objects.filter(snapshots=None).exclude(pk__in=known)
    found: Iterable[Edition] = drafts.select_related("newsletter")
    return found


def _submitted() -> Iterable[Snapshot]:
    notified = StaffNotice.objects.filter(key__startswith="submitted:").values_list("key", flat=True)
    known = {int(key.partition(":")[2]) for key in notified}
    waiting = Snapshot.objects.filter(state=Snapshot.State.SUBMITTED).exclude(pk__in=known)
    return waiting.select_related("edition__newsletter", "submitted_by")


def _notify_assembled(edition: Edition, now: datetime) -> int:
    people = users_with("mailer.submit_edition") | users_with("mailer.approve_edition")
    return _send_once(
        f"assembled:{edition.pk}",
        people,
        f"New draft: {edition}",
        f"The edition {edition} was assembled from the stories that are ready.\n\n"
        f"Review it, edit it, and submit it for approval:\n{_link(edition)}\n",
        now,
    )


def _notify_submitted(snapshot: Snapshot, now: datetime) -> int:
    people = {user for user in second_persons(snapshot) if user.email}
    name = snapshot.submitted_by.get_full_name() or snapshot.submitted_by.get_username()
    return _send_once(
        f"submitted:{snapshot.pk}",
        people,
        f"Approval needed: {snapshot.edition}",
        f"{name} has submitted {snapshot.edition}, for {snapshot.audience_count} subscribers.\n"
        f"You did not write any part of it, so you can approve it:\n"
        f"{settings.CONFIG.site.url}/desk/editions/{snapshot.edition_id}/review/\n\n"
        f"Its hash is {snapshot.sha256}.\n",
        now,
    )


def second_persons(snapshot: Snapshot) -> list[User]:
    """The active users who may approve the snapshot."""
    users = User.objects.with_perm("mailer.approve_edition", backend=_BACKEND).order_by("pk")
    return [user for user in users if _second_person(snapshot, user)]


def _second_person(snapshot: Snapshot, user: User) -> bool:
    try:
        require_second_person(snapshot, user)
    except ApprovalError:
        return False
    return True


def users_with(permission: str) -> set[User]:
    """Active users with the permission and an address."""
    return set(User.objects.with_perm(permission, backend=_BACKEND).exclude(email=""))


def _link(edition: Edition) -> str:
    return f"{settings.CONFIG.site.url}/desk/editions/{edition.pk}/variants/"


def _send_once(key: str, people: Iterable[User], subject: str, body: str, now: datetime) -> int:
    sent = 0
    with transaction.atomic():
        StaffNotice.objects.create(key=key, at=now)
        for user in sorted(people, key=lambda user: user.pk):
            headers = {"Auto-Submitted": "auto-generated"}
            EmailMessage(subject, body, to=[user.email], headers=headers).send()
            sent += 1
    return sent
