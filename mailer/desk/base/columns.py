"""Table columns that Wagtail has not: a state as a word with a shape, a link of our own."""

from __future__ import annotations

from typing import Any

from wagtail.admin.ui.tables import Column


class WordColumn(Column):
    """Shows (tone, word): the tone picks shape and colour, the word says it."""

    cell_template_name = "desk/tables/word_cell.html"

    def get_cell_context_data(self, instance: Any, parent_context: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = super().get_cell_context_data(instance, parent_context)
        context["tone"], context["word"] = context["raw_value"]
        return context


class LinkColumn(Column):
    """Shows (address, text); plain text where the address is empty."""

    cell_template_name = "desk/tables/link_cell.html"

    def get_cell_context_data(self, instance: Any, parent_context: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = super().get_cell_context_data(instance, parent_context)
        context["url"], context["text"] = context["raw_value"]
        return context


class TickColumn(Column):
    """A box to tick; the form that the table's foot holds sends it."""

    cell_template_name = "desk/tables/tick_cell.html"
