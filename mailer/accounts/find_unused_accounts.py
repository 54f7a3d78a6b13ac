"""Accounts that were not used for long: an attacker who takes one of them over is noticed late.

External approvers never sign in, so nobody can take over their accounts.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q

from mailer.approval.staff_by_permission import is_external_approver

# Days without a sign-in after which an account counts as unused.
UNUSED_DAYS = 90


def is_unused_account(user: User, now: datetime) -> bool:
    """Whether an active account was not signed in to for 90 days, or since it was created."""
    is_old = (user.last_login or user.date_joined) < now - timedelta(days=UNUSED_DAYS)
    return user.is_active and is_old and not is_external_approver(user)


def unused_accounts(now: datetime) -> list[User]:
    """The unused accounts, by name."""
    limit = now - timedelta(days=UNUSED_DAYS)
    never = Q(last_login=None, date_joined__lt=limit)
    found = User.objects.filter(Q(last_login__lt=limit) | never, is_active=True).order_by("username")
    return [user for user in found if not is_external_approver(user)]
