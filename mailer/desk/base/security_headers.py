"""Headers that limit what a page may do in the browser: Content-Security-Policy and Permissions-Policy.

Readers' pages bring their own policy (`subscribers.responses.page`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# What no page of ours uses. Passkeys are used, so their features are not listed.
_PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "autoplay", "bluetooth", "browsing-topics", "camera", "display-capture"),
        *("encrypted-media", "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer"),
        *("microphone", "midi", "payment", "picture-in-picture", "screen-wake-lock", "serial", "usb"),
        *("web-share", "xr-spatial-tracking"),
    )
)
# Wagtail's forms and reports bring their widgets to life by scripts within the page: choosers, dates, inline
# panels. All other screens have none, and there none is run.
_INLINE_SCRIPTS = re.compile(
    r"/desk/(?:reports/.*|account/.*|images/.*|(?:users|stories)/(?:results/)?"
    r"|(?:stories|editions|newsletters|lists|subscribers|users|groups|tags|fields|snippets|collections)/"
    r".*\b(?:add|new|edit|copy|history|choose|multiple|revisions)\b.*)"
)
_POLICY = (
    "default-src 'self'; {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob: https: {site}; font-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'{forms}; frame-ancestors 'self'"
)


class SecurityHeadersMiddleware:
    """Middleware for every path."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        if request.path.startswith(("/desk/", "/accounts/")) and "Content-Security-Policy" not in response:
            enforced = settings.CONFIG.site.desk_policy == "enforce"
            name = "Content-Security-Policy" if enforced else "Content-Security-Policy-Report-Only"
            response.headers[name] = desk_policy(request.path)
        return response


def desk_policy(path: str) -> str:
    """The Content-Security-Policy (CSP 3) of a screen of the desk, or of the accounts."""
    inline = " 'unsafe-inline'" if _INLINE_SCRIPTS.fullmatch(path) else ""
    # The form that begins a sign-in by OpenID Connect is redirected to the other server.
    forms = " https:" if path.startswith("/accounts/") else ""
    return _POLICY.format(scripts=f"script-src 'self'{inline}", forms=forms, site=settings.CONFIG.site.url)
