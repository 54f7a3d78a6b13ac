"""The content of a revision, which may name rows that were deleted after it was saved."""

from __future__ import annotations

from typing import Any

from django.db import models


def without_deleted_rows(model: type[models.Model], content: dict[str, Any], *names: str) -> dict[str, Any]:
    """The content with None in each of these foreign keys whose row was deleted since.

    Where a key protects its row, Wagtail cannot load the content with it.
    """
    deleted = [name for name in names if _names_deleted_row(model, name, content.get(name))]
    return {**content, **dict.fromkeys(deleted)}


def _names_deleted_row(model: type[models.Model], name: str, pk: Any) -> bool:
    if pk is None:
        return False
    rows: models.Manager[Any] = model._meta.get_field(name).related_model._default_manager  # type: ignore[union-attr]  # a foreign key
    return not rows.filter(pk=pk).exists()
