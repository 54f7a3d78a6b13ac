"""What the requests of one client say together: a person reads, a machine runs through the links.

Pure: from what was seen to a reason for each request.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from mailer.tracking.records import Kind, Why

# Seconds. What a client does with no longer pause than this is one visit, and is judged as one.
VISIT = 60.0
# So many links of a mail in so many seconds are more than a person reads.
BURST_LINKS, BURST = 3, 2.0
# With fewer links in a mail than this, a person may well follow all of them.
EVERY_LINK = 4
# So many clicks in so many seconds are no person's, whatever they are on.
FLOOD_CLICKS, FLOOD = 8, 10.0
# Nobody opens a mail so soon after it was handed over.
SOON = 10.0
# What one click of a visit says about the others.
_OF_ALL = frozenset({Why.HEAD, Why.TRAP, Why.BURST, Why.EVERYTHING, Why.FLOOD})


class Seen(NamedTuple):
    """A request as it was recorded."""

    # Seconds since 1970.
    at: float
    # Names the reader who agreed to it, or where it came from; None: forgotten, and judged by itself.
    client: str | None
    variant: int
    kind: str
    # Of the link; 0: the picture, or the link that people do not see.
    number: int
    # What it said of itself, or was found before.
    why: str


class Mail(NamedTuple):
    """What a variant's readers were sent."""

    # How many links of it count.
    links: int
    # When the first of them may have got it, in seconds since 1970.
    since: float


def judge(seen: Sequence[Seen], mails: Mapping[int, Mail]) -> list[str]:
    """For each of `seen`, in any order, the Why; NONE for a person's. `mails`: by variant."""
    reasons = [one.why or _too_soon(one, mails) for one in seen]
    for visit in _visits(seen):
        clicks = [place for place in visit if seen[place].kind == Kind.CLICK]
        found = _of_clicks([seen[place] for place in clicks], mails)
        repeated = _repeated(seen, clicks)
        for place in visit:
            reasons[place] = reasons[place] or found or (Why.AGAIN if place in repeated else Why.NONE)
    return reasons


def _too_soon(one: Seen, mails: Mapping[int, Mail]) -> Why:
    return Why.SOON if one.at < mails[one.variant].since + SOON else Why.NONE


def _visits(seen: Sequence[Seen]) -> Iterator[list[int]]:
    """Places in `seen` that belong together, each visit in the order of time."""
    of_client: dict[str, list[int]] = defaultdict(list)
    for place in sorted(range(len(seen)), key=lambda place: seen[place].at):
        client = seen[place].client
        if client is not None:
            of_client[client].append(place)
    for places in of_client.values():
        visit = places[:1]
        for before, place in pairwise(places):
            if seen[place].at - seen[before].at > VISIT:
                yield visit
                visit = []
            visit.append(place)
        yield visit


def _of_clicks(clicks: Sequence[Seen], mails: Mapping[int, Mail]) -> Why:
    """What the clicks of a visit, in the order of time, say about all that was done in it."""
    if any(one.number == 0 for one in clicks):
        return Why.TRAP
    if known := _OF_ALL.intersection(one.why for one in clicks):
        return Why(min(known))
    if any(
        len(_followed(_within(clicks, start, BURST), one.variant)) >= BURST_LINKS
        for start, one in enumerate(clicks)
    ):
        return Why.BURST
    if any(len(_within(clicks, start, FLOOD)) >= FLOOD_CLICKS for start in range(len(clicks))):
        return Why.FLOOD
    for variant in {one.variant for one in clicks}:
        links = mails[variant].links
        if EVERY_LINK <= links <= len(_followed(clicks, variant)):
            return Why.EVERYTHING
    return Why.NONE


def _within(clicks: Sequence[Seen], start: int, seconds: float) -> list[Seen]:
    """The click at `start`, and those at most so many seconds after it."""
    until = clicks[start].at + seconds
    found = []
    for one in clicks[start:]:
        if one.at > until:
            break
        found.append(one)
    return found


def _followed(clicks: Sequence[Seen], variant: int) -> set[int]:
    return {one.number for one in clicks if one.variant == variant}


def _repeated(seen: Sequence[Seen], clicks: Sequence[int]) -> set[int]:
    """Of the places of a visit's clicks those on a link that was followed a moment before."""
    last: dict[tuple[int, int], float] = {}
    found = set()
    for place in clicks:
        one = seen[place]
        if one.at - last.get((one.variant, one.number), float("-inf")) <= VISIT:
            found.add(place)
        last[one.variant, one.number] = one.at
    return found
