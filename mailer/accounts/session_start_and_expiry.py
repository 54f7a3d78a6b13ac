"""Sessions: when they begin and end, and from which browser they are.

Sign-ins and sign-outs are recorded in the audit log.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from mailer.accounts import audit_log_entries, sign_in_limits

# Names in the session, of times in seconds since 1970.
STARTED, SEEN = "accounts_started_at", "accounts_seen_at"
# How often a session records that it is in use: each time is a write to the database.
_TOUCH_SECONDS = 300
# Where allauth lists how, and when, the session was authenticated, and whose list it is.
RECORDS, OWNER = "account_authentication_methods", "account_authentication_methods_user"


def connect_signals() -> None:
    """Connect the receivers; called once when the application is ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="mailer.accounts.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="mailer.accounts.signed_out")


def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    start_session(request, timezone.now())
    sign_in_limits.reset_failed_attempts(sign_in_limits.account_key(user, ""))
    methods = [str(one.get("type") or one["method"]) for one in request.session.get(RECORDS, [])]
    audit_log_entries.record("accounts.sign_in", user, request, methods=methods)


def _signed_out(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    if user is not None:
        audit_log_entries.record("accounts.sign_out", user, request)


def start_session(request: HttpRequest, now: datetime) -> None:
    """Record in the session that it begins now; called at each sign-in."""
    request.session[STARTED] = request.session[SEEN] = now.timestamp()


def is_expired_else_touch(request: HttpRequest, now: float) -> bool:
    """Whether the session was idle too long or began too long ago; if not, note that it is in use."""
    config = settings.CONFIG.accounts
    started, seen = request.session.get(STARTED, 0.0), request.session.get(SEEN, 0.0)
    if now - seen > config.idle_hours * 3600 or now - started > config.absolute_days * 86400:
        return True
    if now - seen > _TOUCH_SECONDS:
        request.session[SEEN] = now
    return False


# Each browser also names those after it, and each system those after it.
_BROWSERS = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("YaBrowser", "Yandex Browser"), ("SamsungBrowser", "Samsung")),
    *(("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("Chrom", "Chrome"), ("CriOS", "Chrome")),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows")),
    *(("Mac OS", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux")),
)


def browser_name(user_agent: str) -> str:
    """A browser as its owner knows it, such as "Firefox on Windows"."""
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), gettext("Unknown browser"))
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "")
    return f"{browser} on {system}" if system else browser
