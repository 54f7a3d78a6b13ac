"""Sessions: when they begin and end, and which actions need a recent sign-in.

Sign-ins and sign-outs are recorded in the audit log.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.csrf import csrf_failure

from mailer.accounts import audit, limits

# Names in the session, of times in seconds since 1970.
STARTED, SEEN = "accounts_started_at", "accounts_seen_at"
# How often a session records that it is in use: each time is a write to the database.
_TOUCH_SECONDS = 300
# Where allauth lists how, and when, the session was authenticated, and whose list it is.
_RECORDS, _OWNER = "account_authentication_methods", "account_authentication_methods_user"
# The cookie by which a page knows that a form returned unsent.
_RESTORE_FORM = "desk_restore_form"
View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def connect() -> None:
    """Connect the receivers; called once when the application is ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="mailer.accounts.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="mailer.accounts.signed_out")


def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    start_session(request, timezone.now())
    limits.reset_failed_attempts(limits.account_key(user, ""))
    methods = [str(one.get("type") or one["method"]) for one in request.session.get(_RECORDS, [])]
    audit.record("accounts.sign_in", user, request, methods=methods)


def _signed_out(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    if user is not None:
        audit.record("accounts.sign_out", user, request)


def start_session(request: HttpRequest, now: datetime) -> None:
    """Record in the session that it begins now; called at each sign-in."""
    request.session[STARTED] = request.session[SEEN] = now.timestamp()


def has_expired(request: HttpRequest, now: float) -> bool:
    """Whether the session was idle too long or began too long ago; if not, note that it is in use."""
    config = settings.CONFIG.accounts
    started, seen = request.session.get(STARTED, 0.0), request.session.get(SEEN, 0.0)
    if now - seen > config.idle_hours * 3600 or now - started > config.absolute_days * 86400:
        return True
    if now - seen > _TOUCH_SECONDS:
        request.session[SEEN] = now
    return False


def signed_in_recently(request: HttpRequest) -> bool:
    """Whether the user signed in, or repeated a password or second factor, in the last 15 minutes."""
    session = request.session
    times = [session.get(STARTED, 0.0)]
    if session.get(_OWNER) == str(request.user.pk):
        times += [float(record["at"]) for record in session.get(_RECORDS, [])]
    seconds: float = settings.CONFIG.accounts.recent_minutes * 60
    return bool(time.time() - max(times) < seconds)


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


def requires_recent_sign_in(view: View) -> View:
    """Decorator of a view: others first repeat their password or second factor, and return.

    What a form would have changed is not changed: its page is shown again, to be read and sent anew.
    """

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if signed_in_recently(request):
            return view(request, *args, **kwargs)
        return ask_again(request)

    return cast(View, checked)


def ask_again(request: HttpRequest) -> HttpResponse:
    """Redirect to the page that asks for a password or second factor, and from there back."""
    back = request.get_full_path()
    if request.method not in ("GET", "HEAD"):
        messages.info(
            request, gettext("For this you confirm that it is you. Then press the button once more.")
        )
        back = page_of_the_form(request)
    response = redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': back})}")
    if request.method == "POST":
        restore_form(response)
    return response


def restore_form(response: HttpResponse) -> None:
    """Let the page that a form returns to fill it in again: static/desk/form_keeper.js reads the cookie."""
    secure = settings.SESSION_COOKIE_SECURE
    response.set_cookie(_RESTORE_FORM, "yes", max_age=1800, path="/desk/", secure=secure, samesite="Lax")


def old_form(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Django's CSRF_FAILURE_VIEW: a form of the desk from before a sign-in leads back to its page, unsent.

    Every other form gets the page 403_csrf.html.
    """
    own = url_has_allowed_host_and_scheme(request.headers.get("Referer", ""), {request.get_host()})
    if not (own and request.path.startswith("/desk/") and request.user.is_authenticated):
        return csrf_failure(request, reason)
    messages.warning(
        request,
        gettext(
            "Nothing was sent: you have signed in anew since you opened that page. Check it, and press again."
        ),
    )
    response = redirect(page_of_the_form(request))
    restore_form(response)
    return response


def page_of_the_form(request: HttpRequest) -> str:
    referer = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(referer, {request.get_host()}):
        parts = urlsplit(referer)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path
    return reverse("wagtailadmin_home")
