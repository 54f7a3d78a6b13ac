"""What happens to accounts, in the audit log: who, from which network, and never a password or typed name.

Also which accounts are unused: an attacker who takes one of them over is noticed late.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from wagtail.log_actions import log

from subscribers.consent import network_of
from subscribers.responses import client_address

# Days without a sign-in after which an account counts as unused.
UNUSED_DAYS = 90
# Actions with their labels and messages, for mailer/desk/base/audit_log.py.
ACTIONS = {
    "accounts.sign_in": ("Sign in", "Signed in"),
    "accounts.sign_in_failed": ("Failed sign-in", "Failed to sign in"),
    "accounts.locked": ("Lockout", "Sign-in was locked after failed attempts"),
    "accounts.sign_out": ("Sign out", "Signed out"),
    "accounts.reset_requested": ("Reset request", "A password reset was requested"),
    "accounts.reset_refused": ("Reset request", "A password reset was refused: too many requests"),
    "accounts.password_set": ("Set password", "Set a password by a mailed link"),
    "accounts.factor_added": ("Add second factor", "Added a second factor"),
    "accounts.factor_removed": ("Remove second factor", "Removed a second factor"),
    "accounts.factor_failed": ("Failed second factor", "Entered a wrong code"),
    "accounts.email_change_requested": ("Change address", "Asked for another address"),
    "accounts.email_changed": ("Change address", "Confirmed another address"),
    "accounts.factors_removed": ("Remove second factors", "Removed all second factors by a command"),
    "accounts.sessions_ended": ("End sessions", "Ended all other sessions"),
    "accounts.password_changed": ("Change password", "Changed the password"),
}
_UNKNOWN = "an unknown account"


def record(
    action: str,
    user: User | None,
    request: HttpRequest | None = None,
    *,
    network: str = "",
    **data: Any,
) -> None:
    """Add an entry about an account (None: a name that no account has), made by the account itself.

    The client's network comes from `request`, or is given. A typed name is not recorded, because people type
    passwords into the wrong field.
    """
    if request is not None:
        network = network_of(client_address(request))
    subject = user if user is not None else User(pk=0, username=_UNKNOWN)
    log(
        instance=subject,
        action=action,
        user=user,
        title=subject.get_username(),
        data={**({"network": network} if network else {}), **data},
    )


def is_unused(user: User, now: datetime) -> bool:
    """Whether an active account was not signed in to for 90 days, or since it was created."""
    return user.is_active and (user.last_login or user.date_joined) < now - timedelta(days=UNUSED_DAYS)


def unused_accounts(now: datetime) -> QuerySet[User]:
    """The unused accounts, by name."""
    limit = now - timedelta(days=UNUSED_DAYS)
    never = Q(last_login=None, date_joined__lt=limit)
    return User.objects.filter(Q(last_login__lt=limit) | never, is_active=True).order_by("username")
