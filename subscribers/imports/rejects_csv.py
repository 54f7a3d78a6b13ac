"""Whom an import did not take, as a table that can be mended and imported again."""

from __future__ import annotations

import json
from collections.abc import Iterator

from subscribers.imports.models import ImportRefusal, ImportRun


def headings(run: ImportRun) -> list[str]:
    """What stands above `rows`: the reason, then the columns as they were."""
    fields = run.reading.get("fields", ["email"])
    theirs = run.reading.get("headings") or [field if field != "ignore" else "" for field in fields]
    return ["line", "not taken", "reason", *theirs]


def rows(run: ImportRun) -> Iterator[list[str]]:
    """One row for each that was not taken, in the order of the file; memory stays flat."""
    email = run.reading.get("fields", ["email"]).index("email")
    for row in ImportRefusal.objects.filter(run=run.pk).order_by("line", "pk").iterator(chunk_size=2_000):
        cells = json.loads(row.cells)
        if row.kind in (ImportRefusal.Kind.SUPPRESSED, ImportRefusal.Kind.LEFT):
            cells = [""] * email + cells
        yield [str(row.line), row.get_kind_display(), row.reason, *cells]
