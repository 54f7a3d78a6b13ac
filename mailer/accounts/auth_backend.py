"""Signing in with a password: whose account a name or address means, and whether the password is right."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from mailer.approval import account_change_notices


def find_account(login: str) -> User | None:
    """The account with this username; an address is first looked for among those of active accounts."""
    login = login.strip()
    if not login:
        return None
    if "@" in login:
        # Two accounts with one address can be told apart by their usernames only.
        found = User.objects.filter(email__iexact=login, is_active=True)[:2]
        if len(found) == 1:
            return found[0]
    return User.objects.filter(username=login).first()


class PasswordBackend(ModelBackend):
    """Hashes exactly once, also for unknown names, so that the time does not reveal which names exist."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """The active account of these credentials (`username` or `email`, and `password`), or None."""
        login = username or kwargs.get("email")
        if not login or not password:
            return None
        user = find_account(login)
        if user is None:
            User().set_password(password)
            return None
        # An unusable password is hashed as well (Django's check_password does that).
        stored = user.password
        matches = user.check_password(password)
        if user.password != stored:
            account_change_notices.leave_rehash_unreported(user, timezone.now())
        return user if matches and self.user_can_authenticate(user) else None

    def get_user(self, user_id: int) -> User | None:
        """The active account, with the profile that every page reads."""
        found = User.objects.select_related("wagtail_userprofile").filter(pk=user_id)
        # Without an order, which there is nothing to put in.
        return next((user for user in found if self.user_can_authenticate(user)), None)
