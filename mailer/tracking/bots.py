"""What a single request says about who made it: a person's program, or a machine."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from mailer.tracking.records import Kind, Why

# Apple's Mail Privacy Protection loads every picture when the mail arrives, and names nothing but this.
_APPLE = "Mozilla/5.0"
_AHEAD = ("prefetch", "prerender", "preview")


def told_by(kind: Kind, method: str, headers: Mapping[str, str]) -> Why:
    """Why the request is not a person's, as far as it says so itself; NONE when it does not.

    `headers`: names in any letter case, as a request has them.
    """
    if method == "HEAD":
        return Why.HEAD
    name = headers.get("User-Agent", "").strip()
    if kind == Kind.OPEN and _known("reading").search(name):
        return Why.NONE
    if name in ("", _APPLE) or _known("filters", "previews", "robots").search(name):
        return Why.AGENT
    purpose = headers.get("Sec-Purpose", "") or headers.get("Purpose", "") or headers.get("X-Moz", "")
    return Why.PREFETCH if purpose.lower().startswith(_AHEAD) else Why.NONE


@cache
def _known(*sections: str) -> re.Pattern[str]:
    written = resources.files(__package__).joinpath("bots.toml").read_text(encoding="utf-8")
    words = tomllib.loads(written)
    return re.compile("|".join(re.escape(word) for one in sections for word in words[one]), re.IGNORECASE)
