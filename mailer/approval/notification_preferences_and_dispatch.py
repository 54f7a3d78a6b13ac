"""Notifications of staff by email and in the desk, as each of them chose."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from mailer.approval.models import Notification, NotificationChoice
from mailer.staff_localization import in_language_of

EMAIL, DESK = "email", "desk"
# What staff are notified of, with the permission of those whom it concerns, and the ways without a choice.
EVENTS: dict[str, tuple[Promise, str, tuple[str, ...]]] = {
    "assembled": (_("A new draft edition was assembled"), "mailer.submit_edition", (EMAIL, DESK)),
    "assembly_held": (
        _("An edition was not assembled on schedule and needs your decision"),
        "mailer.add_edition",
        (EMAIL, DESK),
    ),
    "office_reminder": (
        _("Your countries have no story for the next edition"),
        "mailer.add_story",
        (EMAIL, DESK),
    ),
    "submitted": (_("An edition waits for your approval"), "mailer.approve_edition", (EMAIL, DESK)),
    "approved": (_("Your edition is approved"), "mailer.submit_edition", (EMAIL, DESK)),
    "changes_requested": (_("Changes are requested in your edition"), "mailer.submit_edition", (EMAIL, DESK)),
    "rejected": (_("Your edition is rejected"), "mailer.submit_edition", (EMAIL, DESK)),
    "approval_reminder": (
        _("An edition is not approved or scheduled shortly before its planned time"),
        "mailer.view_edition",
        (EMAIL, DESK),
    ),
    "planned_time_missed": (
        _("An edition was not sent at its planned time"),
        "mailer.view_edition",
        (EMAIL, DESK),
    ),
    "scheduled": (_("An edition is scheduled"), "mailer.view_edition", (EMAIL, DESK)),
    "approval_ended": (
        _("A change cancelled the approval or the schedule of an edition"),
        "mailer.view_edition",
        (EMAIL, DESK),
    ),
    "sent": (_("An edition is sent"), "mailer.view_edition", (DESK,)),
    "paused": (_("Sending of an edition is paused or on hold"), "mailer.schedule_edition", (EMAIL, DESK)),
    "alert": (_("Technical alerts about this system"), "auth.change_user", (EMAIL, DESK)),
}
# How long a notification is shown in the desk.
_KEPT_FOR = timedelta(days=60)

# Gives subject and text in the active language.
Writer = Callable[[], tuple[str, str]]


def events_permitted_to(user: User) -> list[str]:
    """The events that can concern this user."""
    return [event for event, (_label, permission, _ways) in EVENTS.items() if user.has_perm(permission)]


def notification_ways(users: Iterable[User], event: str) -> dict[int, frozenset[str]]:
    """How each user is notified of the event, by the user's id."""
    ids = [user.pk for user in users]
    chosen = dict(NotificationChoice.objects.filter(user__in=ids).values_list("user_id", "ways"))
    default = EVENTS[event][2]
    return {pk: frozenset(chosen.get(pk, {}).get(event, default)) for pk in ids}


def save_choices(user: User, ways: Mapping[str, Collection[str]]) -> None:
    """Keep how the user wants to be notified of each event."""
    known = {event: [way for way in (EMAIL, DESK) if way in ways.get(event, ())] for event in EVENTS}
    NotificationChoice.objects.update_or_create(user=user, defaults={"ways": known})


def notify_and_count_emails(
    event: str, users: Iterable[User], write: Writer, path: str, now: datetime, *, email: bool = True
) -> int:
    """Notify each user as they chose, in their language; how many emails were queued. In a transaction.

    `path` is the page of the desk that is about it, "/desk/…". Without `email` it is shown in the desk alone.
    """
    listed = sorted(set(users), key=lambda user: user.pk)
    ways = notification_ways(listed, event)
    sent = 0
    for user in listed:
        with in_language_of(user):
            subject, body = write()
        if DESK in ways[user.pk]:
            Notification.objects.create(user=user, event=event, text=subject[:300], path=path, at=now)
        if email and EMAIL in ways[user.pk] and user.email:
            EmailMessage(subject, body, to=[user.email], headers={"Auto-Submitted": "auto-generated"}).send()
            sent += 1
    return sent


def add_desk_notifications_if_chosen(
    event: str, users: Iterable[User], text: str, path: str, now: datetime
) -> None:
    """Show a notification in the desk to those of the users who chose that; no email."""
    listed = list(users)
    ways = notification_ways(listed, event)
    Notification.objects.bulk_create(
        Notification(user=user, event=event, text=text[:300], path=path[:200], at=now)
        for user in listed
        if DESK in ways[user.pk]
    )


def delete_old(now: datetime) -> int:
    """Delete notifications that nobody needs any more; how many. A job of the worker."""
    return Notification.objects.filter(at__lt=now - _KEPT_FOR).delete()[0]
