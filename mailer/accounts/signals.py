"""Writes sign-ins, sign-outs and password changes into the audit log, and starts sessions."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest
from django.utils import timezone

from mailer.accounts import audit, limits, session_times

# Where allauth lists how a session was authenticated.
_METHODS = "account_authentication_methods"


def connect() -> None:
    """Connect the receivers; called once when the application is ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="mailer.accounts.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="mailer.accounts.signed_out")


def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    session_times.start_session(request, timezone.now())
    limits.reset_failed_attempts(limits.account_key(user, ""))
    methods = [str(one.get("type") or one["method"]) for one in request.session.get(_METHODS, [])]
    audit.record("accounts.sign_in", user, request, methods=methods)


def _signed_out(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    if user is not None:
        audit.record("accounts.sign_out", user, request)
