"""Reads an RSS or Atom feed from standard input, in a process of its own with limits.

`python -m mailer.stories.feed_reader MEMORY CPU HEADERS` writes a line of JSON for the feed and for each of
its newest entries, then an empty line. It loads neither Django nor the configuration.
"""

from __future__ import annotations

import json
import sys
from io import BytesIO
from typing import Any

from subscribers.limited_process import apply_limits, check_depth

# Newest entries of a feed that are read at a time.
_MOST = 50
_TEXTS = ("id", "link", "title", "summary", "published")
_DATES = ("published_parsed", "updated_parsed")


def entries(body: bytes, headers: dict[str, str]) -> list[dict[str, Any]]:
    """The newest entries; none for what is no feed. Raises ValueError for elements nested too deep."""
    check_depth(iter([body, b""]))
    import feedparser  # slow to load, and only this process needs it

    # As a stream: feedparser takes bytes for a file name.
    parsed = feedparser.parse(BytesIO(body), response_headers=headers)
    if not parsed.version and not parsed.entries:
        return []
    return [{"feed": parsed.version}, *(_entry(one) for one in parsed.entries[:_MOST])]


def _entry(entry: Any) -> dict[str, Any]:
    found: dict[str, Any] = {name: str(entry[name]) for name in _TEXTS if entry.get(name)}
    found.update({name: list(entry[name]) for name in _DATES if entry.get(name)})
    found["content"] = [{"value": str(part.get("value", ""))} for part in entry.get("content", ())]
    return found


def _main() -> None:
    (headers,) = apply_limits(sys.argv[1:])
    try:
        found = entries(sys.stdin.buffer.read(), json.loads(headers))
    except ValueError:
        found = []
    sys.stdout.write("".join(json.dumps(one) + "\n" for one in found) + "\n")


if __name__ == "__main__":
    _main()
