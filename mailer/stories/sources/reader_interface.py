"""What every reader of a source takes and returns: its settings, and the entries that it found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Protocol


class SourceError(Exception):
    """The source could not be read; the message, a stored text, gives the reason for staff."""


@dataclass(frozen=True)
class SourceItem:
    """One entry of a source, as it was published. Its texts are untrusted."""

    # Stable within the source: GUID, database id, path, Message-ID.
    id: str
    # Plain text.
    title: str
    # The full text, HTML as it came.
    html: str = ""
    # HTML or plain, as it came.
    summary: str = ""
    # The canonical address, http or https; or "".
    link: str = ""
    # Aware UTC.
    published: datetime | None = None
    updated: datetime | None = None
    # BCP 47 as the source states it; "" when it does not.
    language: str = ""
    categories: tuple[str, ...] = ()
    # Fetched later by the guarded fetcher.
    picture_url: str = ""
    # When the source carries it: Word, email.
    picture: bytes = b""
    picture_alt: str = ""
    picture_name: str = ""
    # "event", "publication" or "notice" where the source says so.
    kind: str = ""
    # Of an event, aware or naive local.
    starts: datetime | None = None
    ends: datetime | None = None
    place: str = ""
    # Only where the source states ISO 3166-1 codes or names: front matter, a line of a Word document.
    countries: tuple[str, ...] = ()
    # The id of the item that this one translates, where the source says so: WPML, Drupal.
    translation_of: str = ""


@dataclass(frozen=True)
class Listing:
    """What a source has at present, as far as its answer is complete: what is missing was deleted there."""

    # Of all entries that are there.
    ids: frozenset[str] = frozenset()
    # It is complete behind this moment of publication and change (aware UTC); None: of any time.
    since: datetime | None = None
    # And before this moment of publication; None: up to now.
    until: datetime | None = None
    # The source says that its list is the one of the last poll, as by HTTP 304; the other fields are empty.
    repeated: bool = False


@dataclass(frozen=True)
class SourceResult:
    """What one poll of a source found."""

    # The newest first, where the source has an order.
    items: tuple[SourceItem, ...] = ()
    # For the next poll, stored with the source; empty where the source has none.
    validators: Mapping[str, str] = field(default_factory=dict)
    # The source says that nothing is new (HTTP 304).
    unchanged: bool = False
    # What staff should know, as stored texts: "3 entries had no title."
    warnings: tuple[str, ...] = ()
    # None: an entry that is not in the answer may still be there.
    listing: Listing | None = None
    # The validators with which the entries of these ids, which could not be recorded, are read again; None:
    # those of the last poll.
    validators_without: Callable[[Collection[str]], Mapping[str, str]] | None = None


@dataclass(frozen=True)
class SourceSettings:
    """Where a source is, and what is known of it."""

    # One of StorySource.Kind.
    kind: str
    url: str = ""
    folder: str = ""
    # BCP 47; "" when it differs from entry to entry.
    language: str = ""
    # When it was last read without an error, aware UTC.
    last_success_at: datetime | None = None
    # The moment of this poll, aware UTC.
    polled_at: datetime | None = None


@dataclass(frozen=True)
class Response:
    """The answer to a request of a reader."""

    # After redirects.
    url: str
    # Lower case, without parameters: "application/rss+xml".
    content_type: str
    # By name in lower case.
    headers: Mapping[str, str]
    body: bytes
    # HTTP 304: the body is empty.
    unchanged: bool = False


class Fetch(Protocol):
    """Fetches and parses for a reader, within the limits of its poll."""

    def __call__(self, url: str, headers: Mapping[str, str] = ...) -> Response:
        """GET `url`; raises FetchError for any status other than 200 and 304."""

    def parse(self, parser: str, body: bytes, **context: str) -> dict[str, Any]:
        """What this parser (web_source_parser_process.PARSERS) reads from `body`, in a limited process.

        `context` are its further arguments. Raises SourceError.
        """

    def slow_down(self, url: str, seconds: float) -> None:
        """Keep at least so much time between two requests to the host of this URL."""


class Reader(Protocol):
    """Reads one kind of source."""

    def __call__(self, settings: SourceSettings, validators: Mapping[str, str], fetch: Fetch) -> SourceResult:
        """The source's newest entries. Raises SourceError and FetchError."""


def listing_if_newest_first(
    items: Sequence[SourceItem], moments: Sequence[datetime | None]
) -> Listing | None:
    """A listing that is complete behind the last entry's moment; None unless the newest come first.

    An old entry that is pinned to the top, or one without a date, would make others seem deleted.
    """
    known = [moment for moment in moments if moment is not None]
    if not items or len(known) < len(items) or any(one < two for one, two in pairwise(known)):
        return None
    return Listing(frozenset(item.id for item in items), since=known[-1])


_NAMES = frozenset(one.name for one in fields(SourceItem))
_WITHOUT_PICTURE = tuple(one.name for one in fields(SourceItem) if one.name != "picture")
_TIMES = frozenset({"published", "updated", "starts", "ends"})
_TUPLES = frozenset({"categories", "countries"})


def to_json(item: SourceItem) -> dict[str, Any]:
    """The item without its picture's bytes, as JSON can hold it; what is empty is left out."""
    values = {name: value for name in _WITHOUT_PICTURE if (value := getattr(item, name))}
    for name in values.keys() & _TIMES:
        values[name] = values[name].isoformat()
    return values


def from_json(values: Mapping[str, Any]) -> SourceItem:
    """The item that `to_json` wrote."""
    read = {name: value for name, value in values.items() if name in _NAMES}
    for name in read.keys() & _TIMES:
        read[name] = datetime.fromisoformat(read[name])
    for name in read.keys() & _TUPLES:
        read[name] = tuple(read[name])
    return SourceItem(**{"id": "", "title": "", **read})


def is_year_of_stories(moment: datetime) -> bool:
    """Whether the moment is of the years 1971 to 9998, which are calendar years in every time zone."""
    return 1970 < moment.year < 9999


def parse_iso_time(text: object, *, keep_naive: bool = False) -> datetime | None:
    """An ISO 8601 time as aware UTC; without a zone it is UTC, or stays naive with `keep_naive`.

    None for what is no time, or no time of the years 1971 to 9998.
    """
    try:
        moment = datetime.fromisoformat(str(text).strip())
        if not is_year_of_stories(moment):
            return None
        if moment.tzinfo is None:
            return moment if keep_naive else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
