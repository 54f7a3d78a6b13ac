"""Tracked links of a mailing: the tracking policy of a snapshot, and the URLs that carry it into a message.

Approval stores the policy, delivery rewrites the links, and `mailer.tracking` reads the tokens when a link is
followed. A link's token names the variant and the link, so that all recipients of a variant share it. Where a
subscriber consented to tracking by name, a second token that names the delivery follows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from mailer.config.sections import Mode, Tracking, more_private_tracking_mode
from mailer.rendering import links
from mailer.rendering.data_types import RenderedVariant
from mailer.rendering.links import Link
from mailer.rendering.merge_tags import PLACEHOLDERS
from subscribers import tokens
from subscribers.tokens import MailPurpose

# In place of a link's number: the link that people do not see.
HONEYPOT = 0
# The link's number takes the low bits of the number in a token, the variant's id those above.
_LINK_BITS = 16


@dataclass(frozen=True)
class TrackingPolicy:
    """How clicks and opens of a mailing are tracked. A link's number is its place in `links`, from 1."""

    clicks: Mode
    opens: Mode
    links: tuple[Link, ...]

    @property
    def names_subscribers(self) -> bool:
        """Whether events of consenting subscribers carry their name."""
        return "consent" in (self.clicks, self.opens)


class LinkRef(NamedTuple):
    """What a tracked URL names."""

    variant_id: int
    # From 1; HONEYPOT; 0 for an open.
    link_number: int


def policy_for_manifest(tracking: Tracking, links: Sequence[Link]) -> dict[str, Any]:
    """The policy as a snapshot's manifest stores it."""
    return {
        "clicks": tracking.clicks,
        "opens": tracking.opens,
        "links": [asdict(link) for link in links],
    }


def policy_from_manifest(manifest: str) -> TrackingPolicy:
    """The policy in a snapshot's manifest (JSON). The caller verifies that the manifest has its hash."""
    raw = json.loads(manifest).get("tracking", {})
    return TrackingPolicy(
        clicks=raw.get("clicks", "off"),
        opens=raw.get("opens", "off"),
        links=tuple(Link(**link) for link in raw.get("links", ())),
    )


def effective_policy(approved: TrackingPolicy, tracking: Tracking) -> TrackingPolicy:
    """What is tracked now: what was approved, and no more than the configuration still allows."""
    return TrackingPolicy(
        more_private_tracking_mode(approved.clicks, tracking.clicks),
        more_private_tracking_mode(approved.opens, tracking.opens),
        approved.links,
    )


def add_tracking(
    rendered: RenderedVariant, variant_id: int, policy: TrackingPolicy, site_url: str
) -> RenderedVariant:
    """The variant as it is sent: tracked links lead through `site_url`; a honeypot and a pixel are added.

    The visible content stays the same.
    """
    numbers = {link.url: number for number, link in enumerate(policy.links, 1)}
    clicks, opens = policy.clicks != "off", policy.opens != "off"
    click_subscriber, open_subscriber = _subscriber_tag(policy.clicks), _subscriber_tag(policy.opens)

    def tracked_url(url: str) -> str | None:
        number = numbers.get(url)
        # The host is there for the subscriber to see; nothing reads it.
        return (
            f"{site_url}{link_path(variant_id, number, click_subscriber)}{_display_host(url)}"
            if number
            else None
        )

    honeypot = f"{site_url}{link_path(variant_id, HONEYPOT, click_subscriber)}"
    pixel = f"{site_url}/o/{_token('open', variant_id, 0)}{open_subscriber}.gif"
    return links.rewrite_links(
        rendered,
        tracked_url if clicks else lambda url: None,
        honeypot=honeypot if clicks and numbers else "",
        pixel=pixel if opens else "",
        site_url=site_url,
    )


def link_path(variant_id: int, link_number: int, subscriber: str = "") -> str:
    """The path of a tracked link on the site; `subscriber` is a subscriber token or its merge tag."""
    return f"/r/{_token('link', variant_id, link_number)}{subscriber}/"


def subscriber_token(delivery_id: int) -> str:
    """The part of a tracked URL that names a consenting subscriber, by the delivery."""
    return tokens.encrypt_id_for_url("subscriber", delivery_id)


def parse_link_token(token: str) -> LinkRef | None:
    """The variant and link of a click token; None when the token is not ours."""
    return _parse("link", token)


def parse_open_pixel_token(token: str) -> LinkRef | None:
    """The variant of an open token, with link number 0; None when the token is not ours."""
    return _parse("open", token)


def delivery_id_from_subscriber_token(token: str) -> int | None:
    """The delivery id in a subscriber token; None when the token is not ours."""
    return _decrypt("subscriber", token)


def _subscriber_tag(mode: Mode) -> str:
    return PLACEHOLDERS["subscriber_token"] if mode == "consent" else ""


def _token(purpose: MailPurpose, variant_id: int, link_number: int) -> str:
    return tokens.encrypt_id_for_url(purpose, variant_id << _LINK_BITS | link_number)


def _parse(purpose: MailPurpose, token: str) -> LinkRef | None:
    found = _decrypt(purpose, token)
    return None if found is None else LinkRef(found >> _LINK_BITS, found & ((1 << _LINK_BITS) - 1))


def _decrypt(purpose: MailPurpose, token: str) -> int | None:
    try:
        return tokens.decrypt_id(purpose, token)
    except tokens.InvalidToken:
        return None


def _display_host(url: str) -> str:
    """The host of a URL, in ASCII; empty where it has none or an invalid one."""
    host = urlsplit(url).hostname or ""
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return ""
