"""Emails to staff: new drafts, editions that need approval, and changes of accounts. Each is sent once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Max, Min, QuerySet
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop, ngettext

from mailer.approval.account_change_records import DAYS
from mailer.approval.approve_and_schedule import ApprovalError, require_second_person
from mailer.approval.authorship import name_of
from mailer.approval.models import AccountChange, Snapshot, StaffNotice
from mailer.approval.staff_notifications import Writer, notify
from mailer.editions.models import Edition, EditionPlan
from mailer.rendering import localization
from mailer.staff_language import active_language, in_language_of

T = TypeVar("T")
_BACKEND = "django.contrib.auth.backends.ModelBackend"
# External approvers cannot open the desk; `external_approval` writes to them when an author asks for it.
_DESK = "wagtailadmin.access_admin"


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
        month = localization.period_in_text(plan.period, active_language())
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

    people = {user for user in users_with("mailer.add_edition") if user.has_perm(_DESK)}
    with transaction.atomic():
        if not EditionPlan.objects.filter(pk=plan.pk, asked_at=None).update(asked_at=now):
            return 0
        return notify("assembly_held", people, write, path, now)


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
    """Writers are asked to submit it; those who only approve read that it comes to them."""
    writers = {user for user in users_with("mailer.submit_edition") if user.has_perm(_DESK)}
    approvers = {user for user in users_with("mailer.approve_edition") if user.has_perm(_DESK)} - writers

    def write(next_step: str) -> tuple[str, str]:
        subject = gettext("New draft edition: %(edition)s") % {"edition": edition}
        body = gettext("The edition %(edition)s was assembled from the stories that are ready.")
        return subject, f"{body % {'edition': edition}}\n\n{next_step}\n{_link(edition)}\n"

    def for_writers() -> tuple[str, str]:
        return write(gettext("Review and edit the edition, and submit it for approval:"))

    def for_approvers() -> tuple[str, str]:
        return write(
            gettext(
                "You will be asked to approve the edition when it is submitted. Until then you can read it:"
            )
        )

    path = f"/desk/editions/{edition.pk}/variants/"
    with transaction.atomic():
        sent = _send_once(f"assembled:{edition.pk}", writers, for_writers, path, now)
        return sent + notify("assembled", approvers, for_approvers, path, now)


def _notify_submitted(snapshot: Snapshot, now: datetime) -> int:
    people = {user for user in second_persons(snapshot) if is_asked(user)}
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
        signature = gettext("The hash of what you approve: %(hash)s") % {"hash": snapshot.sha256}
        written = body % {
            "name": name,
            "edition": snapshot.edition,
            "count": snapshot.audience_count,
            "url": f"{settings.CONFIG.site.url}/desk/editions/{snapshot.edition_id}/review/",
        }
        return subject, "\n".join(filter(None, (written, note, f"-- \n{signature}\n")))

    path = f"/desk/editions/{snapshot.edition_id}/review/"
    return _send_once(f"submitted:{snapshot.pk}", people, write, path, now)


def second_persons(snapshot: Snapshot) -> list[User]:
    """The active users who may approve the snapshot."""
    return [user for user in all_approvers() if is_second_person(snapshot, user)]


def all_approvers() -> Iterable[User]:
    """The active users with the permission to approve, oldest account first."""
    return active_users_with("mailer.approve_edition")


def active_users_with(permission: str) -> QuerySet[User]:
    """The active users with the permission, oldest account first."""
    found: QuerySet[User] = User.objects.with_perm(permission, backend=_BACKEND).order_by("pk")
    return found


def is_asked(user: User) -> bool:
    """Whether a second person is notified of a submission; an external approver needs a link instead."""
    return bool(user.email) and user.has_perm(_DESK)


def is_second_person(snapshot: Snapshot, user: User) -> bool:
    """Whether a user with the permission may approve the snapshot."""
    try:
        require_second_person(snapshot, user)
    except ApprovalError:
        return False
    return True


def users_with(permission: str) -> set[User]:
    """Active users with the permission and an address."""
    return set(User.objects.with_perm(permission, backend=_BACKEND).exclude(email=""))


def is_external(user: User) -> bool:
    """Whether the account may approve editions, and cannot open the desk."""
    return user.has_perm("mailer.approve_edition") and not user.has_perm(_DESK)


def _link(edition: Edition) -> str:
    return f"{settings.CONFIG.site.url}/desk/editions/{edition.pk}/variants/"


def _send_once(key: str, people: Iterable[User], write: Writer, path: str, now: datetime) -> int:
    """Notify of the event that begins the key, as each person chose; how many emails were queued."""
    with transaction.atomic():
        StaffNotice.objects.create(key=key, at=now)
        return notify(key.partition(":")[0], people, write, path, now)


What = AccountChange.What
# Invited people are reported so long after the last of them, at the latest so long after the first.
_PAUSE, _LONGEST_PAUSE = timedelta(minutes=2), timedelta(minutes=10)
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
            if _is_invited(change):
                continue
            for address in _addresses_of_owner(change):
                by_address.setdefault(address, []).append(change)
        for address, own in by_address.items():
            owner = own[0].user
            with in_language_of(owner):
                subject = gettext("Your account at %(site)s was changed") % {
                    "site": settings.CONFIG.site.name
                }
                advice = gettext(_EXTERNAL_OWNER) if is_external(owner) else gettext(_OWNER)
                _send_changes(address, subject, own, advice)
        others: dict[User, list[AccountChange]] = {}
        # The accounts of the staff are no business of external approvers.
        approvers = (user for user in users_with("mailer.approve_edition") if user.has_perm(_DESK))
        for user in sorted(approvers, key=lambda one: one.email):
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
# They have no password: they approve by a mailed link and a code.
_EXTERNAL_OWNER = gettext_noop(
    "You review editions by the links that are mailed to you; there is no password.\n"
    "If you do not expect this change, tell the person at the office who sends you these links.\n"
)
_APPROVER = gettext_noop(
    "For %(days)s days these accounts cannot approve the work of the users who made the changes.\n"
    "If you do not expect a change, ask the owner of the account about it.\n"
)


def _is_invited(change: AccountChange) -> bool:
    """Whether the owner has not joined yet: the invitation says what there is to say."""
    user = change.user
    joined = user.has_usable_password() or user.last_login is not None
    return not joined and hasattr(user, "invitation") and change.what != What.EMAIL


def _claim(now: datetime) -> list[AccountChange]:
    waiting = AccountChange.objects.filter(notified_at=None).order_by("pk")
    invited = waiting.filter(what=What.CREATED, user__invitation__isnull=False, at__lte=now)
    moments = invited.aggregate(first=Min("at"), last=Max("at"))
    if moments["last"] and moments["last"] > now - _PAUSE and moments["first"] > now - _LONGEST_PAUSE:
        # Several people are invited one after another: one email will name them all.
        waiting = waiting.exclude(user__in=list(invited.values_list("user_id", flat=True)))
    ids = list(waiting.select_for_update().values_list("pk", flat=True)[:_BATCH])
    AccountChange.objects.filter(pk__in=ids).update(notified_at=now)
    return list(AccountChange.objects.filter(pk__in=ids).select_related("user", "actor"))


def _addresses_of_owner(change: AccountChange) -> Iterable[str]:
    """The address of the account, and the one that it had before."""
    before = change.before if change.what == What.EMAIL else ""
    return {address for address in (change.user.email, before) if address}


def describe_change(change: AccountChange) -> str:
    """The change as a sentence without its time: "Dana Writer changed the email address: a@… → b@…"."""
    shown = {
        "who": name_of(change.actor) if change.actor else gettext("A command or an emailed link"),
        "what": change.get_what_display(),
        "before": change.before,
        "after": change.after,
        "value": change.after or change.before,
    }
    if change.what == What.CREATED:
        text = (
            gettext("%(who)s created the staff account %(after)s")
            if change.actor
            else gettext("the staff account %(after)s was created by a command on the server")
        )
    elif change.what in (What.SECOND_FACTOR, What.GROUP, What.PERMISSION, What.GROUP_PERMISSION):
        text = (
            gettext("%(who)s added to the account the %(what)s %(value)s")
            if change.after
            else gettext("%(who)s removed from the account the %(what)s %(value)s")
        )
    elif change.before or change.after:
        text = gettext("%(who)s changed the account's %(what)s: %(before)s → %(after)s")
    else:
        text = gettext("%(who)s changed the account's %(what)s")
    return text % shown


def _send_changes(address: str, subject: str, changes: Sequence[AccountChange], advice: str) -> None:
    lines = [
        "- "
        + gettext("%(time)s, account of %(owner)s: %(change)s.")
        % {"time": _time(change), "owner": _owner(change.user), "change": describe_change(change)}
        for change in changes
    ]
    body = "\n".join([f"{subject}:", "", *lines, "", advice.format(url=settings.CONFIG.site.url)])
    EmailMessage(subject, body, to=[address], headers={"Auto-Submitted": "auto-generated"}).send()


def _owner(user: User) -> str:
    return f"{name_of(user)} ({user.get_username()})"


def _time(change: AccountChange) -> str:
    return f"{timezone.localtime(change.at):%Y-%m-%d %H:%M}"
