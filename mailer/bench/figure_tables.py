"""Tables of measured figures that are readable at any width: wide ones are turned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.table import Table

# What a column takes besides its text, and a table besides its columns.
_COLUMN_EXTRA, _TABLE_EXTRA = 3, 1


def tables(records: Sequence[Mapping[str, Any]], width: int, title: str | None = None) -> Iterator[Table]:
    """The records, a row for each; where that is wider than `width`, turned: a row for each figure and a
    column for each record, in as many tables as that takes."""
    if not records:
        return
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = [[label(name), *(cell(record.get(name)) for record in records)] for name in names]
    if _width(columns) <= width:
        yield _table(columns, title)
        return
    labels, *turned = map(list, zip(*columns, strict=True))
    while turned:
        count = next(
            (count for count in range(len(turned), 1, -1) if _width([labels, *turned[:count]]) <= width), 1
        )
        shown, turned = turned[:count], turned[count:]
        yield _table([["", *labels], *(["", *column] for column in shown)], title, show_header=False)
        title = None


def label(name: str) -> str:
    """The name of a figure as tables show it."""
    return name.replace("_", " ")


def cell(value: object) -> str:
    """A figure as tables show it."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _table(columns: list[list[str]], title: str | None, show_header: bool = True) -> Table:
    """A table of columns that each begin with their heading."""
    table = Table(title=title, title_justify="left", show_header=show_header)
    for number, (heading, *_) in enumerate(columns):
        left = not show_header and not number
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for row in list(zip(*columns, strict=True))[1:]:
        table.add_row(*row)
    return table


def _width(columns: Sequence[Sequence[str]]) -> int:
    widths = [max(cell_len(line) for text in column for line in text.split("\n")) for column in columns]
    return sum(widths) + _COLUMN_EXTRA * len(widths) + _TABLE_EXTRA
