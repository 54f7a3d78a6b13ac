"""Table columns for Wagtail listings: a state, a link, a checkbox."""

from __future__ import annotations

from typing import Any

from wagtail.admin.ui.tables import Column


class StateColumn(Column):
    """Shows (tone, label): the tone decides shape and colour."""

    cell_template_name = "desk/tables/state_cell.html"

    def get_cell_context_data(self, instance: Any, parent_context: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = super().get_cell_context_data(instance, parent_context)
        context["tone"], context["label"] = context["raw_value"]
        return context


class LinkColumn(Column):
    """Shows (URL, text) as a link, or as plain text if the URL is empty."""

    cell_template_name = "desk/tables/link_cell.html"

    def get_cell_context_data(self, instance: Any, parent_context: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = super().get_cell_context_data(instance, parent_context)
        context["url"], context["text"] = context["raw_value"]
        return context


class CheckboxColumn(Column):
    """A checkbox that selects the row for the bulk action form below the table."""

    cell_template_name = "desk/tables/checkbox_cell.html"
