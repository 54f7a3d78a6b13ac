"""The sample edition as the SMTP transport sends it: every story, in each of its languages."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from mailer import link_tracking
from mailer.approval.sender_and_list_headers import shared_headers
from mailer.config.sections import Mode
from mailer.delivery import message_identifiers
from mailer.delivery.ledger.attempt_types_and_retry_schedule import ClaimedDelivery
from mailer.delivery.message_builder import BuildTime, MailingContext
from mailer.delivery.smtp.message_encoder import MimeEncoder
from mailer.rendering import links, mime, variants
from mailer.rendering.data_types import Content
from mailer.rendering.mime_encoding import format_date
from subscribers import tokens
from tests.gallery import SITE, sample_content

SENDER = {"name": "Silk Road Monthly", "email": "news@example.org", "reply_to": "editors@example.org"}
DOMAIN = "example.org"


def messages(
    tracking: Mode,
    now: dt.datetime,
    base: str = "",
    *,
    only: str = "",
    opens: Mode | None = None,
    countries: tuple[str, ...] = (),
) -> dict[str, bytes]:
    """By language: the message of a reader of these countries (none: all), with clicks and opens tracked.

    Not signed, and without what the servers on its way add. `base`: the theme; `only`: the stories that have
    a text in this language; `opens`: where these are not tracked as clicks are.
    """
    content = sample_content(base)
    if only:
        content = _in_one_language(content, only)
    encoder, context = (
        MimeEncoder(signs=False),
        _context(content, tracking, tracking if opens is None else opens),
    )
    reader = ClaimedDelivery(1, 1, 1, 1, 1, "reader@example.net", "", (), tracking_consent=True)
    (token,) = message_identifiers.delivery_tokens([reader.id])
    (pages,) = tokens.link_tokens([reader.subscriber], context.newsletter)
    time = BuildTime(format_date(now), int(now.timestamp()))
    sent = {}
    for language in content.masthead.languages:
        rendered = variants.render(content, countries, language)
        tracked = link_tracking.add_tracking(rendered, reader.variant, context.tracking, SITE)
        variant = encoder.prepare(context, tracked)
        sent[language] = b"".join(encoder.encode(context, variant, reader, token, pages, time).pieces)
    return sent


def _in_one_language(content: Content, language: str) -> Content:
    stories = tuple(one for one in content.stories if language in {text.language for text in one.texts})
    keys = {one.key for one in stories}
    blocks = tuple(one for one in content.blocks if one.stories and keys.issuperset(one.stories))
    head = replace(content.masthead, languages=(language,))
    return replace(content, masthead=head, stories=stories, blocks=blocks)


def _context(content: Content, clicks: Mode, opens: Mode) -> MailingContext:
    return MailingContext(
        newsletter=1,
        dry_run=False,
        sender=SENDER["email"],
        domain=DOMAIN,
        envelope_sender=message_identifiers.envelope_sender_template(DOMAIN),
        site=SITE,
        urls=mime.UrlTemplates(
            message_id=f"m.{mime.TOKEN}@{DOMAIN}",
            unsubscribe_url=f"{SITE}/unsubscribe/{mime.TOKEN}/",
            preferences_url=f"{SITE}/preferences/{mime.TOKEN}/",
            unsubscribe_mailto=message_identifiers.unsubscribe_address_template(DOMAIN),
        ),
        headers=shared_headers(SENDER, content),
        variants={},
        content=content,
        tracking=link_tracking.TrackingPolicy(clicks, opens, links.trackable_links(content)),
    )
