"""Who may call an operation: the scope of the key, and the permissions that its account has now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from wagtail.log_actions import log
from wagtail.models import ModelLogEntry

from mailer.accounts import api_keys, second_factor
from mailer.accounts.models import ApiKey
from mailer.api.problems import Problem

# Reading addresses again within this time makes no further entry in the audit log.
_INTERVAL = timedelta(minutes=10)
_READ_ADDRESSES = "accounts.api_personal_data"


class ApiRequest(HttpRequest):
    """A request with a valid key, as ApiMiddleware lets it pass."""

    api_key: ApiKey


class Needs:
    """The authentication of an operation: a key with `scope`, whose account may do it in the desk, too."""

    # The name and content of the scheme in the OpenAPI document.
    openapi_security_schema = {"type": "http", "scheme": "bearer", "bearerFormat": "mailer_key_…"}

    def __init__(self, scope: str, *permissions: str) -> None:
        """`permissions`: the account needs one of them; those of the scope, if none are given."""
        self.scope, self.permissions = scope, permissions or api_keys.SCOPES[scope].permissions

    def __call__(self, request: HttpRequest) -> Any:
        """The key. Raises Problem 403 without scope or permission, or while the account lacks a factor."""
        key: ApiKey | None = getattr(request, "api_key", None)
        if key is None:
            return None
        _require_usable(key.user)
        if self.scope not in key.scopes:
            raise Problem(403, "scope_missing", f"This key lacks the scope {self.scope}.")
        if not any(map(key.user.has_perm, self.permissions)):
            raise Problem(
                403, "permission_missing", "The account of this key may not do this; an admin can allow it."
            )
        return key


class AnyKey(Needs):
    """The authentication of an operation that every valid key may call."""

    def __init__(self) -> None:
        super().__init__("", "any")

    def __call__(self, request: HttpRequest) -> Any:
        return getattr(request, "api_key", None)


# One scheme, whichever scope an operation needs.
Needs.__name__ = AnyKey.__name__ = "ApiKey"


def _require_usable(user: User) -> None:
    """Raises Problem where the desk would first ask for a second factor."""
    if second_factor.is_missing(user):
        raise Problem(
            403,
            "account_incomplete",
            "The account of this key must first set up a second factor in the desk.",
        )


def user_of(request: HttpRequest) -> User:
    """The account for which the request is made."""
    key: ApiKey = request.api_key  # type: ignore[attr-defined]
    return key.user


def require_permission(request: HttpRequest, permission: str) -> None:
    """Raises Problem 403 unless the account has this permission besides those of the scope."""
    if not user_of(request).has_perm(permission):
        raise Problem(403, "permission_missing", f"The account of this key lacks {permission}.")


def note_addresses_read(request: HttpRequest) -> None:
    """Note in the audit log that addresses were read; at most one entry in ten minutes for a key."""
    user, now = user_of(request), timezone.now()
    data = {"page": request.path.removeprefix("/api/v1/").partition("/")[0]}
    recent = ModelLogEntry.objects.filter(
        user=user, object_id=str(user.pk), action=_READ_ADDRESSES, timestamp__gt=now - _INTERVAL
    )
    known = {**data, "api_key": str(request.api_key)}  # type: ignore[attr-defined]
    if not any(entry.data == known for entry in recent.only("data")):
        log(instance=user, action=_READ_ADDRESSES, user=user, data=data, timestamp=now)
