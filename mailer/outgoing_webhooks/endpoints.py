"""Webhook endpoints: created and checked, with secrets that can be replaced, activated and deactivated."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext

from mailer.accounts import stored_secrets
from mailer.delivery.outbox.webhook_signature import new_secret
from mailer.outgoing_webhooks.models import WebhookEndpoint

# How long a replaced secret still signs beside the new one.
OLD_SECRET_FOR = timedelta(days=1)


class InvalidUrl(ValueError):  # noqa: N818  (a message for the user who typed it)
    """The URL cannot be one of an endpoint; the message is for staff."""


def require_https_url(url: str) -> str:
    """The URL, if messages may be sent to it: https, without a password. Raises InvalidUrl.

    Whether its server has a public address is checked at each attempt, when its name is resolved.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise InvalidUrl(gettext("This is not a web address.")) from error
    private = settings.CONFIG.api.private_webhooks
    if not host or port == 0 or parts.scheme not in (("http", "https") if private else ("https",)):
        raise InvalidUrl(gettext("Write a web address that begins with https://."))
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise InvalidUrl(gettext("The web address must have no user name, password or fragment (#…)."))
    if port not in (None, 443) and not private:
        raise InvalidUrl(gettext("Only the https port (443) is possible in this address."))
    return url


def create(
    name: str, url: str, event_types: list[str], by: str, now: datetime
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint, and its secret, which is shown once. Raises InvalidUrl."""
    secret = new_secret()
    endpoint = WebhookEndpoint.objects.create(
        name=name,
        url=require_https_url(url),
        event_types=event_types,
        secret=stored_secrets.encrypt(secret.encode()),
        created_by=by,
        created_at=now,
    )
    return endpoint, secret


def rotate_secret(endpoint: WebhookEndpoint, now: datetime) -> str:
    """A new secret; for a day, messages are signed with the old one, too."""
    secret = new_secret()
    endpoint.old_secret, endpoint.old_secret_until = endpoint.secret, now + OLD_SECRET_FOR
    endpoint.secret = stored_secrets.encrypt(secret.encode())
    endpoint.save(update_fields=["secret", "old_secret", "old_secret_until"])
    return secret


def set_active(endpoint: WebhookEndpoint, active: bool) -> None:
    """Activate an endpoint anew, or deactivate it: then its messages wait, and new events make none."""
    endpoint.active, endpoint.error = active, ""
    endpoint.failing_since, endpoint.failures, endpoint.next_attempt_at = None, 0, None
    endpoint.save(update_fields=["active", "error", "failing_since", "failures", "next_attempt_at"])
