"""Cells that a spreadsheet would run: how they are written harmlessly, and read back as they were."""

from __future__ import annotations

# What spreadsheets take for a formula.
_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: str) -> str:
    """The cell with an apostrophe before anything that a spreadsheet would take for a formula."""
    return f"'{cell}" if cell.lstrip("'").startswith(_STARTS) else cell


def as_meant(cell: str) -> str:
    """The cell without the apostrophe that `harmless` put before it."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_STARTS) else cell
