"""Deleting an edition: refused in words once it was submitted, where Wagtail would only fail."""

from __future__ import annotations

from typing import Any

from django.db.models import ProtectedError
from django.http import HttpResponse
from django.shortcuts import redirect
from wagtail.admin import messages
from wagtail.snippets.views import snippets


class DeleteEdition(snippets.DeleteView):
    """What was submitted stays; the reference index that Wagtail asks first does not know frozen copies."""

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().form_valid(form)
        except ProtectedError:
            why = "it was submitted, and what was approved or sent is kept for good."
            messages.error(self.request, f"{self.object} stays: {why}")
            return redirect(self.get_success_url())
        return response
