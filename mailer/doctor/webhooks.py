"""What the service tells of our mail: which address it should be given, and whether it was heard."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

from mailer.config import Config, Service
from mailer.doctor.records import Finding
from mailer.feedback.webhooks.models import ServiceContact, ServicePost

# The worker reads posts every few seconds.
_UNREAD = timedelta(minutes=10)
# Those who give a secret of their own; Amazon has none.
_GIVEN = {"mailgun": "its HTTP webhook signing key", "resend": "its signing secret, which begins with whsec_"}
_WHERE = "docs/services.md says what to click there."


def webhooks(config: Config, now: datetime) -> Iterator[Finding]:
    """One finding; none where no service sends for us."""
    service = config.service
    if not service.name:
        return
    if not service.hears:
        yield Finding(
            "webhooks",
            service.name,
            "warning",
            "Its posts are not taken in, so its bounces and complaints stay unknown.",
            f"{_key(service)}, and at the service enter {_address(config)}. {_WHERE}",
        )
        return
    contact = ServiceContact.objects.filter(service=service.name).first()
    waiting = ServicePost.objects.filter(attempts=0).order_by("pk").first()
    if waiting is not None and waiting.received_at < now - _UNREAD:
        seen = f"It was heard, and nobody reads it since {waiting.received_at:%-d %B %Y, %H:%M} UTC."
        yield Finding("webhooks", service.name, "problem", seen, "Look into the worker's log.")
    elif contact is None and waiting is None:
        seen = "Nothing was heard of it so far."
        advice = f"At the service, enter {_address(config)} and let it send a test. {_WHERE}"
        yield Finding("webhooks", service.name, "warning", seen, advice)
    else:
        moments = [contact.last_at] if contact else []
        latest = max([*moments, waiting.received_at] if waiting else moments)
        yield Finding("webhooks", service.name, "ok", f"Last heard on {latest:%-d %B %Y, %H:%M} UTC.")


def _key(service: Service) -> str:
    """What to write into the configuration."""
    if service.name == "amazon_ses":
        return 'Name its topic in [service]: webhook_topics = ["arn:aws:sns:…"]'
    if service.name in _GIVEN:
        return f"Put {_GIVEN[service.name]} into [service] webhook_secret"
    return f'Put a password into [service], such as webhook_secret = "{secrets.token_urlsafe(24)}"'


def _address(config: Config) -> str:
    """The address to enter at the service; the password itself is not shown."""
    scheme, _, rest = config.site.url.partition("://")
    signed_in = "" if config.service.name in (*_GIVEN, "amazon_ses") else "hooks:WEBHOOK_SECRET@"
    return f"{scheme}://{signed_in}{rest}/hooks/{config.service.name}/"
