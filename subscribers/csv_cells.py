"""Cells that a spreadsheet would run as a formula (CSV injection): escaped on export, unescaped on import."""

from __future__ import annotations

import re

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
# Where a spreadsheet that expects another delimiter would begin a cell, and what would make that a formula.
_INNER_FORMULA = re.compile(r"""([;\t\r\n]["\s]*)('*[=+@＝＋－＠-])""")
_INNER_ESCAPED = re.compile(r"""([;\t\r\n]["\s]*)'('*[=+@＝＋－＠-])""")


def escape(cell: str) -> str:
    """The cell with an apostrophe before anything that a spreadsheet would take for a formula.

    Also within the cell: where the spreadsheet splits at semicolons or tabs, another cell begins there.
    """
    inner = _INNER_FORMULA.sub(r"\1'\2", cell)
    return f"'{inner}" if inner.lstrip("'").startswith(_FORMULA_STARTS) else inner


def unescape(cell: str) -> str:
    """The inverse of `escape`."""
    if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA_STARTS):
        cell = cell[1:]
    return _INNER_ESCAPED.sub(r"\1\2", cell)
