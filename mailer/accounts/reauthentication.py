"""Which actions need a recent sign-in, and the page that asks for a password or second factor once more."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.csrf import csrf_failure

from mailer.accounts.session_start_and_expiry import OWNER, RECORDS, STARTED

# The cookie by which a page knows that a form returned unsent.
_RESTORE_FORM = "desk_restore_form"


View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def signed_in_recently(request: HttpRequest) -> bool:
    """Whether the user signed in, or repeated a password or second factor, in the last 15 minutes."""
    session = request.session
    times = [session.get(STARTED, 0.0)]
    if session.get(OWNER) == str(request.user.pk):
        times += [float(record["at"]) for record in session.get(RECORDS, [])]
    seconds: float = settings.CONFIG.accounts.recent_minutes * 60
    return bool(time.time() - max(times) < seconds)


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
            request, gettext("Confirm your identity for this action. Then click the button once more.")
        )
        back = form_page_url(request)
    response = redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': back})}")
    if request.method == "POST":
        set_form_restore_cookie(response)
    return response


def set_form_restore_cookie(response: HttpResponse) -> None:
    """Let the page that a form returns to fill it in again: static/desk/form_keeper.js reads the cookie."""
    secure = settings.SESSION_COOKIE_SECURE
    response.set_cookie(_RESTORE_FORM, "yes", max_age=1800, path="/desk/", secure=secure, samesite="Lax")


def csrf_failure_view(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Django's CSRF_FAILURE_VIEW: a form of the desk from before a sign-in leads back to its page, unsent.

    Every other form gets the page 403_csrf.html.
    """
    own = url_has_allowed_host_and_scheme(request.headers.get("Referer", ""), {request.get_host()})
    if not (own and request.path.startswith("/desk/") and request.user.is_authenticated):
        return csrf_failure(request, reason)
    messages.warning(
        request,
        gettext(
            "Nothing was sent, because you have signed in again since you opened that page. "
            "Check the page, and click the button again."
        ),
    )
    response = redirect(form_page_url(request))
    set_form_restore_cookie(response)
    return response


def form_page_url(request: HttpRequest) -> str:
    referer = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(referer, {request.get_host()}):
        parts = urlsplit(referer)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path
    return reverse("wagtailadmin_home")
