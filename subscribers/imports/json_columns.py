"""Columns of JSON objects, such as listmonk's `attributes`: each key becomes a column of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from subscribers.imports.row_types import TableRow
from subscribers.imports.status_columns import status_column_of_heading

# Keys of all columns together, and how deep objects are looked into.
_MAX_KEYS, _MAX_DEPTH = 100, 3


class JsonColumns:
    """Finds the columns of JSON in the first rows, and adds a column for each of their keys."""

    def __init__(self, first: Sequence[str], sample: Iterable[Sequence[str]], wanted: Iterable[str]) -> None:
        """`wanted`: headings of keys, "attributes.city", that are needed even if the sample has none."""
        rows = list(sample)
        self._width = len(first)
        self.places = [place for place in range(len(first)) if _is_json(rows, place)]
        found: dict[tuple[int, str], None] = {}
        for place in self.places:
            for row in rows:
                found |= dict.fromkeys((place, key) for key in _flat(row[place] if place < len(row) else ""))
        # After all others, whose numbers staff may have decided about already.
        for place in self.places:
            prefix = f"{first[place].strip()}."
            found |= dict.fromkeys(
                (place, name.removeprefix(prefix)) for name in wanted if name.startswith(prefix)
            )
        self._headings = {place: first[place].strip() for place in self.places}
        # Rejected rows that are imported again have these columns already.
        there = {cell.strip() for cell in first}
        self._keys = [one for one in found if f"{self._headings[one[0]]}.{one[1]}" not in there][:_MAX_KEYS]
        self._known = [{key for at, key in self._keys if at == place} for place in self.places]
        # Keys that only later rows have, with a value.
        self.late: dict[str, str] = {}

    @property
    def headings(self) -> list[str]:
        """The headings of the added columns: "attributes.countries"."""
        return [f"{self._headings[place]}.{key}" for place, key in self._keys]

    def names(self) -> dict[int, str]:
        """By which name each added column is recognised, by its place."""
        return {
            self._width + number: key if status_column_of_heading(key) else key.rpartition(".")[2]
            for number, (_, key) in enumerate(self._keys)
        }

    def add(self, cells: Sequence[str]) -> list[str]:
        """The cells of a row with those of the added columns."""
        objects = {place: _flat(cells[place]) if place < len(cells) else {} for place in self.places}
        for place, known in zip(self.places, self._known, strict=True):
            for key in objects[place].keys() - known:
                if len(self.late) < _MAX_KEYS:
                    self.late.setdefault(f"{self._headings[place]}.{key}", objects[place][key])
        row = [*cells, *[""] * (self._width - len(cells))]
        return [
            *row[: self._width],
            *(objects[place].get(key, "") for place, key in self._keys),
            *row[self._width :],
        ]

    def rows(self, rows: Iterable[TableRow]) -> Iterator[TableRow]:
        """The rows with the added columns."""
        for line, cells in rows:
            yield line, self.add(cells)


def _is_json(rows: Sequence[Sequence[str]], place: int) -> bool:
    """Whether the cells are objects, with a few exceptions."""
    cells = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
    objects = sum(cell.startswith("{") and _parse(cell) is not None for cell in cells)
    return objects > 0 and 5 * objects >= 4 * len(cells)


def _parse(cell: str) -> dict[str, Any] | None:
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


@lru_cache(maxsize=4096)
def _flat(cell: str) -> Mapping[str, str]:
    """The values by key, such as "preferences.language"; what is not JSON is a value without a key."""
    if not cell.strip():
        return {}
    found = _parse(cell.strip())
    entries = [("", cell)] if found is None else _entries(found, "", 1)
    return {_storable(key): _storable(value) for key, value in entries}


def _storable(text: str) -> str:
    r"""The text without what JSON can escape and no database stores: NUL, and half a character ("\ud83d")."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _entries(found: dict[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    for key, value in found.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value and depth < _MAX_DEPTH:
            yield from _entries(value, f"{name}.", depth + 1)
        else:
            yield name, _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(_text(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
