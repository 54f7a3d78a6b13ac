"""Emails about changes of accounts: to the owner of each, and to those who approve editions.

What weakens the protection of an account, or gives power to one, is reported at once; everything else when no
account was changed for a while, so that one email names all that belongs together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from mailer.approval.account_influence import DAYS
from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.models import AccountChange, StaffNotice
from mailer.approval.staff_by_permission import (
    DESK,
    has_joined,
    is_external_approver,
    users_with_permission_and_email,
)
from mailer.staff_localization import in_language_of

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

What = AccountChange.What
# Changes are reported so long after the last of them, at the latest so long after the first.
_QUIET, _LONGEST_WAIT = timedelta(minutes=15), timedelta(hours=1)
# More would come from an installation of accounts by a program.
_BATCH = 500
# Codenames of the permissions to approve, and to change accounts and roles.
_APPROVE = "approve_edition"
_POWERS = frozenset((_APPROVE, "add_user", "change_user", "change_group"))
Powers = Mapping[str, Set[str]]
# What an account is signed in to with: its owner learns of each change at once, also of their own.
_SIGN_IN = (What.EMAIL, What.PASSWORD, What.SECOND_FACTOR)


def send_account_notices(now: datetime) -> int:
    """Report the changes that were not reported yet and are due; returns how many emails were queued."""
    with transaction.atomic():
        waiting = AccountChange.objects.filter(notified_at=None).order_by("pk")
        ids = list(waiting.select_for_update().values_list("pk", flat=True)[:_BATCH])
        changes = list(AccountChange.objects.filter(pk__in=ids).select_related("user", "actor"))
        if not changes:
            return 0
        powers = _powers_of_groups()
        urgent = {change.pk for change in changes if _is_urgent(change, powers)}
        due = bool(urgent) or _is_over(changes, now)
        for_owners = _without_notice([one for one in changes if due or one.what in _SIGN_IN])
        sent = _notify_owners(for_owners)
        if not due:
            _record_notices(for_owners, now)
            return sent
        AccountChange.objects.filter(pk__in=ids).update(notified_at=now)
        StaffNotice.objects.filter(key__in=map(_key, changes)).delete()
        return sent + _notify_approvers(changes, urgent)


def skip_owner_notice_of_new_account(user: User, now: datetime) -> None:
    """Send no email about the first password, nor one to the owner about the account made for them."""
    waiting = AccountChange.objects.filter(user=user, notified_at=None)
    waiting.filter(what=What.PASSWORD).update(notified_at=now)
    _record_notices(waiting.all(), now)


def mark_account_changes_notified(now: datetime) -> None:
    """Send no email about the changes so far: those by which the demo creates its accounts."""
    AccountChange.objects.filter(notified_at=None).update(notified_at=now)


def _is_over(changes: Sequence[AccountChange], now: datetime) -> bool:
    """Whether no further change is to be expected, or the first of them has waited long enough."""
    at = [change.at for change in changes]
    return max(at) <= now - _QUIET or min(at) <= now - _LONGEST_WAIT


def _is_urgent(change: AccountChange, powers: Powers) -> bool:
    """Whether the change weakens an account, or gives one the power to approve or to change others."""
    by_colleague = change.actor_id not in (None, change.user_id)
    if change.what == What.SECOND_FACTOR:
        return bool(change.before) or by_colleague
    if change.what in (What.EMAIL, What.PASSWORD):
        return by_colleague
    if change.what == What.SUPERUSER:
        return change.after == "yes"
    if change.what == What.GROUP:
        given = powers.get(change.after, frozenset())
    elif change.what in (What.PERMISSION, What.GROUP_PERMISSION):
        given = _POWERS & {change.after.rpartition(": ")[2]}
    else:
        return False
    # A command on the server may make an approver: no author of an edition can enter it as such.
    return bool(given - {_APPROVE}) or (_APPROVE in given and change.actor_id is not None)


def _powers_of_groups() -> Powers:
    """Which of the powers each group gives, by its name."""
    found: dict[str, set[str]] = {}
    rows = Group.objects.filter(permissions__codename__in=_POWERS)
    for name, codename in rows.values_list("name", "permissions__codename"):
        found.setdefault(name, set()).add(codename)
    return found


def _key(change: AccountChange) -> str:
    return f"account-change:{change.pk}"


def _without_notice(changes: Sequence[AccountChange]) -> list[AccountChange]:
    """Those of which the owner has no email yet, though the approvers have none either."""
    notified = set(
        StaffNotice.objects.filter(key__in=[_key(one) for one in changes]).values_list("key", flat=True)
    )
    return [one for one in changes if _key(one) not in notified and not _is_invited(one)]


def _record_notices(changes: Iterable[AccountChange], now: datetime) -> None:
    StaffNotice.objects.bulk_create(
        [StaffNotice(key=_key(change), at=now) for change in changes], ignore_conflicts=True
    )


def _notify_owners(changes: Sequence[AccountChange]) -> int:
    """One email for each address of an account that was changed."""
    by_address: dict[str, list[AccountChange]] = {}
    for change in changes:
        for address in _addresses_of_owner(change):
            by_address.setdefault(address, []).append(change)
    for address, own in by_address.items():
        owner = own[0].user
        with in_language_of(owner):
            subject = gettext("Your account at %(site)s was changed") % {"site": settings.CONFIG.site.name}
            advice = gettext(_EXTERNAL_OWNER) if is_external_approver(owner) else gettext(_OWNER)
            _send(address, subject, own, advice.format(url=settings.CONFIG.site.url))
    return len(by_address)


def _is_invited(change: AccountChange) -> bool:
    """Whether the owner has not joined yet: the invitation says what there is to say."""
    user = change.user
    return change.what != What.EMAIL and not has_joined(user) and not is_external_approver(user)


def _addresses_of_owner(change: AccountChange) -> Iterable[str]:
    """The address of the account, and the one that it had before."""
    before = change.before if change.what == What.EMAIL else ""
    return {address for address in (change.user.email, before) if address}


def _notify_approvers(changes: Sequence[AccountChange], urgent: Collection[int]) -> int:
    """One email for each approver with what others changed of others' accounts, since the approver joined."""
    sent = 0
    for user in sorted(users_with_permission_and_email("mailer.approve_edition"), key=lambda one: one.email):
        # External approvers need not know of staff accounts.
        if not user.has_perm(DESK) or not has_joined(user):
            continue
        # Who made a change knows of it; where it is urgent, another person may have used their session.
        theirs = [
            change
            for change in changes
            if change.user_id != user.pk
            and change.at >= user.date_joined
            and (change.actor_id != user.pk or change.pk in urgent)
        ]
        if theirs:
            with in_language_of(user):
                subject = gettext("Accounts at %(site)s were changed") % {"site": settings.CONFIG.site.name}
                _send(user.email, subject, theirs, _advice(theirs))
            sent += 1
    return sent


def _advice(changes: Sequence[AccountChange]) -> str:
    lines = [gettext(_ASK_OWNER)]
    if any(change.actor_id not in (None, change.user_id) for change in changes):
        lines.insert(0, gettext(_INDEPENDENCE) % {"days": DAYS})
    return "".join(lines)


_OWNER = gettext_noop(
    "If you do not expect this, tell a colleague who approves editions, and set a new password:\n"
    "{url}/accounts/password/forgotten/\n"
)
# They have no password: they approve by a mailed link and a code.
_EXTERNAL_OWNER = gettext_noop(
    "You review editions by the links that are mailed to you; there is no password.\n"
    "If you do not expect this change, tell the person at the office who sends you these links.\n"
)
_INDEPENDENCE = gettext_noop(
    "For %(days)s days, an account cannot approve the work of the colleague who created or changed it.\n"
)
_ASK_OWNER = gettext_noop("If you do not expect a change, ask the owner of the account about it.\n")


# Of a second factor, by allauth's name of its kind.
_FACTORS: Mapping[str, StrOrPromise] = {
    "totp": _("authenticator app"),
    "webauthn": _("passkey"),
    "recovery_codes": _("recovery codes"),
}


def describe_change(change: AccountChange) -> str:
    """The change as a sentence without its time: "Dana Writer changed the email address: a@… → b@…"."""
    shown = {
        "who": user_or_system_name(change.actor)
        if change.actor
        else gettext("Someone with a command on the server or an emailed link"),
        "what": change.get_what_display(),
        "before": change.before,
        "after": change.after,
        "value": _FACTORS.get(change.after or change.before, change.after or change.before),
    }
    return _sentence(change) % shown


def _sentence(change: AccountChange) -> str:
    if change.what == What.CREATED:
        return (
            gettext("%(who)s created the staff account %(after)s")
            if change.actor
            else gettext("the staff account %(after)s was created by a command on the server")
        )
    if change.what == What.ACTIVE:
        return (
            gettext("%(who)s reactivated the account")
            if change.after == "yes"
            else gettext("%(who)s deactivated the account")
        )
    if change.what == What.SUPERUSER:
        return (
            gettext("%(who)s made the account a superuser")
            if change.after == "yes"
            else gettext("%(who)s removed the superuser status of the account")
        )
    if change.what == What.SECOND_FACTOR:
        return (
            gettext("%(who)s added a second factor to the account: %(value)s")
            if change.after
            else gettext("%(who)s removed a second factor from the account: %(value)s")
        )
    if change.what in (What.GROUP, What.PERMISSION, What.GROUP_PERMISSION):
        return (
            gettext("%(who)s added to the account: %(what)s “%(value)s”")
            if change.after
            else gettext("%(who)s removed from the account: %(what)s “%(value)s”")
        )
    if change.before or change.after:
        return gettext("%(who)s changed the account's %(what)s: %(before)s → %(after)s")
    return gettext("%(who)s changed the account's %(what)s")


def _send(address: str, subject: str, changes: Sequence[AccountChange], advice: str) -> None:
    lines = [
        "- "
        + gettext("%(time)s, account of %(owner)s: %(change)s.")
        % {"time": _time(change), "owner": _owner(change.user), "change": describe_change(change)}
        for change in changes
    ]
    body = "\n".join([f"{subject}:", "", *lines, "", advice])
    EmailMessage(subject, body, to=[address], headers={"Auto-Submitted": "auto-generated"}).send()


def _owner(user: User) -> str:
    return f"{user_or_system_name(user)} ({user.get_username()})"


def _time(change: AccountChange) -> str:
    return f"{timezone.localtime(change.at):%Y-%m-%d %H:%M}"


def leave_rehash_unreported(user: User, now: datetime) -> None:
    """Send no email about a sign-in that stored the same password with another hash.

    An update of Django does that to every account, and the database cannot tell it from a new password.
    """
    changes = AccountChange.objects.filter(user=user, what=AccountChange.What.PASSWORD, notified_at=None)
    last = changes.order_by("-pk").values_list("pk", flat=True)[:1]
    AccountChange.objects.filter(pk__in=list(last)).update(notified_at=now)
