"""Markup that is written without templates is the same as the templates make: fields, cells, buttons."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.template.loader import render_to_string
from django.test import SimpleTestCase
from django.utils import translation
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from wagtail.admin.telepath import JSContext
from wagtail.admin.ui.sidebar import LinkMenuItem, SubMenuItem
from wagtail.admin.ui.tables import Column, DateColumn, Table, TitleColumn
from wagtail.admin.widgets.button import Button, ButtonWithDropdown, ListingButton

from mailer.desk.base import markup
from mailer.desk.base.account_menu import SidebarContext
from mailer.desk.base.form_renderer import FormRenderer
from mailer.desk.base.table_template_tags import table_rows
from mailer.desk.base.tables import CheckboxColumn, LinkColumn, StateColumn

assert_same = SimpleTestCase().assertHTMLEqual
_HOSTILE = "<b title='x'>“Ош & Co.”</b>"
_CHOICES = [("", "Any"), ("Places", [(1, _HOSTILE), (1234567, mark_safe("<i>two</i>"))]), (None, "None")]


@pytest.mark.parametrize(
    ("widget", "value"),
    [
        (forms.TextInput({"maxlength": 80, "required": True, "hidden": False}), _HOSTILE),
        (forms.NumberInput(), 1234567),
        (forms.HiddenInput(), None),
        (forms.EmailInput({"class": 'a"b'}), ""),
        (forms.DateInput({"type": "date"}, format="%Y-%m-%d"), date(2021, 12, 3)),
        (forms.CheckboxInput(), True),
        (forms.CheckboxInput(), "yes"),
        (forms.Textarea(), f"\n{_HOSTILE}\n"),
        (forms.Textarea(), None),
        (forms.Select(choices=_CHOICES), 1234567),
        (forms.SelectMultiple(choices=_CHOICES), ["1", ""]),
        (forms.NullBooleanSelect(), True),
        (forms.RadioSelect(choices=_CHOICES), 1),
        (forms.CheckboxSelectMultiple({"class": "boxes"}, choices=_CHOICES), ["1", 1234567]),
    ],
)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_field_is_what_the_template_makes(widget: forms.Widget, value: Any, language: str) -> None:
    with translation.override(language):
        ours = widget.render("city", value, {"id": "id_city"}, renderer=FormRenderer())
        theirs = widget.render("city", value, {"id": "id_city"}, renderer=DjangoTemplates())
    assert_same(ours, theirs)


def _buttons() -> list[Any]:
    return [
        ButtonWithDropdown(
            buttons=[
                Button("Edit", "/desk/?a=1&b=2", icon_name="edit", attrs={"aria-label": _HOSTILE}),
                Button(gettext_lazy("Delete"), "/desk/delete/", priority=1),
            ],
            icon_name="dots-horizontal",
            attrs={"aria-label": _HOSTILE},
        ),
        ButtonWithDropdown("More", buttons=[], classname="wide"),
        ListingButton("Copy"),
    ]


@pytest.mark.parametrize("button", _buttons())
def test_a_button_is_what_the_template_makes(button: Any) -> None:
    assert_same(markup.button_markup(button, {}), button.render_html({}))


class _TitleWithButtons(TitleColumn):
    def get_cell_context_data(self, *args: Any) -> dict[str, Any]:
        return {**super().get_cell_context_data(*args), "buttons": _buttons()}


@pytest.mark.parametrize(
    "column",
    [
        Column("value"),
        Column("value", classname="wide 'x"),
        TitleColumn("value", get_url=lambda row: "/desk/?a=1&b=2", classname="wide"),
        TitleColumn("value", get_url=lambda row: "/", get_title_id=lambda row: "title-1"),
        TitleColumn("value", label_prefix="row", id_accessor="pk"),
        TitleColumn("value"),
        _TitleWithButtons("value", get_url=lambda row: "/", link_attrs={"target": "_blank", "hidden": False}),
        DateColumn("value"),
        StateColumn("pair"),
        LinkColumn("pair"),
        CheckboxColumn("value"),
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        *("", None, _HOSTILE, mark_safe("<i>written</i>"), 1234567, 0.5, True, gettext_lazy("Delete")),
        *(date(2021, 12, 3), datetime(2021, 12, 3, 22, 15, tzinfo=UTC)),
    ],
)
def test_a_cell_is_what_the_template_makes(column: Column, value: Any) -> None:
    if isinstance(column, DateColumn) and not isinstance(value, date):
        value = None
    row = SimpleNamespace(value=value, pk=1234567, pair=(_HOSTILE, value))
    with translation.override("ru"):
        table = Table([column], [row])
        ours = table_rows({}, table)
        theirs = column.render_cell_html(row, {"table": table, "row": next(iter(table.rows))})
    assert_same(ours, f"<tr>{theirs}</tr>")


def test_a_table_has_the_attributes_of_its_rows_and_the_cells_of_other_columns() -> None:
    class Marked(Table):
        def get_row_attrs(self, instance: Any) -> dict[str, Any]:
            return {"id": instance.value, "data-new": True, "data-old": False}

    class Own(Column):
        def render_cell_html(self, instance: Any, parent_context: Any) -> Any:
            return mark_safe(f"<td>{parent_context['row'].index}</td>")

    own = Own("value")
    own.cell_template_name = "desk/own.html"
    shown = render_to_string(
        "wagtailadmin/tables/table.html", {"table": Marked([own], [SimpleNamespace(value=7)])}
    )
    assert '<tr id="7" data-new><td>0</td></tr>' in shown


def test_an_icon_is_what_the_tag_makes() -> None:
    theirs = render_to_string("wagtailadmin/shared/icon.html", {"name": "edit", "classname": "icon"})
    assert_same(markup.icon_markup("edit"), theirs)


def test_the_sidebar_is_packed_as_wagtail_packs_it() -> None:
    same = LinkMenuItem("editions", _HOSTILE, "/desk/editions/", attrs={"data-number": 3})
    entries = [same, SubMenuItem("more", "More", [same, LinkMenuItem("log", "Log", "/desk/log/")])]
    assert SidebarContext().pack(entries) == JSContext().pack(entries)
