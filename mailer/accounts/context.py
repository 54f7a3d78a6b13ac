"""What every page of the accounts shows."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def office(request: HttpRequest) -> dict[str, str]:
    """Context processor: the office's name."""
    return {"office": settings.CONFIG.site.name}
