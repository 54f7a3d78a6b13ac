"""A mail's HTML as a page inside a frame: its links open beside it, its pictures load, nothing in it runs."""

from __future__ import annotations

import re

from django.conf import settings
from django.http import HttpResponse

_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_NEW_TAB = '<base target="_blank">'


def framed(html: str) -> HttpResponse:
    """The HTML with a policy (CSP level 3) that leaves it pictures and styles alone."""
    head = _HEAD.search(html)
    at = head.end() if head else 0
    response = HttpResponse(html[:at] + _NEW_TAB + html[at:])
    response.headers["Content-Security-Policy"] = "; ".join(
        (
            "default-src 'none'",
            f"img-src 'self' {settings.CONFIG.site.url} data:",
            "style-src 'unsafe-inline'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        )
    )
    return response
