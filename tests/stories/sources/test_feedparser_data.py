"""feedparser's own test data, from its source distribution: nothing raises, and what matters to us is as it
expects. The data is no part of this project: .ci/run fetches it, and FEEDPARSER_SOURCE is its folder.
"""

from __future__ import annotations

import ast
import os
import random
import re
from calendar import timegm
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feedparser.sanitizer import _sanitize_html
from feedparser.urls import resolve_relative_uris

from mailer.stories.sources.fast_feedparser import unless_plain
from mailer.stories.sources.feed import to_title, web_address, xml_entries
from mailer.stories.sources.reader_interface import SourceError, SourceItem, from_json, to_json
from tests.conftest import lacking

_EXPECTED = re.compile(
    rb"^Expect:\s+(?:not bozo and )?entries\[0\]\['(\w+)'\](?:\[0\]\['(value)'\])? == (.+?)\s*$", re.MULTILINE
)
_LOCATION = re.compile(rb"^Header:\s+Content-Location:\s*(\S+)", re.MULTILINE)
_TAKEN_OVER = frozenset(
    {"title", "summary", "description", "content", "link", "id", "published_parsed", "updated_parsed"}
)
# How many expectations were read at least: fewer would mean that this test reads the data no more.
_AT_LEAST = 700


def data() -> list[Path]:
    folder = os.environ.get("FEEDPARSER_SOURCE", "")
    found = sorted(Path(folder).glob("**/tests/*formed/**/*.xml")) if folder else []
    if not found:
        lacking("feedparser's source distribution: set FEEDPARSER_SOURCE to its folder (.ci/run does)")
    return found


def expectation(body: bytes) -> tuple[str, Any] | None:
    """The field of the first entry, and its value."""
    found = _EXPECTED.search(body)
    if found is None or (found[1] == b"content") != bool(found[2]):
        return None
    try:
        return found[1].decode(), ast.literal_eval(found[3].decode())
    except (ValueError, SyntaxError):
        return None


def differs(item: SourceItem, name: str, value: Any) -> bool:
    """Whether the item has another value than feedparser expects, as far as it takes the field over."""
    if name == "title":
        # Ours is plain text; without one, the text begins the story.
        return bool(to_title(value)) and item.title != to_title(value)
    if name in ("summary", "description"):
        return value not in (item.summary, item.html)
    if name == "content":
        return bool(item.html != value)
    if name == "link":
        return item.link != web_address(value)
    if name == "id":
        return bool(item.id != value)
    moment = datetime.fromtimestamp(timegm(value), UTC) if isinstance(value, tuple) else None
    if name == "published_parsed" and moment:
        return item.published != moment
    return name == "updated_parsed" and bool(moment) and moment not in (item.updated, item.published)


def test_feedparsers_own_data_is_read_as_feedparser_expects() -> None:
    checked, wrong, refused = Counter[str](), [], 0
    for path in data():
        body = path.read_bytes()
        location = _LOCATION.search(body)
        # Where feedparser's tests serve it.
        served = "http://127.0.0.1:8097/" if path.name.startswith("http_") else ""
        url = location[1].decode() if location else served
        try:
            items = xml_entries(body, url, "application/xml")
        except SourceError:
            refused += 1
            continue
        expected = expectation(body)
        if expected is None or expected[0] not in _TAKEN_OVER or not items:
            continue
        checked[expected[0]] += 1
        assert [from_json(to_json(item)) for item in items] == items
        if differs(items[0], *expected):
            wrong.append(f"{path.parent.name}/{path.name}: {expected}")
    assert wrong == []
    assert sum(checked.values()) >= _AT_LEAST, checked
    # Documents without a feed in them.
    assert refused < 20


_PIECES = (
    *("<p>", "</p>", "<b>", "</li>", "<li>", "<h2>", " a", "ж", ">", "\n", "  ", '"', "]]>", "\xa0", "\t"),
    *("&amp;", '<a href="/a">', "<br>", "\r\n"),
)


def test_html_that_feedparser_is_spared_is_what_it_would_have_made() -> None:
    chance, spared = random.Random(1), 0
    for _ in range(3_000):
        html = "".join(chance.choices(_PIECES, k=chance.randint(0, 9)))
        resolved = resolve_relative_uris(html, "https://example.org/", "utf-8", "text/html")
        made = unless_plain(lambda text: "asked")(html)
        if made != "asked":
            assert made == _sanitize_html(resolved, "utf-8", "text/html")
            spared += 1
    assert spared > 300


def test_long_html_that_is_nearly_plain_is_told_apart_in_one_pass() -> None:
    assert unless_plain(lambda text: "asked")("<p>a" * 50_000 + "&") == "asked"
