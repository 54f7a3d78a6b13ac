"""Recent sign-in: what is required before an edition is approved, people are exported or accounts change."""

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

from mailer.accounts.session_times import STARTED

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
# Where allauth lists how, and when, the session was authenticated, and whose list it is.
_RECORDS, _OWNER = "account_authentication_methods", "account_authentication_methods_user"


def signed_in_recently(request: HttpRequest) -> bool:
    """Whether the user signed in, or repeated a password or second factor, in the last 15 minutes."""
    session = request.session
    times = [session.get(STARTED, 0.0)]
    if session.get(_OWNER) == str(request.user.pk):
        times += [float(record["at"]) for record in session.get(_RECORDS, [])]
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
        messages.info(request, "For this you confirm that it is you. Then press the button once more.")
        back = _page_of_the_form(request)
    return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': back})}")


def _page_of_the_form(request: HttpRequest) -> str:
    referer = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(referer, {request.get_host()}):
        parts = urlsplit(referer)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path
    return reverse("wagtailadmin_home")
