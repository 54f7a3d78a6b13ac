"""The installation that the database belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

# The key of the only row.
_ONLY = 1


class Instance(models.Model):
    """What is recorded of the installation as a whole; one row."""

    # When its last backup was finished and verified.
    last_backup_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return "this installation"


def load() -> Instance:
    """The row, which is created where it is missing."""
    return Instance.objects.get_or_create(pk=_ONLY)[0]


def record_backup(now: datetime) -> None:
    """A backup that was made at `now` is finished."""
    _update(last_backup_at=now)


def _update(**values: Any) -> None:
    load()
    Instance.objects.filter(pk=_ONLY).update(**values)
