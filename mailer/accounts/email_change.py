"""A new address for one's own account: asked for with the password, and confirmed at the new address.

The old address gets an email as well: mailer/approval/account_emails.py reports every change of an account.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

_SALT = "mailer.accounts.email_change"
# Seconds for which the link in the email works.
_VALID_FOR = 86400


@dataclass(frozen=True)
class EmailChange:
    """A change that its owner asked for."""

    user: User
    email: str


def send_link(user: User, email: str) -> None:
    """Mail a link to the new address; nothing changes before it is followed."""
    # With the old address: once it changed, by this link or another, the link is void.
    token = signing.dumps([user.pk, user.email, email], salt=_SALT, compress=True)
    url = f"{settings.CONFIG.site.url}/accounts/email/{token}/"
    context = {"user": user, "url": url, "site": settings.CONFIG.site}
    body = render_to_string("accounts/emails/email_change.txt", context)
    EmailMessage(f"Confirm your address – {settings.CONFIG.site.name}", body, to=[email]).send()


def read_link(token: str) -> EmailChange | None:
    """The change that a link stands for; None for one that is forged, too old or void."""
    try:
        pk, before, email = signing.loads(token, salt=_SALT, max_age=_VALID_FOR)
    except (signing.BadSignature, ValueError):
        return None
    user = User.objects.filter(pk=pk, email=before, is_active=True).first()
    return EmailChange(user, email) if user else None
