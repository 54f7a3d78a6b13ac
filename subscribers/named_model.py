"""The base of models with a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models


class NamedModel(models.Model):
    """Rows that staff know by their name."""

    if TYPE_CHECKING:
        name: models.CharField[str, str]

    class Meta:
        abstract = True
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
