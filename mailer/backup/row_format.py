"""The rows of the database in a form that is the same for SQLite and PostgreSQL.

A row is a line of PostgreSQL's COPY text format, in UTF-8: values between tabs, `\\N` for NULL, times in UTC.
Tables that are derived from others (Wagtail's search index) are left out, and made anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from django.apps import apps
from django.db.models import Field

Kind = Literal[
    "integer",
    "float",
    "text",
    "bytes",
    "boolean",
    "timestamp",
    "date",
    "time",
    "json",
    "uuid",
    "network_address",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

# By the internal type of a field or of the field that it refers to.
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(
        (
            *("AutoField", "BigAutoField", "SmallAutoField", "IntegerField", "BigIntegerField"),
            *("SmallIntegerField", "PositiveIntegerField", "PositiveBigIntegerField"),
            "PositiveSmallIntegerField",
        ),
        "integer",
    ),
    **dict.fromkeys(
        ("CharField", "TextField", "SlugField", "FileField", "URLField", "EmailField", "FilePathField"),
        "text",
    ),
    "FloatField": "float",
    "BinaryField": "bytes",
    "BooleanField": "boolean",
    "DateTimeField": "timestamp",
    "DateField": "date",
    "TimeField": "time",
    "JSONField": "json",
    "UUIDField": "uuid",
    "GenericIPAddressField": "network_address",
}
# Made anew from other tables; their columns differ between the databases.
_DERIVED = ("wagtailsearch_", "procrastinate_")
# Kinds whose text differs between databases for equal values.
_NOT_CANONICAL: tuple[Kind, ...] = ("float", "json")
_NULL = b"\\N"

_ESCAPES = {
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
}
_TO_ESCAPE = str.maketrans(_ESCAPES)
_UNESCAPED = {escaped: plain for plain, escaped in _ESCAPES.items()}
_ESCAPED = re.compile(r"\\.")


class Column(NamedTuple):
    name: str
    kind: Kind


@dataclass(frozen=True)
class Table:
    name: str
    # The primary key, by which rows are ordered.
    key: str
    columns: tuple[Column, ...]

    @property
    def key_kind(self) -> Kind:
        return next(column.kind for column in self.columns if column.name == self.key)

    def as_dict(self) -> dict[str, Any]:
        """For a manifest; `from_dict` reads it."""
        return {"name": self.name, "key": self.key, "columns": [list(column) for column in self.columns]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Table:
        """Raises KeyError, TypeError and ValueError for what `as_dict` did not write."""
        columns = tuple(Column(str(name), kind) for name, kind in values["columns"])
        names = [str(values["name"]), str(values["key"]), *(column.name for column in columns)]
        if any(column.kind not in KINDS for column in columns) or not all(map(str.isidentifier, names)):
            raise ValueError("a table of the manifest is not valid")
        return cls(str(values["name"]), str(values["key"]), columns)


def tables() -> list[Table]:
    """Every table of this version but the derived ones, by name."""
    found = {}
    for model in apps.get_models(include_auto_created=True):
        options = model._meta
        if options.managed and not options.proxy and not options.db_table.startswith(_DERIVED):
            columns = tuple(
                Column(str(field.column), _kind(field)) for field in options.local_concrete_fields
            )
            found[options.db_table] = Table(options.db_table, str(options.pk.column), columns)
    return [found[name] for name in sorted(found)]


def _kind(field: Field[Any, Any]) -> Kind:
    while field.remote_field is not None and field.is_relation:
        field = field.target_field  # type: ignore[attr-defined]
    return _KINDS[field.get_internal_type()]


def escape(text: str) -> str:
    """A text as a line has it."""
    return text.translate(_TO_ESCAPE)


def unescape(value: str) -> str:
    """A text from a line."""
    return _ESCAPED.sub(lambda found: _UNESCAPED.get(found[0], found[0][1:]), value)


def parse_line(line: bytes, converters: Iterable[Callable[[str], Any]]) -> list[Any]:
    """The values of a line without its line break; each is unescaped before its converter gets it."""
    return [
        None if value == _NULL else convert(unescape(value.decode()) if b"\\" in value else value.decode())
        for value, convert in zip(line.split(b"\t"), converters, strict=True)
    ]


class TableDigest:
    """Counts and hashes the rows of a table, with the same result for equal rows on both databases."""

    def __init__(self, table: Table) -> None:
        self.rows = 0
        self._hash = hashlib.sha256()
        self._special = [
            (place, column.kind)
            for place, column in enumerate(table.columns)
            if column.kind in _NOT_CANONICAL
        ]

    def update(self, lines: bytes) -> None:
        """Add whole lines, in the order of the primary key."""
        self.rows += lines.count(b"\n")
        if self._special:
            lines = b"".join(map(self._canonical, lines.splitlines(keepends=True)))
        self._hash.update(lines)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def _canonical(self, line: bytes) -> bytes:
        values = line[:-1].split(b"\t")
        for place, kind in self._special:
            if values[place] != _NULL:
                values[place] = _CANONICAL[kind](unescape(values[place].decode())).encode()
        return b"\t".join(values) + b"\n"


def blocks_of_whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks that end with a line break."""
    rest = b""
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            yield rest + block[:end]
            rest = block[end:]
        else:
            rest += block
    if rest:
        raise ValueError("the rows of a table end within a line")


def _canonical_json(text: str) -> str:
    value = json.loads(text, parse_float=_parse_number)
    return escape(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def _parse_number(text: str) -> float | int:
    """PostgreSQL stores 1e2 as 100."""
    number = float(text)
    return int(number) if number.is_integer() else number


_CANONICAL: dict[Kind, Callable[[str], str]] = {
    "float": lambda text: repr(float(text)),
    "json": _canonical_json,
}
