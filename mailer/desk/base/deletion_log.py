"""Entries in the audit log about deletions of which Wagtail's own screens make none."""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from wagtail.admin.views.generic import multiple_upload
from wagtail.log_actions import log

_ACTION = "wagtail.delete"


def log_bulk_deletion(request: HttpRequest, action: str, rows: Iterable[Model], view: object) -> None:
    """Wagtail's hook `before_bulk_action`, which is called in the transaction of the action."""
    if action == "delete":
        for row in rows:
            log(instance=row, action=_ACTION, user=request.user)


def log_deletion(view: type[multiple_upload.DeleteView]) -> None:
    """Let a view of Wagtail's that deletes what was just uploaded make an entry, too."""
    delete = view.post

    @wraps(delete)
    def delete_and_log(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        row = self.get_model()._default_manager.filter(pk=kwargs[self.pk_url_kwarg]).first()
        with transaction.atomic():
            response: HttpResponse = delete(self, request, *args, **kwargs)
            log(instance=row, action=_ACTION, user=request.user)
        return response

    view.post = delete_and_log
