"""Links by which the owner of an account chooses a password, which no other person ever types."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage

from mailer.accounts.passwords import set_password_url

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
    body = _TEXT.format(
        reason=reason,
        username=user.get_username(),
        days=settings.PASSWORD_RESET_TIMEOUT // 86_400,
        url=set_password_url(user),
    )
    EmailMessage(subject, body, to=[user.email], headers={"Auto-Submitted": "auto-generated"}).send()
