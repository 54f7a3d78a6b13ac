"""Middleware of sign-in: how many passwords are hashed at a time, how long sessions last, what comes first.

Also the context processor of the account pages.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import ngettext, override

from mailer.accounts import reauthentication, second_factor, session_start_and_expiry, sign_in_limits
from mailer.staff_localization import accepted_language, desk_languages, office_desk_language

Handler = Callable[[HttpRequest], HttpResponse]

# Every form in which a password or code is checked is below this path.
PATH = "/accounts/"
# Seconds after which a refused client may try again, when others are being checked.
_BUSY_SECONDS = 2
# Locked networks that a process remembers.
_REMEMBERED = 10_000
# Wagtail's pages of accounts and groups.
_ACCOUNTS = ("/desk/users/", "/desk/groups/")
# Pages that every signed-in account reaches.
_OPEN = (PATH, "/desk/logout/", "/desk/login/", "/static/")


class SignInThrottle:
    """Answers 429 at once when a network is locked, or enough passwords are being hashed already.

    Hashing takes a third of a second of a core. Without this limit, a handful of clients at the sign-in form
    occupy every thread, and subscribers wait for their pages. The answer is as cheap as possible, for the
    same reason: it comes before sessions, and from a string.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response
        self._slots = threading.BoundedSemaphore(settings.CONFIG.accounts.concurrent_checks)
        # Networks that the database says are locked, and until when: they are refused without a query.
        self._locked: dict[str, datetime] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or not request.path.startswith(PATH):
            return self._get_response(request)
        now, network = timezone.now(), sign_in_limits.network_key(request)
        if (until := self._locked.get(network)) and until > now:
            return _too_many(request, int((until - now).total_seconds()) + 1)
        if not self._slots.acquire(blocking=False):
            return _too_many(request, _BUSY_SECONDS)
        try:
            if until := sign_in_limits.locked_until([network], now):
                self._remember(network, until, now)
                return _too_many(request, int((until - now).total_seconds()) + 1)
            return self._get_response(request)
        finally:
            self._slots.release()

    def _remember(self, network: str, until: datetime, now: datetime) -> None:
        if len(self._locked) >= _REMEMBERED:
            self._locked = {one: end for one, end in self._locked.items() if end > now}
        if len(self._locked) < _REMEMBERED:
            self._locked[network] = until


def _too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    language = accepted_language(request, desk_languages(), office_desk_language())
    with override(language):
        if language not in _pages:
            _pages[language] = render_to_string("accounts/too_many.html", {"wait": "WAIT"})
        minutes = -(-seconds // 60)
        wait = (
            ngettext("%(count)s second", "%(count)s seconds", seconds) % {"count": seconds}
            if seconds < 60
            else ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}
        )
    # No other middleware sees this answer.
    headers = {
        "Retry-After": str(seconds),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    }
    return HttpResponse(_pages[language].replace("WAIT", wait), status=429, headers=headers)


# The page by its language.
_pages: dict[str, str] = {}


class SessionLimits:
    """Ends a session that was idle too long, or that began too long ago.

    It looks only at requests that carry a session's cookie: those of subscribers never do.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            if session_start_and_expiry.is_expired_else_touch(request, time.time()):
                logout(request)
            elif request.path.startswith(_OPEN):
                pass
            elif page := required_page_name(request):
                if request.path.startswith("/desk/"):
                    return redirect(page)
                # Elsewhere, such as at unsent pictures, the account counts once it is complete.
                request.user = AnonymousUser()
            elif request.path.startswith(_ACCOUNTS) and not reauthentication.signed_in_recently(request):
                return reauthentication.ask_again(request)
        response = self._get_response(request)
        if request.method == "POST" and request.path.startswith("/desk/") and _asks_to_sign_in(response):
            # Back to the form: what it was sent to may answer nothing but a POST.
            response = redirect_to_login(reauthentication.form_page_url(request))
            reauthentication.set_form_restore_cookie(response)
        return response


def _asks_to_sign_in(response: HttpResponse) -> bool:
    return response.status_code == 302 and urlsplit(response["Location"]).path == reverse("account_login")


def required_page_name(request: HttpRequest) -> str:
    """The name of the page that the signed-in user must visit first; "" if the desk is open to them."""
    if not isinstance(request.user, User):
        return ""
    if second_factor.is_missing(request.user):
        return "mfa_index"
    return ""


def office_name(request: HttpRequest) -> dict[str, str]:
    """Context processor: the office's name."""
    return {"office": settings.CONFIG.site.name}
