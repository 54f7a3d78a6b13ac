"""Links by which the owner of an account chooses a password: nobody else ever types one."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

_TEXT = """\
{reason}

Username: {username}
Choose a password here, within {days} days:
{url}

If you do not expect this message, ignore it: without the link nothing changes.
"""


def send_invitation(user: User) -> None:
    """Email the owner of a new account a link to choose the first password."""
    _send(user, f"Your account at {settings.CONFIG.site.name}", "A colleague created an account for you.")


def send_reset(user: User) -> None:
    """Email the owner of an account a link to choose another password."""
    _send(
        user, f"New password at {settings.CONFIG.site.name}", "A colleague asked for a new password for you."
    )


def _send(user: User, subject: str, reason: str) -> None:
    link = reverse(
        "wagtailadmin_password_reset_confirm",
        kwargs={
            "uidb64": urlsafe_base64_encode(force_bytes(user.pk)),
            "token": default_token_generator.make_token(user),
        },
    )
    body = _TEXT.format(
        reason=reason,
        username=user.get_username(),
        days=settings.PASSWORD_RESET_TIMEOUT // 86_400,
        url=f"{settings.CONFIG.site.url}{link}",
    )
    EmailMessage(subject, body, to=[user.email], headers={"Auto-Submitted": "auto-generated"}).send()
