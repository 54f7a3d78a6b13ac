"""From a claimed delivery to its message: sealed bytes of the variant, and what is the reader's own."""

from __future__ import annotations

import dataclasses
import json
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, partial
from typing import NamedTuple

from django.conf import settings

from mailer.approval import approve, tracking_policy
from mailer.approval.errors import SnapshotChanged
from mailer.approval.headers import shared_headers
from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.config.bounces import TOKEN
from mailer.delivery import identity, signed_ids, tracking_urls, verp
from mailer.delivery.ledger.records import ClaimedDelivery
from mailer.delivery.models import Mailing
from mailer.delivery.smtp import dkim
from mailer.delivery.smtp.base import Envelope
from mailer.rendering import merge_tags, mime, variants
from mailer.rendering.headers import date
from mailer.rendering.records import Content, RenderedVariant, from_json
from subscribers import tokens

# Before the subject of a rehearsal.
REHEARSAL = "[Rehearsal] "
# Variants kept ready; one is about as large as its mail.
_READY = 128

_country_names = lru_cache(maxsize=4096)(merge_tags.country_names)


class Sealed(NamedTuple):
    """What all messages of a mailing share, as the seal binds it."""

    newsletter: int
    sender: str
    # Of the sender's address.
    domain: str
    # The addresses to which mail comes back, and to which wishes to leave go, with {token} in each.
    returns: str
    leaves: str
    # Where the reader's pages are.
    site: str
    headers: mime.MailingHeaders
    # Key of each variant → its hash.
    variants: dict[str, str]
    # What a variant is rendered from that was not stored with the seal.
    content: Content
    counting: tracking_policy.Counting

    @property
    def by_reader(self) -> bool:
        """Whether anything is counted under the names of those who agreed."""
        return "consent" in (self.counting.clicks, self.counting.opens)


class _Variant(NamedTuple):
    skeleton: mime.MessageTemplate
    language: str
    # None: nothing is signed here.
    signing: dkim.Variant | None


class Composer:
    """Makes messages; keeps what many of them share. Its methods belong to the thread of the ledger."""

    def __init__(self, signs: bool = True, rehearses: bool = False) -> None:
        """`signs`: whether our DKIM signature stands in the messages, where the configuration has one."""
        self._mailings: dict[int, Sealed] = {}
        self._variants: OrderedDict[int, _Variant] = OrderedDict()
        self._signer = dkim.configured() if signs else None
        self._rehearses = rehearses
        self._prepare = as_rehearsed if rehearses else as_sent
        self._forms = _colleagues_forms if rehearses else _readers_forms
        # Makes what rehearsals send; no variant of theirs is taken for that of a real mailing.
        self._rehearsing = None if rehearses else Composer(signs, rehearses=True)

    def envelopes(
        self, mailing: Mailing, claimed: list[ClaimedDelivery], now: datetime
    ) -> list[Callable[[], Envelope]]:
        """For each claimed delivery a function that makes its envelope and message, in any thread.

        Raises BrokenSeal when what is stored is not what was sealed, and ValueError when it makes no mail.
        """
        if mailing.dry_run_to and self._rehearsing is not None:
            return self._rehearsing.envelopes(mailing, claimed, now)
        shared = self._mailings.get(mailing.pk)
        if shared is None:
            shared = self._mailings[mailing.pk] = sealed(mailing.snapshot)
        self._fetch(shared, {one.variant: one.countries for one in claimed})
        moment = date(now)
        delivery_tokens = signed_ids.delivery_tokens([one.id for one in claimed])
        links = tokens.links([one.subscriber for one in claimed], shared.newsletter)
        # A rehearsal's recipient is named for the reader.
        called = [one.name if self._rehearses else "" for one in claimed]
        ready: list[Callable[[], Envelope]] = [
            partial(_envelope, shared, self._variants[one.variant], one, moment, token, linked, to_name)
            for one, token, linked, to_name in zip(claimed, delivery_tokens, links, called, strict=True)
        ]
        if self._signer is not None:
            at = int(now.timestamp())
            ready = [
                partial(_signed, self._variants[one.variant], make, at)
                for one, make in zip(claimed, ready, strict=True)
            ]
        while len(self._variants) > _READY:
            self._variants.popitem(last=False)
        return ready

    def _fetch(self, shared: Sealed, wanted: dict[int, tuple[str, ...]]) -> None:
        """`wanted`: each variant's number, and countries of a reader who gets it."""
        for known in wanted.keys() & self._variants.keys():
            self._variants.move_to_end(known)
        missing = wanted.keys() - self._variants.keys()
        for row in SnapshotVariant.objects.filter(pk__in=missing):
            refuse_changed(shared, row, wanted[row.pk])
            skeleton = mime.MessageTemplate(self._prepare(shared, row), shared.headers, self._forms(shared))
            signing = self._signer.variant(skeleton.shared) if self._signer else None
            self._variants[row.pk] = _Variant(skeleton, row.language, signing)


def sealed(snapshot: Snapshot) -> Sealed:
    """What the manifest says about sender and variants. Raises BrokenSeal when it is not what was hashed."""
    if approve.digest(snapshot.manifest) != snapshot.sha256:
        raise SnapshotChanged
    manifest = json.loads(snapshot.manifest)
    if approve.digest(snapshot.content) != manifest["content"]:
        raise SnapshotChanged
    content = from_json(snapshot.content)
    sender = manifest["sender"]
    domain = sender["email"].rpartition("@")[2]
    return Sealed(
        newsletter=snapshot.edition.newsletter_id,
        sender=sender["email"],
        domain=domain,
        returns=verp.form(domain),
        leaves=identity.leave_form(domain),
        site=settings.CONFIG.site.url,
        headers=shared_headers(sender, content),
        variants=manifest["variants"],
        content=content,
        counting=tracking_policy.in_force(
            tracking_policy.of_manifest(snapshot.manifest), settings.CONFIG.tracking
        ),
    )


def rendered_of(row: SnapshotVariant) -> RenderedVariant:
    """A stored variant as rendering knows it."""
    stories = tuple(row.stories.split(",")) if row.stories else ()
    return RenderedVariant(row.key, row.language, stories, row.subject, row.preheader, row.html, row.text)


def as_sent(shared: Sealed, row: SnapshotVariant) -> RenderedVariant:
    """It as readers get it, their own fields still standing as marks."""
    return tracking_urls.counted(rendered_of(row), row.pk, shared.counting, shared.site)


def as_rehearsed(shared: Sealed, row: SnapshotVariant) -> RenderedVariant:
    """It as a colleague gets it: marked, and what the colleague opens is nobody's."""
    rendered = rendered_of(row)
    return dataclasses.replace(rendered, subject=REHEARSAL + rendered.subject)


def refuse_changed(shared: Sealed, row: SnapshotVariant, countries: tuple[str, ...]) -> None:
    """Raises BrokenSeal unless the variant is what was approved, or what that makes for these countries."""
    wanted = shared.variants.get(row.key) or _late(shared, row, countries)
    if approve.variant_digest(row.subject, row.preheader, row.html, row.text) != wanted:
        raise SnapshotChanged(f"Variant {row.key} is not what was approved; nothing of it was sent.")


def _late(shared: Sealed, row: SnapshotVariant, countries: tuple[str, ...]) -> str:
    """What a variant that the manifest does not name must be: made anew from the sealed content alone."""
    try:
        made = variants.render(shared.content, countries, row.language)
    except variants.NothingToShow:
        return ""
    return approve.variant_digest(made.subject, made.preheader, made.html, made.text)


def _readers_forms(shared: Sealed) -> mime.UrlTemplates:
    return mime.UrlTemplates(
        message_id=f"m.{TOKEN}@{shared.domain}",
        unsubscribe_url=f"{shared.site}/unsubscribe/{TOKEN}/",
        preferences_url=f"{shared.site}/preferences/{TOKEN}/",
        unsubscribe_mailto=shared.leaves,
    )


def _colleagues_forms(shared: Sealed) -> mime.UrlTemplates:
    """The links lead to the front page."""
    front = f"{shared.site}/"
    return mime.UrlTemplates(
        message_id=f"m.{TOKEN}@{shared.domain}", unsubscribe_url=front, preferences_url=front
    )


def _envelope(
    shared: Sealed,
    variant: _Variant,
    claimed: ClaimedDelivery,
    moment: str,
    delivery_token: str,
    links: tokens.Links,
    to_name: str,
) -> Envelope:
    copy = mime.Personalization(
        to=claimed.email,
        date=moment,
        countries=_country_names(claimed.countries, variant.language),
        message_token=delivery_token,
        unsubscribe_token=links.unsubscribe,
        preferences_token=links.preferences,
        unsubscribe_mail_token=links.unsubscribe_mailto,
        subscriber_token=tracking_urls.whose(claimed.id)
        if claimed.tracking_consent and shared.by_reader
        else "",
        delivery_token=delivery_token,
        to_name=to_name,
    )
    return Envelope(
        shared.returns.replace(TOKEN, delivery_token), claimed.email, b"", variant.skeleton.pieces(copy)
    )


def _signed(variant: _Variant, make: Callable[[], Envelope], at: int) -> Envelope:
    """The envelope with the message's DKIM-Signature in front; `at` in seconds since 1970."""
    envelope = make()
    assert variant.signing is not None
    envelope.pieces = (variant.signing.header(envelope.pieces, at), *envelope.pieces)
    return envelope
