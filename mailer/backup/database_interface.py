"""What reading and loading rows needs of a database: the interfaces of SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from mailer.backup.row_format import Table


class DatabaseError(Exception):
    """The database cannot be read or loaded; the text is for the operator and holds no values of rows."""


class Snapshot(Protocol):
    """The rows of a database as they were when it was opened."""

    def read(self, table: Table, after: int | None = None) -> Iterator[bytes]:
        """The rows in the order of the primary key, as blocks of whole lines; only those with a greater
        integer key than `after`."""

    def last_ids(self, tables: Iterable[Table]) -> dict[str, int]:
        """By table, the last id that was given out, also where that row was deleted since."""


class Loader(Protocol):
    """A migrated database that rows are loaded into."""

    def prepare(self, tables: Sequence[Table]) -> None:
        """Empty the tables, and drop what would change, refuse or slow down their loading."""

    def load(self, table: Table, lines: bytes) -> None:
        """Add rows. Raises DatabaseError."""

    def finish(self, last_ids: Mapping[str, int]) -> None:
        """Create again what `prepare` dropped, and let new rows get ids above `last_ids`. Raises
        DatabaseError where a reference or a unique key is violated."""

    def snapshot(self) -> Snapshot:
        """What is there now, to be compared with what was loaded."""
