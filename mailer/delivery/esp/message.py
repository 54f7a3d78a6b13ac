"""From a claimed delivery to its letter: what a service is told of a message, in parts, as it was sealed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from functools import lru_cache, partial
from typing import NamedTuple

from mailer.approval.models import SnapshotVariant
from mailer.config.bounces import TOKEN
from mailer.delivery import identity, signed_ids, tracking_urls, verp
from mailer.delivery.engine.composing import Sealed, as_rehearsed, as_sent, refuse_changed, sealed
from mailer.delivery.esp.template_escape import Guard
from mailer.delivery.ledger.records import ClaimedDelivery
from mailer.delivery.models import Mailing
from mailer.rendering import headers, merge_tags
from mailer.rendering.records import RenderedVariant
from subscribers import tokens

# Variants kept ready.
_READY = 128

_country_names = lru_cache(maxsize=4096)(merge_tags.country_names)


@dataclass(frozen=True)
class Letter:
    """One reader's message. Its texts are guarded against the service's template language."""

    # Names the delivery wherever the service speaks of the message again; `delivery_of` reads it.
    token: str
    to: str
    # Name and address, quoted as RFC 5322 has it, and not encoded.
    sender: str
    # Empty: none.
    reply_to: str
    subject: str
    html: str
    text: str
    # Further header fields. ASCII.
    headers: dict[str, str]
    # With its angle brackets; services that have their own replace it.
    message_id: str
    # The envelope sender that names the delivery, for services that take one.
    return_path: str


class _Variant(NamedTuple):
    """Guarded, with the marks of the personal fields still in it."""

    subject: str
    html: str
    text: str
    language: str


class Writer:
    """Writes letters; keeps what many of them share. Its methods belong to the thread of the ledger."""

    def __init__(self, guard: Guard, rehearses: bool = False) -> None:
        self._guard = guard
        self._mailings: dict[int, Sealed] = {}
        self._variants: OrderedDict[int, _Variant] = OrderedDict()
        self._write, self._prepare = (_rehearsal, as_rehearsed) if rehearses else (_letter, as_sent)
        # Writes what rehearsals send; no variant of theirs is taken for that of a real mailing.
        self._rehearsing = None if rehearses else Writer(guard, rehearses=True)

    def envelopes(
        self, mailing: Mailing, claimed: list[ClaimedDelivery], now: datetime
    ) -> list[Callable[[], Letter]]:
        """For each claimed delivery a function that makes its letter, in any thread.

        Raises BrokenSeal when what is stored is not what was sealed, and ValueError when it makes no mail.
        """
        if mailing.dry_run_to and self._rehearsing is not None:
            return self._rehearsing.envelopes(mailing, claimed, now)
        shared = self._mailings.get(mailing.pk)
        if shared is None:
            shared = self._mailings[mailing.pk] = sealed(mailing.snapshot)
        self._fetch(shared, {one.variant: one.countries for one in claimed})
        common = _common_headers(shared)
        sender = _sender(shared, self._guard)
        ready: list[Callable[[], Letter]] = [
            partial(self._write, shared, self._variants[one.variant], one, sender, common) for one in claimed
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
            self._variants[row.pk] = self._guarded(self._prepare(shared, row))

    def _guarded(self, rendered: RenderedVariant) -> _Variant:
        guard = self._guard
        subject = headers.single_line(rendered.subject, "Subject")
        return _Variant(
            guard.text(subject), guard.html(rendered.html), guard.text(rendered.text), rendered.language
        )


def token(delivery: int) -> str:
    """A delivery's token: letters and digits, which the narrowest service takes as a tag."""
    return signed_ids.token("delivery", delivery)


def delivery_of(token: str) -> int | None:
    """The delivery that a token names, or None when it was not made here."""
    return signed_ids.read("delivery", token)


def _sender(shared: Sealed, guard: Guard) -> str:
    name = headers.single_line(shared.headers.from_name, "the name in From")
    return str(Address(guard.text(name), addr_spec=shared.headers.from_email))


def _common_headers(shared: Sealed) -> dict[str, str]:
    """List-Id has no name: some services send letters outside ASCII as they are, which breaks the field."""
    common = {
        "List-Id": f"<{shared.headers.list_id}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Precedence": "bulk",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
    }
    if shared.headers.archive_url:
        common["List-Archive"] = f"<{shared.headers.archive_url}>"
    return common


def _letter(
    shared: Sealed, variant: _Variant, claimed: ClaimedDelivery, sender: str, common: dict[str, str]
) -> Letter:
    (links,) = tokens.links([claimed.subscriber], shared.newsletter)
    values = {
        "unsubscribe_url": f"{shared.site}/unsubscribe/{links.unsubscribe}/",
        "preferences_url": f"{shared.site}/preferences/{links.preferences}/",
        "countries": _country_names(claimed.countries, variant.language),
        "subscriber_token": tracking_urls.whose(claimed.id)
        if claimed.tracking_consent and shared.by_reader
        else "",
    }
    leave_by_mail = shared.leaves.replace(TOKEN, links.unsubscribe_mailto)
    leave = f"<{values['unsubscribe_url']}>, <mailto:{leave_by_mail}>"
    return _written(shared, variant, claimed, sender, {**common, "List-Unsubscribe": leave}, values)


def _rehearsal(
    shared: Sealed, variant: _Variant, claimed: ClaimedDelivery, sender: str, common: dict[str, str]
) -> Letter:
    """To a colleague: its personal links lead to the front page."""
    front = f"{shared.site}/"
    values = {
        "unsubscribe_url": front,
        "preferences_url": front,
        "countries": _country_names(claimed.countries, variant.language),
    }
    return _written(shared, variant, claimed, sender, {**common, "List-Unsubscribe": f"<{front}>"}, values)


def _written(
    shared: Sealed,
    variant: _Variant,
    claimed: ClaimedDelivery,
    sender: str,
    fields: dict[str, str],
    values: dict[str, str],
) -> Letter:
    return Letter(
        token=token(claimed.id),
        to=headers.single_line(claimed.email, "To"),
        sender=sender,
        reply_to=shared.headers.reply_to,
        subject=variant.subject,
        html=merge_tags.fill_html(variant.html, values),
        text=merge_tags.fill_text(variant.text, values),
        headers={**fields, "Content-Language": variant.language},
        message_id=identity.message_id(claimed.id, shared.domain),
        return_path=verp.address(claimed.id, shared.domain),
    )
