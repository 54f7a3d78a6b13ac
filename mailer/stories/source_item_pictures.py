"""The picture of an entry of a source: loaded within limits, and without metadata."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace

from django.conf import settings

from mailer.rendering import sanitize
from mailer.stories.sanitize_pictures import MAX_BYTES, DamagedPicture, without_metadata
from mailer.stories.sources.reader_interface import SourceItem
from mailer.stories.url_fetcher import FetchError, Limits, fetch
from subscribers.translate_stored_texts import stored

# With the other names that some servers have for them.
_TYPES = frozenset(
    ("image/jpeg", "image/png", "image/gif", "image/webp", "image/jpg", "image/pjpeg", "image/x-png")
)
_LIMITS = Limits(size=MAX_BYTES, seconds=20)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """The picture of an entry, ready to be stored."""

    # Without metadata; empty: there is none.
    data: bytes = b""
    name: str = ""
    # Why it cannot be used, a stored text; or "".
    problem: str = ""
    # SHA-256 of `data`.
    digest: str = ""


def try_load_picture(item: SourceItem, *, allow_loopback: bool = False) -> Picture:
    """The entry's picture without metadata, fetched where it has only an address. Does not raise."""
    data = item.picture
    name = item.picture_name or item.picture_url.partition("?")[0].rpartition("/")[2]
    try:
        if not data and item.picture_url:
            ports = frozenset(map(int, settings.CONFIG.site.feed_ports))
            limits = replace(_LIMITS, ports=ports)
            data = fetch(item.picture_url, _TYPES, limits, allow_loopback=allow_loopback).body
        if not data:
            return Picture()
        if len(data) > MAX_BYTES:
            return Picture(problem=stored("The picture of the story is larger than 10 MB."))
        clean = without_metadata(data)
    except FetchError as error:
        return Picture(problem=str(error))
    except DamagedPicture as error:
        return Picture(problem=stored("The picture cannot be used: %(reason)s.", reason=error))
    except Exception:
        log.exception("action=load_picture")
        return Picture(problem=stored("The picture of the story could not be loaded."))
    name = sanitize.without_unprintable(name)
    return Picture(clean, name[-100:] or "picture", "", hashlib.sha256(clean).hexdigest())
