"""What the workers know together about the pace: a row for each thing, changed under its lock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction

from mailer.delivery.models import Pace

Data = dict[str, Any]
Answer = TypeVar("Answer")


def read(key: str) -> Data:
    """What is known under a key; empty when nothing is."""
    row = Pace.objects.filter(key=key).values_list("data", flat=True).first()
    return row or {}


def read_all(prefix: str) -> dict[str, Data]:
    """What is known under the keys that begin so, by the rest of the key."""
    rows = Pace.objects.filter(key__startswith=prefix).values_list("key", "data")
    return {key.removeprefix(prefix): data for key, data in rows}


def change(key: str, now: datetime, function: Callable[[Data], tuple[Data, Answer]]) -> Answer:
    """Put what `function` makes of the data in its place, nobody else changing it meanwhile; its answer."""
    with transaction.atomic():
        Pace.objects.bulk_create([Pace(key=key, at=now)], ignore_conflicts=True)
        # SQLite has no row locks: there the transaction itself is alone in writing.
        row = Pace.objects.select_for_update().get(key=key)
        row.data, answer = function(row.data)
        row.at = now
        row.save(update_fields=["data", "at"])
    return answer


def forget(prefix: str, before: datetime) -> None:
    """Leave behind what is known under keys that begin so and has not changed since."""
    Pace.objects.filter(key__startswith=prefix, at__lt=before).delete()
