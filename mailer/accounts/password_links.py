"""Links by which owners of accounts choose a password: in invitations, and when it is to be reset.

No other person ever types a password.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.formats import date_format
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer.accounts import audit_log_entries, sign_in_limits
from mailer.accounts.auth_backend import find_account
from mailer.accounts.models import Invitation, PasswordResetRequest
from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.staff_by_permission import is_external_approver
from mailer.staff_localization import in_language_of
from subscribers.client_address import client_address
from subscribers.consent import network_of
from subscribers.translate_stored_texts import translated

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def set_password_url(user: User) -> str:
    """The absolute URL at which the account sets a password, once and within PASSWORD_RESET_TIMEOUT."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    # Not by reverse(): the worker, which writes these mails, loads no pages.
    token = default_token_generator.make_token(user)
    return f"{settings.CONFIG.site.url}/accounts/set-password/{uid}/{token}/"


def queue_reset_request(login: str, request: HttpRequest, now: datetime) -> None:
    """Store a request for the worker; beyond the hour's limits, log it and store nothing.

    Neither what it does nor how long it takes depends on whether the account exists.
    """
    if not sign_in_limits.count_reset_request_unless_limited(login, request, now):
        audit_log_entries.record_refusal("accounts.reset_refused", None, request, now)
        return
    network = network_of(client_address(request))
    PasswordResetRequest.objects.create(login=login[:254], network=network, created_at=now)


def mail_requested_reset_links(now: datetime) -> int:
    """Mail a link to each account of the waiting requests; how many mails. A job of the worker."""
    sent = 0
    for waiting in PasswordResetRequest.objects.order_by("pk")[:50]:
        with transaction.atomic():
            if not PasswordResetRequest.objects.filter(pk=waiting.pk).delete()[0]:
                continue
            user = find_account(waiting.login)
            audit_log_entries.record("accounts.reset_requested", user, network=waiting.network)
            if user is not None and user.is_active and user.email and not is_external_approver(user):
                _mail_link(user)
                sent += 1
    return sent


def _mail_link(user: User) -> None:
    with in_language_of(user):
        body = render_to_string(
            "accounts/emails/password_reset.txt",
            {
                "user": user,
                "url": set_password_url(user),
                "site": settings.CONFIG.site,
                "days": settings.PASSWORD_RESET_TIMEOUT // 86400,
            },
        )
        subject = gettext("Set a new password – %(site)s") % {"site": settings.CONFIG.site.name}
    EmailMessage(subject, body, to=[user.email]).send()


_INVITATION = _("""\
{invited}
Your role: {roles}

With this link you choose a password, and are signed in. It works once, until {until}:
{url}

Your username: {username}

If you do not expect this message, ignore it: without the link nothing changes.
""")
_RESET = _("""\
A colleague asked for a new password for you.

Username: {username}
Choose a password here, until {until}:
{url}

If you do not expect this message, ignore it: without the link nothing changes.
""")


def send_invitation(user: User, inviter: User | None = None) -> None:
    """Email the owner of a new account a link to choose the first password, and note that it was sent.

    It names who invites, to which organisation and as what. External approvers need none.
    """
    if is_external_approver(user):
        return
    now = timezone.now()
    Invitation.objects.update_or_create(user=user, defaults={"invited_by": inviter, "sent_at": now})
    with in_language_of(user):
        named = {"site": settings.CONFIG.site.name, "name": user_or_system_name(inviter) if inviter else ""}
        invited = (
            gettext("%(name)s invites you to work on the newsletters of %(site)s.")
            if inviter
            else gettext("You are invited to work on the newsletters of %(site)s.")
        )
        roles = ", ".join(translated(group.name) for group in user.groups.order_by("name"))
        _send_password_link(
            user,
            gettext("Invitation to %(site)s") % named,
            _INVITATION,
            invited=invited % named,
            roles=roles or gettext("none so far"),
        )


def invitation_expires_at(invitation: Invitation) -> datetime:
    """Until when the link of the invitation works (aware)."""
    return invitation.sent_at + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


def send_reset(user: User) -> None:
    """Email the owner of an account a link to choose another password."""
    with in_language_of(user):
        subject = gettext("New password at %(site)s") % {"site": settings.CONFIG.site.name}
        _send_password_link(user, subject, _RESET)


def _send_password_link(user: User, subject: str, text: StrOrPromise, **values: str) -> None:
    """In the active language."""
    ends = timezone.now().astimezone(ZoneInfo(settings.TIME_ZONE))
    ends += timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    body = str(text).format(
        **values,
        username=user.get_username(),
        until=date_format(ends, "DATE_FORMAT"),
        url=set_password_url(user),
    )
    EmailMessage(subject, body, to=[user.email], headers={"Auto-Submitted": "auto-generated"}).send()
