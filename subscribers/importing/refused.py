"""Whom an import did not take, as a CSV file that can be mended and imported again."""

from __future__ import annotations

import csv
import json
from typing import Protocol

from subscribers.formulas import harmless
from subscribers.importing.models import ImportRefusal, ImportRun


class _Target(Protocol):
    def write(self, text: str, /) -> object: ...


def write_refused(target: _Target, run: ImportRun) -> int:
    """One row for each that was not taken, in the order of the file, and how many; memory stays flat.

    The reason stands before the cells as they were.
    """
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(map(harmless, ["line", "not taken", "reason", *_headings(run)]))
    rows = ImportRefusal.objects.filter(run=run.pk).order_by("line", "pk")
    email = _email_place(run)
    count = 0
    for count, row in enumerate(rows.iterator(chunk_size=2_000), start=1):  # noqa: B007  (the last one is returned)
        cells = json.loads(row.cells)
        if row.kind in (ImportRefusal.Kind.SUPPRESSED, ImportRefusal.Kind.LEFT):
            cells = [""] * email + cells
        writer.writerow(map(harmless, [str(row.line), row.get_kind_display(), row.reason, *cells]))
    return count


def _headings(run: ImportRun) -> list[str]:
    fields = run.reading.get("fields", ["email"])
    return run.reading.get("headings") or [field if field != "ignore" else "" for field in fields]


def _email_place(run: ImportRun) -> int:
    fields: list[str] = run.reading.get("fields", ["email"])
    return fields.index("email")
