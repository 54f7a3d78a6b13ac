"""The throttle's state that all workers share: one row for each key, changed under its lock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction

from mailer.delivery.models import ThrottleState

Data = dict[str, Any]
Value = TypeVar("Value")


def read(key: str) -> Data:
    """The data of a key; empty without a row."""
    row = ThrottleState.objects.filter(key=key).values_list("data", flat=True).first()
    return row or {}


def read_all(prefix: str) -> dict[str, Data]:
    """The data of all keys with a prefix, by the rest of the key."""
    rows = ThrottleState.objects.filter(key__startswith=prefix).values_list("key", "data")
    return {key.removeprefix(prefix): data for key, data in rows}


def update(key: str, now: datetime, function: Callable[[Data], tuple[Data, Value]]) -> Value:
    """Replace a key's data by what `function` makes of it, under a lock; the function's second value."""
    with transaction.atomic():
        ThrottleState.objects.bulk_create([ThrottleState(key=key, updated_at=now)], ignore_conflicts=True)
        # SQLite has no row locks: there the transaction holds the only write lock.
        row = ThrottleState.objects.select_for_update().get(key=key)
        row.data, value = function(row.data)
        row.updated_at = now
        row.save(update_fields=["data", "updated_at"])
    return value


def delete_older(prefix: str, before: datetime) -> None:
    """Delete the rows of a prefix that have not changed since `before`."""
    ThrottleState.objects.filter(key__startswith=prefix, updated_at__lt=before).delete()
