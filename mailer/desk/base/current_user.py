"""Who is at the desk."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def staff(request: HttpRequest) -> User:
    """The signed-in person. Raises PermissionDenied for nobody; Wagtail lets nobody come this far."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
