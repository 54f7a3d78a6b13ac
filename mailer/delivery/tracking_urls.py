"""The addresses under which the links of a mail, and its opening, are counted.

A link's names the variant and the link, so that all readers of a variant share it. Where a reader agreed to
be counted by name, a part that names the delivery stands behind it.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from mailer.approval.tracking_policy import Counting
from mailer.rendering import links
from mailer.rendering.merge_tags import PLACEHOLDERS
from mailer.rendering.records import RenderedVariant
from subscribers import tokens
from subscribers.tokens import MailPurpose

# In place of a link's number: the link that people do not see.
TRAP = 0
# A number of a link takes the last bits of the one in the token.
_BITS = 16


class Named(NamedTuple):
    """What a counted address names."""

    variant: int
    # Of the link, from 1; TRAP; 0 for an opening.
    number: int


def counted(rendered: RenderedVariant, variant: int, counting: Counting, site: str) -> RenderedVariant:
    """The variant (its primary key) as it is sent: what counts leads through `site`, with what nobody sees.

    To its reader it says the same.
    """
    numbers = {link.url: number for number, link in enumerate(counting.links, 1)}
    clicks, opens = counting.clicks != "off", counting.opens != "off"
    own, owned = _own(counting.clicks), _own(counting.opens)

    def address(url: str) -> str | None:
        number = numbers.get(url)
        # The name of the place is for the reader's eye; nothing is read from it.
        return f"{site}{link_path(variant, number, own)}{_place(url)}" if number else None

    return links.rewrite(
        rendered,
        address if clicks else lambda url: None,
        honeypot=f"{site}{link_path(variant, TRAP, own)}" if clicks and numbers else "",
        pixel=f"{site}/o/{_token('open', variant, 0)}{owned}.gif" if opens else "",
    )


def link_path(variant: int, number: int, own: str = "") -> str:
    """Where a link of a variant is followed, below the site's address; `own` is the reader's part."""
    return f"/r/{_token('link', variant, number)}{own}/"


def whose(delivery: int) -> str:
    """What names the delivery behind an address."""
    return tokens.encrypt_id("subscriber", delivery)


def read_link(token: str) -> Named | None:
    """What the token of a link names; None when it was not made here."""
    return _read("link", token)


def read_opening(token: str) -> Named | None:
    """The same for that of an opening."""
    return _read("open", token)


def read_whose(token: str) -> int | None:
    """The delivery that a reader's own part names; None when it was not made here."""
    return _decrypt("subscriber", token)


def _own(mode: str) -> str:
    return PLACEHOLDERS["subscriber_token"] if mode == "consent" else ""


def _token(purpose: MailPurpose, variant: int, number: int) -> str:
    return tokens.encrypt_id(purpose, variant << _BITS | number)


def _read(purpose: MailPurpose, token: str) -> Named | None:
    found = _decrypt(purpose, token)
    return None if found is None else Named(found >> _BITS, found & ((1 << _BITS) - 1))


def _decrypt(purpose: MailPurpose, token: str) -> int | None:
    try:
        return tokens.decrypt_id(purpose, token)
    except tokens.InvalidToken:
        return None


def _place(url: str) -> str:
    """The host that an address leads to, in ASCII."""
    host = urlsplit(url).hostname or ""
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return ""
