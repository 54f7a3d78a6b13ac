"""Emails to staff: new drafts, editions that need approval, and changes of accounts. Each is sent once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop, ngettext

from mailer.approval.account_changes import DAYS
from mailer.approval.approve import ApprovalError, require_second_person
from mailer.approval.authorship import name_of
from mailer.approval.models import AccountChange, Snapshot, StaffNotice
from mailer.approval.notifications import Writer, notify
from mailer.editions.models import Edition
from mailer.staff_language import in_language_of

_BACKEND = "django.contrib.auth.backends.ModelBackend"
# External approvers cannot open the desk; `approval_links` writes to them when an author asks for it.
_DESK = "wagtailadmin.access_admin"


def send_edition_notices(now: datetime) -> int:
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
    users = users_with("mailer.submit_edition") | users_with("mailer.approve_edition")
    people = {user for user in users if user.has_perm(_DESK)}

    def write() -> tuple[str, str]:
        subject = gettext("New draft: %(edition)s") % {"edition": edition}
        body = gettext(
            "The edition %(edition)s was assembled from the stories that are ready.\n\n"
            "Review it, edit it, and submit it for approval:\n"
            "%(url)s\n"
        )
        return subject, body % {"edition": edition, "url": _link(edition)}

    path = f"/desk/editions/{edition.pk}/variants/"
    return _send_once(f"assembled:{edition.pk}", people, write, path, now)


def _notify_submitted(snapshot: Snapshot, now: datetime) -> int:
    people = {user for user in second_persons(snapshot) if user.email and user.has_perm(_DESK)}
    name = snapshot.submitted_by.get_full_name() or snapshot.submitted_by.get_username()

    def write() -> tuple[str, str]:
        subject = gettext("Approval needed: %(edition)s") % {"edition": snapshot.edition}
        body = ngettext(
            "%(name)s has submitted %(edition)s, for %(count)s subscriber.\n"
            "You did not write any part of it, so you can approve it:\n"
            "%(url)s\n\n"
            "Its hash is %(hash)s.\n",
            "%(name)s has submitted %(edition)s, for %(count)s subscribers.\n"
            "You did not write any part of it, so you can approve it:\n"
            "%(url)s\n\n"
            "Its hash is %(hash)s.\n",
            snapshot.audience_count,
        )
        return subject, body % {
            "name": name,
            "edition": snapshot.edition,
            "count": snapshot.audience_count,
            "url": f"{settings.CONFIG.site.url}/desk/editions/{snapshot.edition_id}/review/",
            "hash": snapshot.sha256,
        }

    path = f"/desk/editions/{snapshot.edition_id}/review/"
    return _send_once(f"submitted:{snapshot.pk}", people, write, path, now)


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


def _send_once(key: str, people: Iterable[User], write: Writer, path: str, now: datetime) -> int:
    """Notify of the event that begins the key, as each person chose; how many emails were queued."""
    with transaction.atomic():
        StaffNotice.objects.create(key=key, at=now)
        return notify(key.partition(":")[0], people, write, path, now)


What = AccountChange.What
# More would come from an installation of accounts by a program.
_BATCH = 500


def send_account_notices(now: datetime) -> int:
    """Report the changes that were not reported yet; returns how many emails were queued."""
    with transaction.atomic():
        changes = _claim(now)
        if not changes:
            return 0
        by_address: dict[str, list[AccountChange]] = {}
        for change in changes:
            for address in _addresses_of_owner(change):
                by_address.setdefault(address, []).append(change)
        for address, own in by_address.items():
            with in_language_of(own[0].user):
                subject = gettext("Your account at %(site)s was changed") % {
                    "site": settings.CONFIG.site.name
                }
                _send_changes(address, subject, own, gettext(_OWNER))
        others: dict[User, list[AccountChange]] = {}
        for user in sorted(users_with("mailer.approve_edition"), key=lambda one: one.email):
            # Approvers whose own account was changed learn of the other changes here.
            if rest := [change for change in changes if change not in by_address.get(user.email, ())]:
                others[user] = rest
        for user, theirs in others.items():
            with in_language_of(user):
                subject = gettext("Accounts at %(site)s were changed") % {"site": settings.CONFIG.site.name}
                _send_changes(user.email, subject, theirs, gettext(_APPROVER) % {"days": DAYS})
    return len(by_address) + len(others)


def mark_as_reported(now: datetime) -> None:
    """Send no email about the changes so far: those by which the demo creates its accounts."""
    AccountChange.objects.filter(notified_at=None).update(notified_at=now)


_OWNER = gettext_noop(
    "If you do not expect this, tell a colleague who approves editions, and set a new password:\n"
    "{url}/accounts/password/forgotten/\n"
)
_APPROVER = gettext_noop(
    "For %(days)s days these accounts cannot approve the work of the users who made the changes.\n"
    "If you do not expect a change, ask the owner of the account about it.\n"
)


def _claim(now: datetime) -> list[AccountChange]:
    waiting = AccountChange.objects.filter(notified_at=None).order_by("pk")
    ids = list(waiting.select_for_update().values_list("pk", flat=True)[:_BATCH])
    AccountChange.objects.filter(pk__in=ids).update(notified_at=now)
    return list(AccountChange.objects.filter(pk__in=ids).select_related("user", "actor"))


def _addresses_of_owner(change: AccountChange) -> Iterable[str]:
    """The address of the account, and the one that it had before."""
    before = change.before if change.what == What.EMAIL else ""
    return {address for address in (change.user.email, before) if address}


def describe(change: AccountChange) -> str:
    """The change as a sentence without its time: "Dana Writer changed the email address: a@… → b@…"."""
    shown = {
        "who": name_of(change.actor) if change.actor else gettext("A command, or a link from an email,"),
        "what": change.get_what_display(),
        "before": change.before,
        "after": change.after,
        "value": change.after or change.before,
    }
    if change.what == What.CREATED:
        text = gettext("%(who)s created the account %(after)s")
    elif change.what in (What.SECOND_FACTOR, What.GROUP, What.PERMISSION, What.GROUP_PERMISSION):
        text = (
            gettext("%(who)s added the %(what)s %(value)s")
            if change.after
            else gettext("%(who)s removed the %(what)s %(value)s")
        )
    elif change.before or change.after:
        text = gettext("%(who)s changed the %(what)s: %(before)s → %(after)s")
    else:
        text = gettext("%(who)s changed the %(what)s")
    return text % shown


def _send_changes(address: str, subject: str, changes: Sequence[AccountChange], advice: str) -> None:
    lines = [f"- {_time(change)}, {_owner(change.user)}: {describe(change)}." for change in changes]
    body = "\n".join([f"{subject}:", "", *lines, "", advice.format(url=settings.CONFIG.site.url)])
    EmailMessage(subject, body, to=[address], headers={"Auto-Submitted": "auto-generated"}).send()


def _owner(user: User) -> str:
    return f"{name_of(user)} ({user.get_username()})"


def _time(change: AccountChange) -> str:
    return f"{timezone.localtime(change.at):%Y-%m-%d %H:%M}"
