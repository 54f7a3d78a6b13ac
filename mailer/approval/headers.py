"""The headers that all copies of an edition share, from what the seal binds and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from mailer.editions.models import Newsletter
from mailer.rendering import mime
from mailer.rendering.records import Content


def sender_of(newsletter: Newsletter) -> dict[str, str]:
    """Who the mail is from, as the seal binds it."""
    return {"name": newsletter.sender_name, "email": newsletter.sender_email, "reply_to": newsletter.reply_to}


def shared_headers(sender: Mapping[str, str], content: Content) -> mime.MailingHeaders:
    """What every copy says about its sender and its list; `sender` is of `sender_of`."""
    domain = sender["email"].rpartition("@")[2]
    return mime.MailingHeaders(
        from_name=sender["name"],
        from_email=sender["email"],
        reply_to=sender["reply_to"],
        list_id=f"{content.masthead.slug}.{domain}",
        list_name=content.masthead.name,
        archive_url=f"{content.site_url}/archive/",
    )
