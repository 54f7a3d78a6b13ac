"""Emails to staff: new drafts, and editions that need approval. Each is sent once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext, ngettext

from mailer.approval.models import Snapshot, StaffNotice
from mailer.approval.notification_preferences_and_dispatch import Writer, notify_and_count_emails
from mailer.approval.possible_approvers import users_who_may_approve
from mailer.approval.staff_by_permission import DESK, has_joined, users_with_permission_and_email
from mailer.editions.models import Edition, EditionPlan
from mailer.rendering import localization
from mailer.staff_localization import active_language

T = TypeVar("T")


def send_edition_notices(now: datetime) -> int:
    """Notify staff of new drafts, of those that wait for a decision, and of submissions.

    Returns how many emails were queued.
    """
    return (
        sum(_notify_assembled(edition, now) for edition in _assembled())
        + sum(_notify_left_to_staff(plan, now) for plan in _left_to_staff())
        + sum(_notify_submitted(snapshot, now) for snapshot in _submitted())
    )


def _left_to_staff() -> Iterable[EditionPlan]:
    """Periods whose edition was not assembled, which nobody was asked about yet."""
    states = (EditionPlan.State.THIN, EditionPlan.State.LATE)
    return EditionPlan.objects.filter(state__in=states, asked_at=None).select_related("newsletter")


def _notify_left_to_staff(plan: EditionPlan, now: datetime) -> int:
    path = f"/desk/newsletters/{plan.newsletter_id}/assemble/"

    def write() -> tuple[str, str]:
        month = localization.period_in_sentence(plan.period, active_language())
        values = {
            "newsletter": plan.newsletter.name,
            "month": month,
            "stories": plan.stories,
            "url": f"{settings.CONFIG.site.url}{path}",
        }
        subject = gettext("Edition not assembled: %(newsletter)s, %(month)s") % values
        if plan.state == EditionPlan.State.LATE:
            body = gettext(
                "The system was not running when the edition of %(newsletter)s for %(month)s was due.\n"
                "Decide whether it is assembled now:\n%(url)s\n"
            )
        else:
            body = ngettext(
                "Only %(stories)s story was ready for the edition of %(newsletter)s for %(month)s.\n"
                "Decide whether it is assembled:\n%(url)s\n",
                "Only %(stories)s stories were ready for the edition of %(newsletter)s for %(month)s.\n"
                "Decide whether it is assembled:\n%(url)s\n",
                plan.stories,
            )
        return subject, body % values

    people = {user for user in users_with_permission_and_email("mailer.add_edition") if user.has_perm(DESK)}
    with transaction.atomic():
        if not EditionPlan.objects.filter(pk=plan.pk, asked_at=None).update(asked_at=now):
            return 0
        return notify_and_count_emails("assembly_held", people, write, path, now)


def _assembled() -> Iterable[Edition]:
    """Drafts that were not submitted yet and have no notice."""
    drafts = Edition.objects.filter(snapshots=None).select_related("newsletter")
    return without_notice({f"assembled:{one.pk}": one for one in drafts})


def _submitted() -> Iterable[Snapshot]:
    waiting = Snapshot.objects.filter(state=Snapshot.State.SUBMITTED).defer("content")
    found = waiting.select_related("edition__newsletter", "submitted_by")
    return without_notice({f"submitted:{one.pk}": one for one in found})


def without_notice(by_key: dict[str, T]) -> list[T]:
    """Those of the candidates, by the keys of their notices, whose notice was not given yet."""
    if not by_key:
        return []
    given = set(StaffNotice.objects.filter(key__in=list(by_key)).values_list("key", flat=True))
    return [one for key, one in by_key.items() if key not in given]


def _notify_assembled(edition: Edition, now: datetime) -> int:
    """Writers are asked to submit it, except its author; approvers see it in the desk alone."""
    writers = {
        user for user in users_with_permission_and_email("mailer.submit_edition") if user.has_perm(DESK)
    }
    approvers = {
        user for user in users_with_permission_and_email("mailer.approve_edition") if user.has_perm(DESK)
    } - writers
    assembled_by = edition.revisions.order_by("pk").values_list("user_id", flat=True).first()

    def write(next_step: str) -> tuple[str, str]:
        subject = gettext("New draft edition: %(edition)s") % {"edition": edition}
        body = gettext("The edition %(edition)s was assembled from the stories that are ready.")
        return subject, f"{body % {'edition': edition}}\n\n{next_step}\n{_link(edition)}\n"

    def for_writers() -> tuple[str, str]:
        return write(gettext("Review and edit the edition, and submit it for approval:"))

    path = f"/desk/editions/{edition.pk}/variants/"
    with transaction.atomic():
        asked = {user for user in writers if user.pk != assembled_by and has_joined(user)}
        sent = _send_once(f"assembled:{edition.pk}", asked, for_writers, path, now)
        notify_and_count_emails("assembled", approvers, for_writers, path, now, email=False)
        return sent


def _notify_submitted(snapshot: Snapshot, now: datetime) -> int:
    people = {user for user in users_who_may_approve(snapshot) if has_email_and_desk_access(user)}
    if not people:
        # An approver who comes later is notified then.
        return 0
    name = snapshot.submitted_by.get_full_name() or snapshot.submitted_by.get_username()

    def write() -> tuple[str, str]:
        subject = gettext("Edition waiting for your approval: %(edition)s") % {"edition": snapshot.edition}
        body = ngettext(
            "%(name)s has submitted %(edition)s, for %(count)s subscriber.\n"
            "You did not write any part of it, so you can approve it:\n"
            "%(url)s\n",
            "%(name)s has submitted %(edition)s, for %(count)s subscribers.\n"
            "You did not write any part of it, so you can approve it:\n"
            "%(url)s\n",
            snapshot.audience_count,
        )
        note = (
            gettext("Note for the approvers:\n%(note)s\n") % {"note": snapshot.note} if snapshot.note else ""
        )
        written = body % {
            "name": name,
            "edition": snapshot.edition,
            "count": snapshot.audience_count,
            "url": f"{settings.CONFIG.site.url}/desk/editions/{snapshot.edition_id}/review/",
        }
        return subject, "\n".join(filter(None, (written, note)))

    path = f"/desk/editions/{snapshot.edition_id}/review/"
    return _send_once(f"submitted:{snapshot.pk}", people, write, path, now)


def has_email_and_desk_access(user: User) -> bool:
    """Whether a second person is notified of a submission; an external approver needs a link instead."""
    return bool(user.email) and user.has_perm(DESK)


def _link(edition: Edition) -> str:
    return f"{settings.CONFIG.site.url}/desk/editions/{edition.pk}/variants/"


def _send_once(key: str, people: Iterable[User], write: Writer, path: str, now: datetime) -> int:
    """Notify of the event that begins the key, as each person chose; how many emails were queued."""
    with transaction.atomic():
        StaffNotice.objects.create(key=key, at=now)
        return notify_and_count_emails(key.partition(":")[0], people, write, path, now)
