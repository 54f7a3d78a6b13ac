"""What the seal binds about counting: which links of a copy may be counted, and how far that may go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mailer.config.sections import Mode, Tracking, lesser
from mailer.rendering.links import Link


@dataclass(frozen=True)
class Counting:
    """How a copy's links and openings are counted. A link's number is its place in `links`, from 1."""

    clicks: Mode
    opens: Mode
    links: tuple[Link, ...]


def for_manifest(tracking: Tracking, links: Sequence[Link]) -> dict[str, Any]:
    """As a manifest holds it."""
    return {
        "clicks": tracking.clicks,
        "opens": tracking.opens,
        "links": [asdict(link) for link in links],
    }


def of_manifest(manifest: str) -> Counting:
    """As it was sealed; the caller proves that the manifest is what was hashed."""
    raw = json.loads(manifest).get("counting", {})
    return Counting(
        clicks=raw.get("clicks", "off"),
        opens=raw.get("opens", "off"),
        links=tuple(Link(**link) for link in raw.get("links", ())),
    )


def in_force(sealed: Counting, tracking: Tracking) -> Counting:
    """What is counted now: what was sealed, and no more than the configuration still allows."""
    return Counting(
        lesser(sealed.clicks, tracking.clicks), lesser(sealed.opens, tracking.opens), sealed.links
    )
