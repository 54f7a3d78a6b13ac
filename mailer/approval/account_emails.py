"""Emails about changes of accounts: to the owner, and to every approver. Each change is reported once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from mailer.approval.account_changes import DAYS
from mailer.approval.authorship import name_of
from mailer.approval.models import AccountChange
from mailer.approval.staff_emails import users_with

What = AccountChange.What
# More would come from an installation of accounts by a program.
_BATCH = 500


def send(now: datetime) -> int:
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
            _send(address, f"Your account at {settings.CONFIG.site.name} was changed", own, _OWNER)
        others: dict[str, list[AccountChange]] = {}
        for address in sorted({user.email for user in users_with("mailer.approve_edition")}):
            # Approvers whose own account was changed learn of the other changes here.
            if rest := [change for change in changes if change not in by_address.get(address, ())]:
                others[address] = rest
        for address, theirs in others.items():
            _send(address, f"Accounts at {settings.CONFIG.site.name} were changed", theirs, _APPROVER)
    return len(by_address) + len(others)


def mark_as_reported(now: datetime) -> None:
    """Send no email about the changes so far: those by which the demo creates its accounts."""
    AccountChange.objects.filter(notified_at=None).update(notified_at=now)


_OWNER = (
    "If you do not expect this, tell a colleague who approves editions, and set a new password:\n"
    "{url}/accounts/password/forgotten/\n"
)
_APPROVER = (
    f"For {DAYS} days these accounts cannot approve the work of the users who made the changes.\n"
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
    who = name_of(change.actor) if change.actor else "A command, or a link from an email,"
    what = change.get_what_display()
    if change.what == What.CREATED:
        return f"{who} created the account {change.after}"
    if change.what in (What.SECOND_FACTOR, What.GROUP, What.PERMISSION, What.GROUP_PERMISSION):
        return f"{who} {'added' if change.after else 'removed'} the {what} {change.after or change.before}"
    values = f": {change.before} → {change.after}" if change.before or change.after else ""
    return f"{who} changed the {what}{values}"


def _send(address: str, subject: str, changes: Sequence[AccountChange], advice: str) -> None:
    lines = [f"- {_time(change)}, {_owner(change.user)}: {describe(change)}." for change in changes]
    body = "\n".join([f"{subject}:", "", *lines, "", advice.format(url=settings.CONFIG.site.url)])
    EmailMessage(subject, body, to=[address], headers={"Auto-Submitted": "auto-generated"}).send()


def _owner(user: User) -> str:
    return f"{name_of(user)} ({user.get_username()})"


def _time(change: AccountChange) -> str:
    return f"{timezone.localtime(change.at):%Y-%m-%d %H:%M}"
