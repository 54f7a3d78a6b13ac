"""Test sends: variants of an edition to a staff address, through the outbox.

A test is marked in its subject and by a banner. Its links are direct, those for unsubscribing and preferences
lead to the front page, and it has no delivery, so it is in no report. Pictures that no reader has seen
are shown to every holder of the message, until the token in their addresses expires.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.html import format_html
from django.utils.translation import gettext

from mailer.delivery.models import OutboxMessage
from mailer.delivery.outbox.outbox import enqueue as enqueue_message
from mailer.delivery.outbox.outbox import require_allowed_test_recipient
from mailer.editions import pictures
from mailer.editions.models import Newsletter
from mailer.rendering import merge_tags, mime, mime_encoding
from mailer.rendering.data_types import RenderedVariant
from subscribers import tokens
from subscribers.rate_limit import Limit, count_hit_unless_limited

SUBJECT_PREFIX = "[Test] "
# Where the banner goes: behind the preheader, which inboxes show, at the top of the body.
_TOP = re.compile(
    r'<body\b[^>]*>(?:\s*(?:<div class[^>]*>\s*)?<div style="display:none[^>]*>.*?</div>)?',
    re.IGNORECASE | re.DOTALL,
)
_BANNER = (
    '<div style="padding:12px 24px;background:#e9a724;color:#0f2f4a;font:bold 14px/20px '
    "'Segoe UI','Noto Sans',Roboto,Helvetica,Arial,sans-serif\">{}</div>"
)
# The parameter of a picture's address that lets it be seen before its edition was sent, and for how long.
PICTURE_PARAMETER = "test"
_PICTURES_FOR = timedelta(days=30)
_DIGEST_BITS = 40


def enqueue(
    rendered: Sequence[RenderedVariant],
    newsletter: Newsletter,
    to: str,
    now: datetime,
    notes: Sequence[str] = (),
) -> list[OutboxMessage]:
    """Put a test message for each variant into the outbox, all or none.

    `notes`: what the banner of each says; without them, that it is a test. A day has as many tests as dry
    runs have messages. Raises ValueError, also where `to` is no staff address (NotStaff).
    """
    address = require_allowed_test_recipient(to)
    texts = notes or [gettext("This email is a test. No subscriber got it.")] * len(rendered)
    with transaction.atomic():
        return [
            _enqueue_one(variant, newsletter, address, now, note)
            for variant, note in zip(rendered, texts, strict=True)
        ]


def _enqueue_one(
    rendered: RenderedVariant, newsletter: Newsletter, address: str, now: datetime, note: str
) -> OutboxMessage:
    most = settings.CONFIG.sending.dry_run_messages_per_day
    if count_hit_unless_limited([Limit("test sends", most, timedelta(days=1))], now) is not None:
        raise ValueError(
            gettext("At most %(most)s test emails can be sent in 24 hours.") % {"most": f"{most:,}"}
        )
    octets = build_message(rendered, newsletter, address, now, note)
    return enqueue_message(newsletter.sender_email, address, octets, now)


def build_message(
    rendered: RenderedVariant, newsletter: Newsletter, to: str, now: datetime, note: str
) -> bytes:
    """The message, CRLF line ends, with `note` as its banner."""
    domain = newsletter.sender_email.rpartition("@")[2]
    marked = dataclasses.replace(
        rendered,
        subject=SUBJECT_PREFIX + rendered.subject,
        html=_with_banner(_with_visible_pictures(rendered.html, now), note),
        text=f"*** {merge_tags.escape_tags(note)} ***\n\n{rendered.text}",
    )
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
        to, mime_encoding.format_date(now), values["countries"], message_token=secrets.token_hex(16)
    )
    return mime.MessageTemplate(marked, envelope, forms).message(copy)


def _with_banner(html: str, note: str) -> str:
    banner = format_html(_BANNER, merge_tags.escape_tags(note))
    return _TOP.sub(lambda found: f"{found[0]}{banner}", html, count=1)


def _with_visible_pictures(html: str, now: datetime) -> str:
    """The addresses of pictures with what lets them be seen before the edition is sent."""
    site_url = settings.CONFIG.site.url
    start = re.escape(f"{site_url}{settings.MEDIA_URL}")

    def visible(found: re.Match[str]) -> str:
        return f"{found[0]}?{PICTURE_PARAMETER}={_picture_token(found[1], now + _PICTURES_FOR)}"

    return re.sub(rf'{start}([^\s"\'()<>?]+)', visible, pictures.with_pictures_from_site(html))


def _picture_token(path: str, until: datetime) -> str:
    return tokens.encrypt_id_for_url("test_picture", _days(until) << _DIGEST_BITS | _digest(path))


def may_show_picture(path: str, token: str, now: datetime) -> bool:
    """Whether a test message gave out this picture, by its path below /media/, and is recent."""
    try:
        number = tokens.decrypt_id("test_picture", token)
    except tokens.InvalidToken:
        return False
    fresh = _days(now) <= number >> _DIGEST_BITS
    return fresh and number & (1 << _DIGEST_BITS) - 1 == _digest(path)


def _days(moment: datetime) -> int:
    return int(moment.timestamp()) // 86_400


def _digest(path: str) -> int:
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[: _DIGEST_BITS // 8], "big")
