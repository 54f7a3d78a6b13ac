"""The headers that all messages of an edition share: its sender and its list."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from django.conf import settings

from mailer.config.sections import TOKEN
from mailer.editions.models import Newsletter
from mailer.rendering import mime
from mailer.rendering.data_types import Content


def sender_fields(newsletter: Newsletter) -> dict[str, str]:
    """The sender as a snapshot's manifest holds it."""
    return {"name": newsletter.sender_name, "email": newsletter.sender_email, "reply_to": newsletter.reply_to}


def shared_headers(sender: Mapping[str, str], content: Content) -> mime.MailingHeaders:
    """Sender and list headers of every message; `sender` comes from `sender_fields`."""
    domain = sender["email"].rpartition("@")[2]
    return mime.MailingHeaders(
        from_name=sender["name"],
        from_email=sender["email"],
        reply_to=sender["reply_to"],
        list_id=f"{content.masthead.slug}.{domain}",
        list_name=content.masthead.name,
        archive_url=f"{content.site_url}/archive/",
        help_url=f"{content.site_url}/",
        feedback_id=f"{content.slug}:{content.masthead.slug}:edition:{_sender_id(domain)}",
        stream=content.masthead.slug,
        complaints_email=_complaints_email(domain),
    )


def _sender_id(domain: str) -> str:
    """The sender in a Feedback-ID: 10 characters, the same in every message of a domain."""
    return hashlib.sha256(domain.lower().encode()).hexdigest()[:10]


def _complaints_email(domain: str) -> str:
    """Where providers report complaints: our mailbox for returned mail, in the sender's domain or below it.

    Empty where it is in another domain, which would need a signature of its own (RFC 9477 §3.3).
    """
    bounces = settings.CONFIG.bounces
    inbound = (bounces.domain or domain).lower()
    if not f".{inbound}".endswith(f".{domain.lower()}"):
        return ""
    return f"{bounces.address.replace(TOKEN, 'cfbl')}@{inbound}"
