"""Passwords: how they are checked, which are too weak, links by which owners choose theirs, and who must.

No other person ever types a password.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from mailer.accounts import api_keys, audit, limits
from mailer.accounts.models import Invitation, PasswordResetRequest
from mailer.approval import account_changes
from mailer.approval.approval_links import is_external
from mailer.staff_language import in_language_of
from subscribers.consent import network_of
from subscribers.responses import client_address


def find_account(login: str) -> User | None:
    """The account with this username, else the only active one with this address; None without one."""
    login = login.strip()
    if not login:
        return None
    by_name = User.objects.filter(username=login).first()
    if by_name is not None or "@" not in login:
        return by_name
    # Two accounts with one address can be told apart by their usernames only.
    found = User.objects.filter(email__iexact=login, is_active=True)[:2]
    return found[0] if len(found) == 1 else None


class PasswordBackend(ModelBackend):
    """Hashes exactly once, also for unknown names, so that the time does not reveal which names exist."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """The active account of these credentials (`username` or `email`, and `password`), or None."""
        login = username or kwargs.get("email")
        if not login or not password:
            return None
        user = find_account(login)
        if user is None:
            User().set_password(password)
            return None
        # An unusable password is hashed as well (Django's check_password does that).
        stored = user.password
        matches = user.check_password(password)
        if user.password != stored:
            account_changes.leave_rehash_unreported(user, timezone.now())
        return user if matches and self.user_can_authenticate(user) else None


_LEET = str.maketrans("0134578@$!", "oleastbasi")
# What people put around a word to satisfy a rule: digits, years and punctuation.
_DECORATION = re.compile(r"^[\W\d_]+|[\W\d_]+$")
# So few different characters are a pattern, not a password.
_MIN_DISTINCT = 5
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "abcdefghijklmnopqrstuvwxyz", "йцукенгшщзхъ")


class LeakedPasswordValidator(CommonPasswordValidator):
    """Refuses leaked passwords, and those that are one decorated, repeated, or a row of the keyboard."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError with the code password_too_common."""
        for form in _plain_forms(password):
            if form in self.passwords:
                raise ValidationError(self.get_error_message(), code="password_too_common")
        if len(set(password.lower())) < _MIN_DISTINCT or _is_row(password.lower()):
            raise ValidationError(self.get_error_message(), code="password_too_common")

    def password_changed(self, password: str, user: User) -> None:
        """Django calls it after every change of a password: who knew the old one may have made API keys."""
        api_keys.revoke_all(user, gettext("a change of the password"), timezone.now())

    def get_error_message(self) -> str:
        return gettext(
            "This password is easy to guess: it is on a list of leaked passwords, or close to one."
        )

    def get_help_text(self) -> str:
        return gettext(
            "It must not be on lists of leaked passwords, even with digits or signs before or after it."
        )


class OfficeNameValidator:
    """Refuses passwords that are little more than the office's name or its address."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError with the code password_too_similar."""
        site = settings.CONFIG.site
        rest = re.sub(r"[\W_]", "", password.lower())
        for word in re.findall(r"\w{4,}", f"{site.name} {site.url}".lower()):
            rest = rest.replace(word, "")
        if len(rest) < _MIN_DISTINCT:
            raise ValidationError(self.get_help_text(), code="password_too_similar")

    def get_help_text(self) -> str:
        return gettext("It must not consist of the office’s name or web address.")


def _plain_forms(password: str) -> set[str]:
    """The password in lower case, without decoration, with digits read as letters, and its repeated part."""
    lower = password.lower().strip()
    bare = _DECORATION.sub("", lower)
    forms = {lower, bare, lower.translate(_LEET), _DECORATION.sub("", lower.translate(_LEET))}
    repeated = re.fullmatch(r"(.+?)\1+", lower)
    if repeated:
        forms.add(repeated[1])
    # A short rest is a syllable of a longer password rather than the password itself.
    return {form for form in forms if (len(form) >= 4 and len(password) - len(form) < 8) or form == lower}


def _is_row(password: str) -> bool:
    """Whether the password consists of keys that lie beside each other, forwards or backwards."""
    rows = [row * 3 for row in _KEYBOARD]
    return any(password in row or password in row[::-1] for row in rows)


def set_password_url(user: User) -> str:
    """The absolute URL at which the account sets a password, once and within PASSWORD_RESET_TIMEOUT."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    # Not by reverse(): the worker, which writes these mails, loads no pages.
    token = default_token_generator.make_token(user)
    return f"{settings.CONFIG.site.url}/accounts/set-password/{uid}/{token}/"


def request_reset(login: str, request: HttpRequest, now: datetime) -> None:
    """Store a request for the worker; beyond the hour's limits, log it and store nothing.

    Neither what it does nor how long it takes depends on whether the account exists.
    """
    if not limits.may_request_reset(login, request, now):
        audit.record_refusal("accounts.reset_refused", None, request, now)
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
            if user is not None and user.is_active and user.email and not is_external(user):
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
{reason}

Username: {username}
Choose a password here, within {days} days:
{url}

If you do not expect this message, ignore it: without the link nothing changes.
""")


def send_invitation(user: User, inviter: User | None = None) -> None:
    """Email the owner of a new account a link to choose the first password, and note that it was sent.

    External approvers need none.
    """
    if is_external(user):
        return
    now = timezone.now()
    Invitation.objects.update_or_create(user=user, defaults={"invited_by": inviter, "sent_at": now})
    subject, reason = _("Your account at %(site)s"), _("A colleague created an account for you.")
    _send_password_link(user, subject, reason)


def invitation_expires_at(invitation: Invitation) -> datetime:
    """Until when the link of the invitation works (aware)."""
    return invitation.sent_at + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


def send_reset(user: User) -> None:
    """Email the owner of an account a link to choose another password."""
    subject, reason = _("New password at %(site)s"), _("A colleague asked for a new password for you.")
    _send_password_link(user, subject, reason)


def _send_password_link(user: User, subject: StrOrPromise, reason: StrOrPromise) -> None:
    with in_language_of(user):
        text = str(subject) % {"site": settings.CONFIG.site.name}
        body = str(_INVITATION).format(
            reason=reason,
            username=user.get_username(),
            days=settings.PASSWORD_RESET_TIMEOUT // 86_400,
            url=set_password_url(user),
        )
    EmailMessage(text, body, to=[user.email], headers={"Auto-Submitted": "auto-generated"}).send()
