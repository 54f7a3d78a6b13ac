"""Checks of the rendered messages: size, headings, what the law asks for, and what mail programs support."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from mailer.approval.preflight.check_input import Description, Place
from mailer.approval.preflight.css_support import unsupported_features
from mailer.approval.preflight.findings_and_overrides import Found
from mailer.approval.sender_and_list_headers import shared_headers
from mailer.rendering import mime, sanitize
from mailer.rendering.data_types import RenderedVariant
from mailer.rendering.merge_tags import PLACEHOLDERS
from subscribers.translate_stored_texts import stored

# Gmail clips a message whose HTML is larger than about 102 KB, its unsubscribe link included.
HTML_WARN_BYTES = 90_000
HTML_LIMIT_BYTES = 100_000
_HEADING = re.compile(r"<h([1-6])\b", re.IGNORECASE)


def _place(variant: RenderedVariant) -> Place:
    return Place("message", "", stored("Message"), variant.language)


def clipped_by_gmail(description: Description) -> Iterator[Found]:
    """Messages that Gmail cuts off."""
    return _sized(description, HTML_LIMIT_BYTES, None)


def nearly_clipped(description: Description) -> Iterator[Found]:
    """Messages that Gmail nearly cuts off."""
    return _sized(description, HTML_WARN_BYTES, HTML_LIMIT_BYTES)


def _sized(description: Description, above: int, most: int | None) -> Iterator[Found]:
    """The largest message of each language, where its size is in the range."""
    largest: dict[str, int] = {}
    for variant in description.variants:
        size = len(variant.html.encode())
        largest[variant.language] = max(size, largest.get(variant.language, 0))
    for language, size in largest.items():
        if size > above and (most is None or size <= most):
            yield Found(
                Place("message", "", stored("Message"), language),
                stored("Size: %(size)s KB", size=size // 1000),
            )


def template_failed(description: Description) -> Iterator[Found]:
    """The newsletter's own template parts that cannot be used, with the line and the reason."""
    reasons = dict.fromkeys(reason for variant in description.variants for reason in variant.errors)
    for reason in reasons:
        yield Found(Place("message", "", stored("Message")), reason)


def no_unsubscribe_link(description: Description) -> Iterator[Found]:
    """Messages without a link to unsubscribe, in one of their two parts."""
    tag = PLACEHOLDERS["unsubscribe_url"]
    for variant in description.variants:
        if tag not in variant.html or tag not in variant.text:
            yield Found(_place(variant))


def no_postal_address(description: Description) -> Iterator[Found]:
    """Messages that do not say where the sender is; many countries require it."""
    head = description.content.masthead
    address = _squeezed(sanitize.without_unprintable(head.postal_address))
    if len(address) < 8 or " " not in address:
        yield Found(Place("newsletter", "", stored("Postal address")), address)
        return
    for variant in _one_of_each_language(description):
        shown = _shown(variant.html)
        own = head.in_language(variant.language).postal_address
        if _squeezed(sanitize.without_unprintable(own)) not in shown:
            yield Found(_place(variant))


# A draft is checked again after each change, most of which leave a message as it was.
_shown = lru_cache(maxsize=16)(sanitize.html_to_single_line)


def heading_order(description: Description) -> Iterator[Found]:
    """Headings that skip a level or begin below the first, which screen readers announce as a gap."""
    for variant in description.variants:
        before = 0
        for found in _HEADING.finditer(variant.html):
            level = int(found[1])
            if level > before + 1:
                yield Found(_place(variant), f"h{before or 0} → h{level}" if before else f"h{level}")
                break
            before = level


def invalid_headers(description: Description) -> Iterator[Found]:
    """Values that no header can carry would stop the mailing after approval."""
    sender = description.sender
    shared = shared_headers(
        {"name": sender.name, "email": sender.email, "reply_to": sender.reply_to}, description.content
    )
    for variant in description.variants:
        try:
            mime.shared_headers(variant, shared)
        except ValueError as error:
            yield Found(Place("newsletter", "", stored("Sender")), str(error))


def unsupported_css(description: Description) -> Iterator[Found]:
    """Styles that a large part of the mail programs ignores."""
    for variant in _one_of_each_language(description):
        for name, clients in unsupported_features(variant.html):
            detail = stored(
                "The CSS property “%(property)s” is not supported in %(clients)s",
                property=name,
                clients=", ".join(clients),
            )
            yield Found(Place("newsletter", "", stored("Design")), detail)


def _one_of_each_language(description: Description) -> Iterator[RenderedVariant]:
    """The variant with the most stories: the others have no part that it lacks."""
    found: dict[str, RenderedVariant] = {}
    for variant in description.variants:
        known = found.get(variant.language)
        if known is None or len(variant.stories) > len(known.stories):
            found[variant.language] = variant
    yield from found.values()


def _squeezed(text: str) -> str:
    return " ".join(text.split())
