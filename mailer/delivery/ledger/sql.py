"""Statements in SQL, as the ledger's rooms write them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection


def run(query: str, *parameters: Any) -> int:
    """Execute a statement; how many rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return int(cursor.rowcount)


def moment(value: datetime | None) -> Any:
    """A moment as this database keeps it."""
    return connection.ops.adapt_datetimefield_value(value)
