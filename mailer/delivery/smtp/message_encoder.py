"""Encodes messages in MIME, signed with DKIM: for SMTP, and for Amazon SES, which takes raw messages."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from mailer.config.sections import TOKEN
from mailer.delivery.ledger.attempt_types_and_retry_schedule import ClaimedDelivery
from mailer.delivery.message_builder import BuildTime, MailingContext, MessageBuilder
from mailer.delivery.smtp import dkim
from mailer.delivery.smtp.envelope_and_commands import Envelope
from mailer.rendering import merge_tags, mime
from mailer.rendering.data_types import RenderedVariant
from subscribers import tokens

_country_names = lru_cache(maxsize=4096)(merge_tags.country_names_or_all)


class MimeVariant(NamedTuple):
    template: mime.MessageTemplate
    language: str
    # None: we do not sign.
    signer: dkim.VariantSigner | None


class MimeEncoder:
    """Makes an Envelope of each delivery; `Envelope.sign` signs it."""

    def __init__(self, signs: bool = True) -> None:
        """`signs`: whether to sign with DKIM if it is configured. Raises ConfigError if a key cannot be
        used."""
        self._signer = dkim.configured_signer() if signs else None

    def prepare(self, context: MailingContext, rendered: RenderedVariant) -> MimeVariant:
        template = mime.MessageTemplate(rendered, context.headers, context.urls)
        signer = self._signer.for_variant(template.own_headers, template.shared) if self._signer else None
        return MimeVariant(template, rendered.language, signer)

    def encode(
        self,
        context: MailingContext,
        variant: MimeVariant,
        claimed: ClaimedDelivery,
        token: str,
        links: tokens.Links,
        time: BuildTime,
    ) -> Envelope:
        personal = mime.Personalization(
            to=claimed.email,
            date=time.header,
            countries=_country_names(claimed.countries, variant.language),
            message_token=token,
            unsubscribe_token=links.unsubscribe,
            preferences_token=links.preferences,
            unsubscribe_mail_token=links.unsubscribe_mailto,
            subscriber_token=context.subscriber_token(claimed),
            delivery_token=token,
            # In a dry run, To names the subscriber whose message it would be.
            to_name=claimed.name if context.dry_run else "",
        )
        headers = variant.template.header_values(personal)
        pieces = variant.template.pieces(personal, headers)
        signer = variant.signer
        signature = signer.request(headers, pieces, time.timestamp) if signer else None
        return Envelope(
            context.envelope_sender.replace(TOKEN, token), claimed.email, b"", pieces, signature=signature
        )


def message_builder(signs: bool = True) -> MessageBuilder[MimeVariant, Envelope]:
    """Builds messages for the relays; `signs` as in MimeEncoder."""
    return MessageBuilder(MimeEncoder(signs))
