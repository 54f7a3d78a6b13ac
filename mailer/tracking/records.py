"""The words and plain records of what was opened."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db.models import TextChoices


class Kind(TextChoices):
    CLICK = "click", "a link was opened"
    OPEN = "open", "the mail was opened"


class Why(TextChoices):
    """Why a request does not count as a person's."""

    NONE = "", "a person's"
    HEAD = "head", "asked about the link without following it"
    AGENT = "agent", "called itself a machine, or nothing"
    PREFETCH = "prefetch", "loaded ahead by a browser"
    TRAP = "trap", "followed the link that people do not see"
    BURST = "burst", "followed several links in two seconds"
    EVERYTHING = "everything", "followed every link of the mail in a minute"
    FLOOD = "flood", "followed more links than a person can"
    SOON = "soon", "came within seconds of the mail itself"
    AGAIN = "again", "the same link once more within a minute"


class Request(NamedTuple):
    """A request as it came in."""

    # The variant's primary key.
    variant: int
    kind: Kind
    # The link's, see approval.counting; 0: the picture, or the link that people do not see.
    number: int
    at: datetime
    # A keyed hash of where it came from, see clients.
    client: str
    # What it said of itself.
    why: Why
    # The delivery that it names, of a reader who agreed to that; None: it names nobody.
    delivery: int | None = None
