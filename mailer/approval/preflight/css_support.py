"""Which styles of a message a large part of the mail programs ignores, by client_support.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

# From this part of the families of mail programs on, a style counts as unsupported.
LEAST_SHARE = 0.3
_COMMENTS = re.compile(r"<!--.*?-->|/\*.*?\*/", re.DOTALL)
_STYLES = re.compile(r"<style\b[^>]*>(.*?)</style>|\sstyle=\"([^\"]*)\"|(<svg\b)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class _Feature:
    name: str
    pattern: re.Pattern[str]
    # Families of mail programs that ignore it.
    without: tuple[str, ...]


@cache
def _features() -> tuple[_Feature, ...]:
    table = tomllib.loads(Path(__file__).with_name("client_support.toml").read_text(encoding="utf-8"))
    least = LEAST_SHARE * len(table["families"])
    return tuple(
        _Feature(one["name"], re.compile(one["pattern"], re.IGNORECASE), tuple(one["without"]))
        for one in table["feature"]
        if len(one["without"]) >= least
    )


@lru_cache(maxsize=16)
def unsupported_features(page: str) -> Sequence[tuple[str, tuple[str, ...]]]:
    """The features that a page uses although many ignore them: (name, the families that do)."""
    # Conditional comments are for Outlook alone, which ignores the other styles anyway.
    found = _STYLES.finditer(_COMMENTS.sub("", page))
    sheets = {"".join(part or "" for part in one.groups()) for one in found}
    rules = {" ".join(rule.split()) for sheet in sheets for rule in sheet.split("}")}
    return tuple(
        (feature.name, feature.without)
        for feature in _features()
        if any(feature.pattern.search(rule) for rule in rules)
    )
