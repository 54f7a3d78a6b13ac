"""The headers that all messages of an edition share, from the snapshot alone."""

from __future__ import annotations

from collections.abc import Mapping

from mailer.editions.models import Newsletter
from mailer.rendering import mime
from mailer.rendering.records import Content


def sender_of(newsletter: Newsletter) -> dict[str, str]:
    """The sender as a snapshot's manifest holds it."""
    return {"name": newsletter.sender_name, "email": newsletter.sender_email, "reply_to": newsletter.reply_to}


def shared_headers(sender: Mapping[str, str], content: Content) -> mime.MailingHeaders:
    """Sender and list headers of every message; `sender` comes from `sender_of`."""
    domain = sender["email"].rpartition("@")[2]
    return mime.MailingHeaders(
        from_name=sender["name"],
        from_email=sender["email"],
        reply_to=sender["reply_to"],
        list_id=f"{content.masthead.slug}.{domain}",
        list_name=content.masthead.name,
        archive_url=f"{content.site_url}/archive/",
    )
