"""Finds every message that the public pages translate."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

from babel.messages.extract import extract
from django.utils.translation.template import templatize

from tests.project.catalogues import READERS_MODULES

ROOT = Path(__file__).resolve().parents[2]
_CALL = re.compile(
    r"""\bgettext\((?:u?'((?:[^'\\]|\\.)*)'|u?"((?:[^"\\]|\\.)*)")\)"""
    r"""|_\(u?(['"])(.*?)(?<!\\)\3\)"""
)


def messages() -> set[str]:
    """The English texts, as catalogues name them."""
    return _in_code() | _in_templates()


def _in_code() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "subscribers").rglob("*.py"):
        if path.relative_to(ROOT / "subscribers").parts[0] not in READERS_MODULES:
            continue
        keywords = {"gettext": None, "gettext_lazy": None}
        for _, message, _, _ in extract("python", BytesIO(path.read_bytes()), keywords=keywords):
            found.add(str(message))
    return found


def _in_templates() -> set[str]:
    found: set[str] = set()
    paths = [*(ROOT / "templates").glob("*.html"), *(ROOT / "templates" / "pages").rglob("*.*")]
    for path in paths:
        for call in _CALL.finditer(templatize(path.read_text(encoding="utf-8"))):
            found.add(next(text for text in (call[1], call[2], call[4]) if text is not None))
    return found
