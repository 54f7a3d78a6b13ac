"""Whom an import did not take, as a CSV file that can be mended and imported again."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Protocol

from subscribers.formulas import harmless
from subscribers.importing.models import ImportRefusal, ImportRun


class _Target(Protocol):
    def write(self, text: str, /) -> object: ...


def write_refused(target: _Target, run: ImportRun) -> int:
    """One row for each that was not taken, in the order of the file, and how many; memory stays flat.

    The reason stands before the cells as they were.
    """
    return sum(rows(target, run)) - 1


def rows(target: _Target, run: ImportRun) -> Iterator[int]:
    """`write_refused`, a row with every step; the first are the headings."""
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(map(harmless, ["line", "not taken", "reason", *_headings(run)]))
    yield 1
    email = _email_place(run)
    for row in ImportRefusal.objects.filter(run=run.pk).order_by("line", "pk").iterator(chunk_size=2_000):
        cells = json.loads(row.cells)
        if row.kind in (ImportRefusal.Kind.SUPPRESSED, ImportRefusal.Kind.LEFT):
            cells = [""] * email + cells
        writer.writerow(map(harmless, [str(row.line), row.get_kind_display(), row.reason, *cells]))
        yield 1


def _headings(run: ImportRun) -> list[str]:
    fields = run.reading.get("fields", ["email"])
    return run.reading.get("headings") or [field if field != "ignore" else "" for field in fields]


def _email_place(run: ImportRun) -> int:
    fields: list[str] = run.reading.get("fields", ["email"])
    return fields.index("email")
