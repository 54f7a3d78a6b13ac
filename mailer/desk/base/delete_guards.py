"""Refuses what the approval record forbids, such as to delete what it refers to, without an error page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from wagtail.admin import messages
from wagtail.snippets.views import snippets

from mailer.approval.same_person import SamePerson


class EditionDeleteView(snippets.DeleteView):
    """Deletes an edition that was never submitted. Wagtail's reference index does not know snapshots."""

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().form_valid(form)
        except ProtectedError:
            reason = "it was submitted, and submitted editions are kept permanently."
            messages.error(self.request, f"{self.object} was not deleted: {reason}")
            return redirect(self.get_success_url())
        return response


class ProtectedDeleteMiddleware:
    """Middleware: the same for bulk deletion; and for a name or address that another account has.

    Wagtail's form of one's own account does not know that rule.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, SamePerson):
            messages.error(request, " ".join(exception.messages))
            return redirect(request.path)
        if not isinstance(exception, ProtectedError) or not request.path.startswith("/desk/"):
            return None
        reason = "the approval record refers to it. You can deactivate a user account instead."
        messages.error(request, f"Nothing was deleted: {reason}")
        return redirect("wagtailadmin_home")
