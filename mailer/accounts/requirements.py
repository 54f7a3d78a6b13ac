"""What an account must do before it can use the desk."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest

from mailer.accounts import second_factor
from mailer.accounts.models import AccountState


def must_change_password(user: User) -> bool:
    """Whether the password was chosen by another person or a command."""
    return AccountState.objects.filter(user=user, must_change_password=True).exists()


def require_password_change(user: User) -> None:
    """Let the account choose a new password at its next sign-in."""
    AccountState.objects.update_or_create(user=user, defaults={"must_change_password": True})


def password_was_changed(user: User) -> None:
    """Record that the account chose its password itself."""
    AccountState.objects.filter(user=user).update(must_change_password=False)


def next_step(request: HttpRequest) -> str:
    """The name of the page that the signed-in user must visit first; "" if the desk is open to them."""
    if not isinstance(request.user, User):
        return ""
    if must_change_password(request.user):
        return "account_change_password"
    if second_factor.is_missing(request.user):
        return "mfa_index"
    return ""
