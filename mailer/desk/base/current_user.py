"""The signed-in user."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def current_user(request: HttpRequest) -> User:
    """The signed-in user. Raises PermissionDenied for an anonymous one, whom Wagtail already keeps out."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
