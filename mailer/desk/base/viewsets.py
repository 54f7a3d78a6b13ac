"""Base classes of the desk's sections: a model's viewset, and a table whose rows have pages of their own."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.urls import URLPattern, path, reverse
from wagtail.admin.admin_url_finder import ModelAdminURLFinder
from wagtail.admin.views.generic import IndexView
from wagtail.admin.viewsets.model import ModelViewSet


class DeskViewSet(ModelViewSet):
    """A model's table and Wagtail's forms for it. The search box asks the database.

    Its URLs follow from its name: those of `desk_suppression_decisions` begin with suppression-decisions/.
    """

    copy_view_enabled = False
    search_backend_name = None

    @cached_property
    def url_prefix(self) -> str:
        return str(self.name).removeprefix("desk_").replace("_", "-")


class TableViewSet(DeskViewSet):
    """A model's table without Wagtail's forms. Its index view is a `TableIndex`."""

    @property
    def url_finder_class(self) -> type[ModelAdminURLFinder]:
        """Links in the audit log lead to the same pages as those in the table."""
        return type("_Finder", (ModelAdminURLFinder,), {"edit_url_name": self.index_view_class.row_url_name})

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
