"""Password resets: requested on a page, answered by the worker, completed by a mailed link."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from mailer.accounts import audit, limits
from mailer.accounts.backend import find_account
from mailer.accounts.models import PasswordResetRequest
from subscribers.consent import network_of
from subscribers.responses import client_address


def request_reset(login: str, request: HttpRequest, now: datetime) -> None:
    """Store a request for the worker; beyond the hour's limits, log it and store nothing.

    Neither what it does nor how long it takes depends on whether the account exists.
    """
    if not limits.may_request_reset(login, request, now):
        audit.record("accounts.reset_refused", None, request)
        return
    network = network_of(client_address(request))
    PasswordResetRequest.objects.create(login=login[:254], network=network, created_at=now)


def answer_requests(now: datetime) -> int:
    """Mail a link to each account of the waiting requests; how many mails. A job of the worker."""
    sent = 0
    for waiting in PasswordResetRequest.objects.order_by("pk")[:50]:
        with transaction.atomic():
            if not PasswordResetRequest.objects.filter(pk=waiting.pk).delete()[0]:
                continue
            user = find_account(waiting.login)
            audit.record("accounts.reset_requested", user, network=waiting.network)
            if user is not None and user.is_active and user.email:
                _mail_link(user)
                sent += 1
    return sent


def set_password_url(user: User) -> str:
    """The absolute URL at which the account sets a password, once and within PASSWORD_RESET_TIMEOUT."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    # Not by reverse(): the worker, which writes these mails, loads no pages.
    token = default_token_generator.make_token(user)
    return f"{settings.CONFIG.site.url}/accounts/set-password/{uid}/{token}/"


def _mail_link(user: User) -> None:
    body = render_to_string(
        "accounts/emails/password_reset.txt",
        {
            "user": user,
            "url": set_password_url(user),
            "site": settings.CONFIG.site,
            "days": settings.PASSWORD_RESET_TIMEOUT // 86400,
        },
    )
    EmailMessage(f"Set a new password – {settings.CONFIG.site.name}", body, to=[user.email]).send()
