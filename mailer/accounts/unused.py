"""Accounts without a sign-in for 90 days: an attacker who takes one over is noticed late."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

DAYS = 90


def is_unused(user: User, now: datetime) -> bool:
    """Whether an active account was not signed in to for 90 days, or since it was created."""
    return user.is_active and (user.last_login or user.date_joined) < now - timedelta(days=DAYS)


def unused_accounts(now: datetime) -> QuerySet[User]:
    """The unused accounts, by name."""
    limit = now - timedelta(days=DAYS)
    never = Q(last_login=None, date_joined__lt=limit)
    return User.objects.filter(Q(last_login__lt=limit) | never, is_active=True).order_by("username")
