"""Accounts that were not used for long: an attacker who takes one of them over is noticed late."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

# Days without a sign-in after which an account counts as unused.
UNUSED_DAYS = 90


def is_unused_account(user: User, now: datetime) -> bool:
    """Whether an active account was not signed in to for 90 days, or since it was created."""
    return user.is_active and (user.last_login or user.date_joined) < now - timedelta(days=UNUSED_DAYS)


def unused_accounts(now: datetime) -> QuerySet[User]:
    """The unused accounts, by name."""
    limit = now - timedelta(days=UNUSED_DAYS)
    never = Q(last_login=None, date_joined__lt=limit)
    return User.objects.filter(Q(last_login__lt=limit) | never, is_active=True).order_by("username")
