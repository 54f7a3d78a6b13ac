"""A test send: one variant to a staff address, through the outbox, marked and without personal links."""

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

SUBJECT_PREFIX = "[Test] "


def enqueue(rendered: RenderedVariant, newsletter: Newsletter, to: str, now: datetime) -> OutboxMessage:
    """Put a test message into the outbox. Raises ValueError if `to` is not an address."""
    try:
        address = normalise(to)
    except ValueError as error:
        raise ValueError(f"the address “{to}” {error}.") from error
    return outbox.enqueue(
        newsletter.sender_email, address, test_message(rendered, newsletter, address, now), now
    )


def test_message(rendered: RenderedVariant, newsletter: Newsletter, to: str, now: datetime) -> bytes:
    """The message, CRLF line ends. Its personal links lead to the front page."""
    domain = newsletter.sender_email.rpartition("@")[2]
    marked = dataclasses.replace(rendered, subject=SUBJECT_PREFIX + rendered.subject)
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
