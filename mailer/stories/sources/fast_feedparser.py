"""feedparser with the steps replaced that take most of its time; what it reads stays the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from functools import cache, lru_cache
from typing import Any

# HTML that has neither attributes nor entities, nor elements that feedparser writes in another way.
_PLAIN_HTML = re.compile(r"(?:[^<&\r]++|</?(?:p|b|i|strong|em|ul|ol|li|h[1-6]|blockquote|div|span)>)*+")
# Letters and punctuation of most scripts.
_LETTERS = range(0x80, 0x2100)


@cache
def load_patched_feedparser() -> Any:
    """The module `feedparser`."""
    import feedparser  # slow to load, and only the limited process needs it
    from feedparser import mixin, util

    # It joins the same addresses for every element.
    mixin.make_safe_absolute_uri = lru_cache(maxsize=256)(mixin.make_safe_absolute_uri)
    mixin._urljoin = lru_cache(maxsize=256)(mixin._urljoin)
    mixin.resolve_relative_uris = unless_plain(mixin.resolve_relative_uris)
    mixin._sanitize_html = unless_plain(mixin._sanitize_html)
    # `str.translate` raises an error within for each letter that its table lacks.
    mixin._cp1252 = {**{code: code for code in _LETTERS}, **mixin._cp1252}
    _look_up_quickly(util.FeedParserDict)
    return feedparser


def unless_plain(function: Callable[..., str]) -> Callable[..., str]:
    """The function of feedparser, which parses HTML; but not for HTML that it would leave as it is."""
    return lambda text, *more: text.strip() if _PLAIN_HTML.fullmatch(text) else function(text, *more)


def _look_up_quickly(kind: Any) -> None:
    """Let feedparser's dictionary look up a name at once, unless it is one that has another name too."""
    special = frozenset(kind.keymap) | {"category", "enclosures", "license", "updated", "updated_parsed"}
    slow_get, slow_contains = kind.get, kind.__contains__

    def get(self: Any, key: Any, default: Any = None) -> Any:
        return slow_get(self, key, default) if key in special else dict.get(self, key, default)

    def contains(self: Any, key: Any) -> bool:
        return slow_contains(self, key) if key in special else dict.__contains__(self, key)

    def copied(self: Any, memo: dict[int, Any]) -> Any:
        return kind((key, deepcopy(value, memo)) for key, value in dict.items(self))

    kind.get, kind.__contains__, kind.__deepcopy__ = get, contains, copied
