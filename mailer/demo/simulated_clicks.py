"""Readers of the demo who follow links of their mail, and a filter that follows all before its reader can.

These are real requests to the demo's own pages, each from an address that is nobody's (RFC 5737).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from html import unescape
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from mailer.demo import cast

log = logging.getLogger(__name__)

_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
_LINK = re.compile(r'<a\b[^>]*\shref="(http[^"]*/r/[^"]*)"')
# Seconds after the mail came: nobody reads sooner, and the second link is followed when the first was read.
_OPENED, _EACH, _READ = 20.0, 2.0, 15.0
_FILTERED = 1.0


@dataclass(frozen=True)
class Visit:
    """A link that is followed."""

    # Seconds after the mail was caught.
    after: float
    url: str
    # Where the visitor is.
    address: str


def visits(recipient: str, raw: bytes) -> Iterator[Visit]:
    """What happens to the links of a reader's mail; nothing for anybody who is not of the cast."""
    number = next((place for place, reader in enumerate(cast.READERS) if reader.email == recipient), None)
    if number is None:
        return
    body = message_from_bytes(raw, policy=policy.default).get_body(("html",))
    links = [unescape(found) for found in _LINK.findall(body.get_content())] if body else []
    # Only a machine sees the one that names no place.
    seen = [link for link in links if not link.endswith("/")]
    habit = cast.READERS[number].habit
    if habit == "filtered":
        yield from (Visit(_FILTERED + place / 10, link, "203.0.113.1") for place, link in enumerate(links))
    elif habit == "reads on":
        # The first of all, and one further down that differs from reader to reader.
        for place, link in enumerate(dict.fromkeys((*seen[:1], *seen[1 + number % 3 :][:1]))):
            yield Visit(_OPENED + _EACH * number + _READ * place, link, f"198.51.100.{number + 1}")


def follow(visit: Visit, port: int) -> None:
    """Ask the web process for it; where that leads is outside, and nobody goes there."""
    headers: Mapping[str, str] = {"User-Agent": _BROWSER, "X-Forwarded-For": visit.address}
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", urlsplit(visit.url).path, headers=headers)
        connection.getresponse().read()
    except (OSError, HTTPException):
        log.info("action=demo_reader_waited_in_vain")
    finally:
        connection.close()
