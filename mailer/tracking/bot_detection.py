"""Bot detection: which clicks and opens were made by a person, and which by scanners, previews and robots.

`reason_to_ignore` judges one request by its method and headers when it arrives. `filter_reasons` judges
recorded events together, since a person reads and a scanner runs through the links. Both are pure.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import NamedTuple

from django.db.models import TextChoices

# Seconds. Events of one client with no longer pause than this are one visit, and are judged as one.
VISIT_GAP = 60.0
# So many links of a message within so many seconds are more than a person reads.
BURST_LINKS, BURST_SECONDS = 3, 2.0
# A person may well follow all links of a message that has fewer than this.
ALL_LINKS_MINIMUM = 4
# So many clicks within so many seconds are a bot's, on whatever links.
FLOOD_CLICKS, FLOOD_SECONDS = 8, 10.0
# No person opens a message so soon after it was handed over.
TOO_SOON_SECONDS = 10.0

# Apple's Mail Privacy Protection loads every image when the message arrives, and sends only this.
_APPLE_PRIVACY_PROXY = "Mozilla/5.0"
_PREFETCH_PURPOSES = ("prefetch", "prerender", "preview")


class EventKind(TextChoices):
    CLICK = "click", "click"
    OPEN = "open", "open"


class FilterReason(TextChoices):
    """Why an event is not counted as a person's."""

    NONE = "", "a person's"
    HEAD = "head", "HEAD request"
    USER_AGENT = "user_agent", "user agent of a bot, or none"
    PREFETCH = "prefetch", "prefetched by a browser"
    HONEYPOT = "honeypot", "followed the hidden link"
    BURST = "burst", "followed several links in two seconds"
    ALL_LINKS = "all_links", "followed every link of the message"
    FLOOD = "flood", "followed more links than a person can"
    TOO_SOON = "too_soon", "within seconds of the delivery"
    REPEAT = "repeat", "the same link again within a minute"


# A reason that, found for one click of a visit, applies to the whole visit.
_WHOLE_VISIT = frozenset(
    {
        FilterReason.HEAD,
        FilterReason.HONEYPOT,
        FilterReason.BURST,
        FilterReason.ALL_LINKS,
        FilterReason.FLOOD,
    }
)


class Observation(NamedTuple):
    """A recorded click or open."""

    # Seconds since 1970.
    at: float
    # The consenting subscriber or the client's hash; None: forgotten, so it belongs to no visit.
    client: str | None
    variant_id: int
    kind: str
    # 0: the pixel of an open, or the honeypot.
    link_number: int
    # A FilterReason, as found before.
    filter_reason: str


class SentVariant(NamedTuple):
    """What the recipients of a variant were sent."""

    # Tracked links in it.
    link_count: int
    # The earliest time of delivery, in seconds since 1970.
    sent_at: float


def reason_to_ignore(kind: EventKind, method: str, headers: Mapping[str, str]) -> FilterReason:
    """Why a request is not a person's, by what it says itself; NONE when it says nothing of the kind.

    `headers`: names in any letter case, as Django's requests have them.
    """
    if method == "HEAD":
        return FilterReason.HEAD
    user_agent = headers.get("User-Agent", "").strip()
    if kind == EventKind.OPEN and _user_agents("image_proxies").search(user_agent):
        return FilterReason.NONE
    if user_agent in ("", _APPLE_PRIVACY_PROXY) or _user_agents("scanners", "previews", "robots").search(
        user_agent
    ):
        return FilterReason.USER_AGENT
    purpose = headers.get("Sec-Purpose", "") or headers.get("Purpose", "") or headers.get("X-Moz", "")
    return FilterReason.PREFETCH if purpose.lower().startswith(_PREFETCH_PURPOSES) else FilterReason.NONE


def filter_reasons(observations: Sequence[Observation], variants: Mapping[int, SentVariant]) -> list[str]:
    """A FilterReason for each observation, in the given order, which may be any; NONE: a person's.

    `variants`: by the variant's id.
    """
    reasons = [one.filter_reason or _if_too_soon(one, variants) for one in observations]
    for visit in _visits(observations):
        clicks = [index for index in visit if observations[index].kind == EventKind.CLICK]
        found = _reason_of_visit([observations[index] for index in clicks], variants)
        repeats = _repeats(observations, clicks)
        for index in visit:
            repeat = FilterReason.REPEAT if index in repeats else FilterReason.NONE
            reasons[index] = reasons[index] or found or repeat
    return reasons


@cache
def _user_agents(*sections: str) -> re.Pattern[str]:
    known = tomllib.loads(
        resources.files(__package__).joinpath("user_agents.toml").read_text(encoding="utf-8")
    )
    names = (name for section in sections for name in known[section])
    return re.compile("|".join(map(re.escape, names)), re.IGNORECASE)


def _if_too_soon(one: Observation, variants: Mapping[int, SentVariant]) -> FilterReason:
    soon = one.at < variants[one.variant_id].sent_at + TOO_SOON_SECONDS
    return FilterReason.TOO_SOON if soon else FilterReason.NONE


def _visits(observations: Sequence[Observation]) -> Iterator[list[int]]:
    """Indexes of the observations of each visit, in order of time."""
    by_client: dict[str, list[int]] = defaultdict(list)
    for index in sorted(range(len(observations)), key=lambda index: observations[index].at):
        client = observations[index].client
        if client is not None:
            by_client[client].append(index)
    for indexes in by_client.values():
        visit = indexes[:1]
        for before, index in pairwise(indexes):
            if observations[index].at - observations[before].at > VISIT_GAP:
                yield visit
                visit = []
            visit.append(index)
        yield visit


def _reason_of_visit(clicks: Sequence[Observation], variants: Mapping[int, SentVariant]) -> FilterReason:
    """Why a visit is a bot's, by its clicks in order of time; NONE: a person's."""
    if any(one.link_number == 0 for one in clicks):
        return FilterReason.HONEYPOT
    if known := _WHOLE_VISIT.intersection(one.filter_reason for one in clicks):
        return FilterReason(min(known))
    if any(
        len(_links_followed(_within(clicks, start, BURST_SECONDS), one.variant_id)) >= BURST_LINKS
        for start, one in enumerate(clicks)
    ):
        return FilterReason.BURST
    if any(len(_within(clicks, start, FLOOD_SECONDS)) >= FLOOD_CLICKS for start in range(len(clicks))):
        return FilterReason.FLOOD
    for variant_id in {one.variant_id for one in clicks}:
        link_count = variants[variant_id].link_count
        if ALL_LINKS_MINIMUM <= link_count <= len(_links_followed(clicks, variant_id)):
            return FilterReason.ALL_LINKS
    return FilterReason.NONE


def _within(clicks: Sequence[Observation], start: int, seconds: float) -> list[Observation]:
    """The click at `start` and those at most so many seconds after it."""
    until = clicks[start].at + seconds
    found = []
    for one in clicks[start:]:
        if one.at > until:
            break
        found.append(one)
    return found


def _links_followed(clicks: Sequence[Observation], variant_id: int) -> set[int]:
    return {one.link_number for one in clicks if one.variant_id == variant_id}


def _repeats(observations: Sequence[Observation], clicks: Sequence[int]) -> set[int]:
    """Indexes of the clicks of a visit on a link that was followed within VISIT_GAP before."""
    latest: dict[tuple[int, int], float] = {}
    found = set()
    for index in clicks:
        one = observations[index]
        if one.at - latest.get((one.variant_id, one.link_number), float("-inf")) <= VISIT_GAP:
            found.add(index)
        latest[one.variant_id, one.link_number] = one.at
    return found
