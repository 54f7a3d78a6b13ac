"""Base classes of the desk's sections: a model's viewset, and a table whose rows have pages of their own."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path, reverse
from wagtail.admin.views.generic import IndexView
from wagtail.admin.viewsets.model import ModelViewSet


class DeskViewSet(ModelViewSet):
    """A model's table and Wagtail's forms for it. The search box asks the database."""

    copy_view_enabled = False
    search_backend_name = None


class TableViewSet(DeskViewSet):
    """A model's table without Wagtail's forms. Its index view is a `TableIndex`."""

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", self.index_view, name="index"),
            path("results/", self.index_results_view, name="index_results"),
        ]


class TableIndex(IndexView):
    """A table whose rows link to the page with the URL name `row_url_name`, where the actions are."""

    row_url_name = ""

    def get_edit_url(self, instance: Any) -> str | None:
        return reverse(self.row_url_name, args=[instance.pk])

    def get_delete_url(self, instance: Any) -> None:
        return None

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(*args, **kwargs), **self.additional_context()}

    def additional_context(self) -> dict[str, Any]:
        """What the template shows beside the table."""
        return {}


class ReadOnlyIndex(TableIndex):
    """A table of rows that only the system adds: even superusers get no button for it."""

    def get_add_url(self) -> None:
        return None
