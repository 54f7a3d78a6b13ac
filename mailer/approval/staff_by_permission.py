"""Staff accounts by their permission, and whether an account has joined, or is an external approver's."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet

_BACKEND = "django.contrib.auth.backends.ModelBackend"
# External approvers cannot open the desk; `external_approval` writes to them when an author asks for it.
DESK = "wagtailadmin.access_admin"


def active_users_with(permission: str) -> QuerySet[User]:
    """The active users with the permission, oldest account first."""
    found: QuerySet[User] = User.objects.with_perm(permission, backend=_BACKEND).order_by("pk")
    return found


def users_with_permission_and_email(permission: str) -> set[User]:
    """Active users with the permission and an address."""
    return set(User.objects.with_perm(permission, backend=_BACKEND).exclude(email=""))


def has_joined(user: User) -> bool:
    """Whether the owner of the account has signed in, or can: an invitation is followed first."""
    return user.has_usable_password() or user.last_login is not None


def is_external_approver(user: User) -> bool:
    """Whether the account may approve editions, and cannot open the desk."""
    return user.has_perm("mailer.approve_edition") and not user.has_perm(DESK)
