"""Deleting what the record names: refused in words, where Wagtail would only fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from wagtail.admin import messages
from wagtail.snippets.views import snippets


class DeleteEdition(snippets.DeleteView):
    """What was submitted stays; the reference index that Wagtail asks first does not know snapshot."""

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().form_valid(form)
        except ProtectedError:
            why = "it was submitted, and what was approved or sent is kept for good."
            messages.error(self.request, f"{self.object} stays: {why}")
            return redirect(self.get_success_url())
        return response


class RecordStays:
    """Middleware: an account, or several editions at once, stay too where the record needs them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ProtectedError) or not request.path.startswith("/desk/"):
            return None
        why = "the record of who wrote and approved what names it. An account can be made inactive."
        messages.error(request, f"Nothing was deleted: {why}")
        return redirect("wagtailadmin_home")
