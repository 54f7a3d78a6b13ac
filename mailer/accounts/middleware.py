"""Sign-in beside subscribers' pages: how many passwords are hashed at a time, and how long sessions last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone

from mailer.accounts import limits, requirements

Handler = Callable[[HttpRequest], HttpResponse]

# Every form in which a password or code is checked is below this path.
PATH = "/accounts/"
# Seconds after which a refused client may try again, when others are being checked.
_BUSY_SECONDS = 2
# How often a session records that it is in use: each time is a write to the database.
_TOUCH_SECONDS = 300
# Pages of the desk that every signed-in account reaches.
_ALWAYS_OPEN = ("/desk/logout/", "/desk/login/")
_STARTED, _SEEN = "accounts_started_at", "accounts_seen_at"


class SignInThrottle:
    """Answers 429 at once when a network is locked, or enough passwords are being hashed already.

    Hashing takes a third of a second of a core. Without this limit, a handful of clients at the sign-in form
    occupy every thread, and subscribers wait for their pages. The answer is as cheap as possible, for the
    same reason: it comes before sessions, and from a string.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response
        self._slots = threading.BoundedSemaphore(settings.CONFIG.accounts.concurrent_checks)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or not request.path.startswith(PATH):
            return self._get_response(request)
        now = timezone.now()
        until = limits.locked_until([limits.network_key(request)], now)
        if until is not None:
            return _too_many(int((until - now).total_seconds()) + 1)
        if not self._slots.acquire(blocking=False):
            return _too_many(_BUSY_SECONDS)
        try:
            return self._get_response(request)
        finally:
            self._slots.release()


def _too_many(seconds: int) -> HttpResponse:
    global _page
    if not _page:
        _page = render_to_string("accounts/too_many.html", {"wait": "WAIT"})
    minutes = -(-seconds // 60)
    wait = f"{seconds} seconds" if seconds < 60 else f"{minutes} minute{'s' if minutes > 1 else ''}"
    return HttpResponse(_page.replace("WAIT", wait), status=429, headers={"Retry-After": str(seconds)})


_page = ""


class SessionLimits:
    """Ends a session that was idle too long, or that began too long ago.

    It looks only at requests that carry a session's cookie: those of subscribers never do.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            if _has_expired(request, time.time()):
                logout(request)
            elif _is_desk_page(request.path) and (page := requirements.next_step(request)):
                return redirect(page)
        return self._get_response(request)


def _is_desk_page(path: str) -> bool:
    return path.startswith("/desk/") and not path.startswith(_ALWAYS_OPEN)


def start_session(request: HttpRequest, now: datetime) -> None:
    """Record in the session that it begins now; called at each sign-in."""
    request.session[_STARTED] = request.session[_SEEN] = now.timestamp()


def _has_expired(request: HttpRequest, now: float) -> bool:
    config = settings.CONFIG.accounts
    started, seen = request.session.get(_STARTED, 0.0), request.session.get(_SEEN, 0.0)
    if now - seen > config.idle_hours * 3600 or now - started > config.absolute_days * 86400:
        return True
    if now - seen > _TOUCH_SECONDS:
        request.session[_SEEN] = now
    return False
