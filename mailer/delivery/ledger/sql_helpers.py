"""What the ledger's own SQL needs: running a statement, values for this database, and its dialect."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection


class Dialect(NamedTuple):
    """How a database writes the same statements."""

    # A column of the rows found, as one JSON text.
    column: str
    # Whether a column's id is in a parameter that lists ids, and how that list is written.
    among: str
    id_list: str
    # A parameter with lists of [id, text, timestamp] in JSON, as a table.
    triples: str
    # Locks rows, leaving out those that another transaction has locked.
    skip_locked: str
    # Locks one row; others wait for it.
    lock: str
    # Behind subscribers_subscription, where one of a list, state and subscriber is looked for.
    by_audience: str


_SQLITE = Dialect(
    column="json_group_array({})",
    among="{} IN (SELECT value FROM json_each(%s))",
    id_list="[{}]",
    triples="SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS text, "
    "json_extract(value, '$[2]') AS at FROM json_each(%s)",
    skip_locked="",
    lock="",
    # Has all three columns. SQLite prefers the unique index, and reads each row for its state.
    by_audience="INDEXED BY subscription_audience",
)
# The length of an array is known when a query is planned. That of a function's rows is only estimated, and an
# estimate that is too large makes PostgreSQL read whole tables.
_POSTGRESQL = Dialect(
    column="json_agg({})::text",
    among="{} = ANY(%s::bigint[])",
    id_list="{{{}}}",
    triples="SELECT (value->>0)::bigint AS id, value->>1 AS text, (value->>2)::timestamptz AS at "
    "FROM json_array_elements(%s::json)",
    skip_locked="FOR UPDATE SKIP LOCKED",
    lock="FOR NO KEY UPDATE",
    by_audience="",
)


def dialect() -> Dialect:
    """The dialect of the default database."""
    return _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE


def execute(query: str, *parameters: Any) -> int:
    """Execute a statement; the number of rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return int(cursor.rowcount)


def to_db_datetime(value: datetime | None) -> Any:
    """An aware datetime as a parameter for this database."""
    return connection.ops.adapt_datetimefield_value(value)


def to_db_text(value: datetime | None) -> str | None:
    """An aware datetime as this database reads it from a text."""
    return None if value is None else str(to_db_datetime(value))


def id_list_parameter(ids: Collection[int]) -> str:
    """Ids as a parameter of `Dialect.among`."""
    return dialect().id_list.format(",".join(map(str, ids)))
