"""Builds one message per claimed delivery: the approved bytes of its variant with the recipient's own values.

The builder checks variants against the approved snapshot and keeps what many messages share; an encoder
turns the parts into what a transport sends: a MIME message for SMTP, or message parts for an ESP's API.
"""

from __future__ import annotations

import dataclasses
import json
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Generic, NamedTuple, Protocol, TypeVar

from django.conf import settings

from mailer import link_tracking
from mailer.approval import snapshot_hashes
from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.approval.sender_and_list_headers import shared_headers
from mailer.approval.snapshot_state_changes import SnapshotChanged
from mailer.config.sections import TOKEN
from mailer.delivery import message_identifiers
from mailer.delivery.ledger.attempt_types_and_retry_schedule import ClaimedDelivery
from mailer.delivery.models import Mailing
from mailer.rendering import mime, variants
from mailer.rendering.data_types import Content, RenderedVariant, from_json
from mailer.rendering.mime_encoding import format_date
from subscribers import tokens

# Precedes the subject of a dry run's messages.
DRY_RUN_MARK = "[Full test] "
# Variants kept encoded; one is about as large as its message.
_CACHED_VARIANTS = 128


class MailingContext(NamedTuple):
    """What all messages of a mailing share, as the approved snapshot fixes it."""

    newsletter: int
    # Whether every message goes to staff.
    dry_run: bool
    sender: str
    # The domain of the sender's address.
    domain: str
    # The envelope sender, with {token} in place of the delivery's signed id.
    envelope_sender: str
    # The site's address, where recipients' pages are.
    site: str
    # The recipient's own addresses, with {token} in place of the recipient's token.
    urls: mime.UrlTemplates
    headers: mime.MailingHeaders
    # Key of each variant → its hash.
    variants: dict[str, str]
    # What a variant is rendered from that was not stored with the snapshot.
    content: Content
    tracking: link_tracking.TrackingPolicy

    @property
    def tracks_subscribers(self) -> bool:
        """Whether clicks or opens are recorded for each consenting subscriber."""
        return "consent" in (self.tracking.clicks, self.tracking.opens)

    def subscriber_token(self, claimed: ClaimedDelivery) -> str:
        """What identifies the recipient in tracked URLs; empty without consent."""
        return (
            link_tracking.subscriber_token(claimed.id)
            if claimed.tracking_consent and self.tracks_subscribers
            else ""
        )


class BuildTime(NamedTuple):
    # As the Date header writes it.
    header: str
    # Unix seconds.
    timestamp: int


V = TypeVar("V")
M = TypeVar("M", covariant=True)


class Encoder(Protocol[V, M]):
    """Encodes messages for one kind of transport."""

    def prepare(self, context: MailingContext, rendered: RenderedVariant) -> V:
        """Encode what the messages of a variant share. Raises ValueError if it cannot be a message."""
        ...

    def encode(
        self,
        context: MailingContext,
        variant: V,
        claimed: ClaimedDelivery,
        token: str,
        links: tokens.Links,
        time: BuildTime,
    ) -> M:
        """Encode the message of one delivery; called in any thread. Raises ValueError for values that no
        message
        can carry."""
        ...


class MessageBuilder(Generic[V, M]):
    """Builds messages and keeps what many of them share. Its methods belong to the ledger's thread."""

    def __init__(self, encoder: Encoder[V, M]) -> None:
        self._encoder = encoder
        self._contexts: dict[int, MailingContext] = {}
        # By dry run or not: a variant of a dry run has another subject and other links.
        self._variants: dict[bool, OrderedDict[int, V]] = {False: OrderedDict(), True: OrderedDict()}

    def messages(
        self, mailing: Mailing, claimed: list[ClaimedDelivery], now: datetime
    ) -> list[Callable[[], M]]:
        """For each claimed delivery a function that encodes its message, to be called in any thread.

        Raises SnapshotChanged if what is stored is not what was approved, and ValueError if it cannot be a
        message.
        """
        context = self._contexts.get(mailing.pk)
        if context is None:
            context = load_context(mailing.snapshot, dry_run=bool(mailing.dry_run_to))
            self._contexts[mailing.pk] = context
        known = self._variants[context.dry_run]
        self._load(context, known, {one.variant: one.countries for one in claimed})
        time = BuildTime(format_date(now), int(now.timestamp()))
        delivery_tokens = message_identifiers.delivery_tokens([one.id for one in claimed])
        links = tokens.link_tokens([one.subscriber for one in claimed], context.newsletter)
        encode = self._encoder.encode
        built: list[Callable[[], M]] = [
            partial(encode, context, known[one.variant], one, token, recipient_links, time)
            for one, token, recipient_links in zip(claimed, delivery_tokens, links, strict=True)
        ]
        while len(known) > _CACHED_VARIANTS:
            known.popitem(last=False)
        return built

    def _load(
        self, context: MailingContext, known: OrderedDict[int, V], wanted: dict[int, tuple[str, ...]]
    ) -> None:
        """`wanted`: primary key of each variant, and the countries of a subscriber who gets it."""
        for pk in wanted.keys() & known.keys():
            known.move_to_end(pk)
        missing = wanted.keys() - known.keys()
        for row in SnapshotVariant.objects.filter(pk__in=missing):
            require_variant_unchanged(context, row, wanted[row.pk])
            rendered = rendered_for_dry_run(row) if context.dry_run else rendered_for_sending(context, row)
            known[row.pk] = self._encoder.prepare(context, rendered)


def load_context(snapshot: Snapshot, dry_run: bool = False) -> MailingContext:
    """Read the snapshot's manifest. Raises SnapshotChanged if it is not what was hashed."""
    if snapshot_hashes.sha256_hex(snapshot.manifest) != snapshot.sha256:
        raise SnapshotChanged
    manifest = json.loads(snapshot.manifest)
    if snapshot_hashes.sha256_hex(snapshot.content) != manifest["content"]:
        raise SnapshotChanged
    content = from_json(snapshot.content)
    sender = manifest["sender"]
    domain = sender["email"].rpartition("@")[2]
    site = settings.CONFIG.site.url
    return MailingContext(
        newsletter=snapshot.edition.newsletter_id,
        dry_run=dry_run,
        sender=sender["email"],
        domain=domain,
        envelope_sender=message_identifiers.envelope_sender_template(domain),
        site=site,
        urls=_dry_run_urls(site, domain) if dry_run else _recipient_urls(site, domain),
        headers=shared_headers(sender, content),
        variants=manifest["variants"],
        content=content,
        tracking=link_tracking.effective_policy(
            link_tracking.policy_from_manifest(snapshot.manifest), settings.CONFIG.tracking
        ),
    )


def rendered_of(row: SnapshotVariant) -> RenderedVariant:
    """A stored variant as a record of the rendering package."""
    stories = tuple(row.stories.split(",")) if row.stories else ()
    return RenderedVariant(row.key, row.language, stories, row.subject, row.preheader, row.html, row.text)


def rendered_for_sending(context: MailingContext, row: SnapshotVariant) -> RenderedVariant:
    """The variant as it is sent: links tracked as approved, merge tags not filled in yet."""
    return link_tracking.add_tracking(rendered_of(row), row.pk, context.tracking, context.site)


def rendered_for_dry_run(row: SnapshotVariant) -> RenderedVariant:
    """The variant as staff get it in a dry run: with a marked subject and no tracked link."""
    rendered = rendered_of(row)
    return dataclasses.replace(rendered, subject=DRY_RUN_MARK + rendered.subject)


def require_variant_unchanged(
    context: MailingContext, row: SnapshotVariant, countries: tuple[str, ...]
) -> None:
    """Raise SnapshotChanged unless the variant is what was approved, or what the approved content renders
    to."""
    wanted = context.variants.get(row.key) or _rerender(context, row, countries)
    if snapshot_hashes.variant_digest(row.subject, row.preheader, row.html, row.text) != wanted:
        raise SnapshotChanged(f"Variant {row.key} is not what was approved; none of it was sent.")


def _rerender(context: MailingContext, row: SnapshotVariant, countries: tuple[str, ...]) -> str:
    """The hash that a variant outside the manifest must have: that of rendering the approved content
    again."""
    try:
        made = variants.render(context.content, countries, row.language)
    except variants.NothingToShow:
        return ""
    return snapshot_hashes.variant_digest(made.subject, made.preheader, made.html, made.text)


def _recipient_urls(site: str, domain: str) -> mime.UrlTemplates:
    return mime.UrlTemplates(
        message_id=f"m.{TOKEN}@{domain}",
        unsubscribe_url=f"{site}/unsubscribe/{TOKEN}/",
        preferences_url=f"{site}/preferences/{TOKEN}/",
        unsubscribe_mailto=(
            message_identifiers.unsubscribe_address_template(domain)
            if message_identifiers.can_receive_unsubscribe_mail()
            else ""
        ),
    )


def _dry_run_urls(site: str, domain: str) -> mime.UrlTemplates:
    """Every link leads to the front page, so that staff change nothing for a subscriber."""
    front = f"{site}/"
    return mime.UrlTemplates(message_id=f"m.{TOKEN}@{domain}", unsubscribe_url=front, preferences_url=front)
