"""A test copy of a variant for a colleague: marked as one, through the outbox, without a reader's links."""

from __future__ import annotations

import dataclasses
import secrets
from datetime import datetime

from django.conf import settings

from mailer.delivery.models import OutboxMessage
from mailer.delivery.outbox import outbox
from mailer.editions.models import Newsletter
from mailer.rendering import headers, merge_tags, mime
from mailer.rendering.records import RenderedVariant
from subscribers.addresses import normalise

MARK = "[Test] "


def put(rendered: RenderedVariant, newsletter: Newsletter, to: str, now: datetime) -> OutboxMessage:
    """Put a test copy into the outbox. Raises ValueError, in words, when `to` is no address."""
    try:
        address = normalise(to)
    except ValueError as error:
        raise ValueError(f"the address “{to}” {error}.") from error
    return outbox.put(newsletter.sender_email, address, message_for(rendered, newsletter, address, now), now)


def message_for(rendered: RenderedVariant, newsletter: Newsletter, to: str, now: datetime) -> bytes:
    """The message, CRLF lines; its links lead to the site's front page, as it belongs to no reader."""
    domain = newsletter.sender_email.rpartition("@")[2]
    marked = dataclasses.replace(rendered, subject=MARK + rendered.subject)
    envelope = mime.MailingHeaders(
        from_name=newsletter.sender_name,
        from_email=newsletter.sender_email,
        reply_to=newsletter.reply_to,
        list_id=f"{newsletter.slug}.{domain}",
        list_name=newsletter.name,
    )
    values = merge_tags.web_values(settings.CONFIG.site.url, rendered.language)
    forms = mime.UrlTemplates(
        f"t.{mime.TOKEN}@{domain}", values["unsubscribe_url"], values["preferences_url"]
    )
    copy = mime.Personalization(
        to, headers.date(now), values["countries"], message_token=secrets.token_hex(16)
    )
    return mime.MessageTemplate(marked, envelope, forms).message(copy)
