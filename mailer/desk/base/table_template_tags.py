"""Template tags for tables: `table_rows`, whose frequent cells need no template each, and parts of cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.template import Context
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from wagtail.admin.templatetags.wagtailadmin_tags import avatar_url

from mailer import staff_localization
from mailer.desk.base.markup import (
    button_markup,
    escaped_text,
    html_attributes,
    human_readable_date,
    join_safe_markup,
    localized_escaped_text,
    state_markup,
)
from mailer.desk.base.markup import icon_markup as markup_icon

register = template.Library()

# The context of a cell's template, as its column prepares it.
_Cell = Mapping[str, Any]


@register.simple_tag(takes_context=True)
def table_rows(context: Context, table: Any) -> SafeString:
    """The rows of a `wagtail.admin.ui.tables.Table`."""
    columns = list(table.columns.values())
    shared = {"table": table, "request": context.get("request")}
    return join_safe_markup(_row(row, columns, {**shared, "row": row}) for row in table.rows)


@register.filter
def zone_label(moment: datetime | None, zone: str) -> str:
    """The IANA zone as staff read it: "Almaty time, UTC+5"; without a moment "Almaty time"."""
    return staff_localization.zone_label(moment or None, ZoneInfo(zone))


@register.simple_tag
def icon(name: str) -> SafeString:
    """In place of Wagtail's tag, for rows that have many."""
    return join_safe_markup((markup_icon(name),))


@register.simple_tag
def user_and_avatar(user: Any, username: Any) -> SafeString:
    """In place of wagtailadmin/shared/user_avatar.html."""
    picture = f'<img src="{escaped_text(avatar_url(user, size=25))}" alt="" decoding="async" loading="lazy"/>'
    return join_safe_markup(
        (f'<span class="avatar small">{picture}</span>\n', localized_escaped_text(username or user))
    )


@register.simple_tag
def readable_date(date: Any, description: Any, placement: str, tooltip_format: str) -> SafeString:
    """In place of wagtailadmin/shared/human_readable_date.html."""
    return join_safe_markup((human_readable_date(date, description, placement, tooltip_format),))


def _row(row: Any, columns: list[Any], context: dict[str, Any]) -> str:
    cells = "".join(_cell(column, row.instance, context) for column in columns)
    return f"<tr{html_attributes(row.attrs)}>{cells}</tr>"


def _cell(column: Any, instance: Any, context: dict[str, Any]) -> str:
    write = _CELLS.get(column.cell_template_name)
    if write is None:
        return str(column.render_cell_html(instance, context))
    return write(column.get_cell_context_data(instance, context))


def _opened(cell: _Cell) -> str:
    classname = cell["column"].classname
    return f'<td class="{escaped_text(classname)}">' if classname else "<td>"


def _plain_cell(cell: _Cell) -> str:
    value = cell["value"]
    return f"{_opened(cell)}{'' if value is None else localized_escaped_text(value)}</td>"


def _title_cell(cell: _Cell) -> str:
    title = localized_escaped_text(cell["value"])
    if cell["title_id"]:
        title = f'<span id="{escaped_text(cell["title_id"])}">{title}</span>'
    if cell["link_url"]:
        title = f"<a{html_attributes(cell['link_attrs'])}>{title}</a>"
    elif cell["label_id"]:
        title = f'<label for="{escaped_text(cell["label_id"])}">{title}</label>'
    actions = "\n".join(f"<li>{button_markup(one, cell)}</li>" for one in cell.get("buttons", ()) if one.show)
    listed = f'<ul class="actions">{actions}</ul>' if actions else ""
    classname = cell["column"].classname
    before = f"{escaped_text(classname)} " if classname else ""
    return f'<td class="{before}title"><div class="title-wrapper">{title}</div>{listed}</td>'


def _date_cell(cell: _Cell) -> str:
    value = cell["value"]
    return f"{_opened(cell)}{human_readable_date(value) if value else ''}</td>"


def _state_cell(cell: _Cell) -> str:
    return f"{_opened(cell)}{state_markup(cell['tone'], cell['label'])}</td>"


def _link_cell(cell: _Cell) -> str:
    label = localized_escaped_text(cell["text"])
    link = f'<a href="{escaped_text(cell["url"])}">{label}</a>' if cell["url"] else label
    return f"{_opened(cell)}{link}</td>"


def _checkbox_cell(cell: _Cell) -> str:
    instance = cell["instance"]
    label = gettext("Select %(instance)s") % {"instance": localized_escaped_text(instance)}
    return (
        f'<td class="bulk-action-checkbox-cell"><input type="checkbox" name="ids" value="{instance.pk}" '
        f'form="bulk" aria-label="{label}"></td>'
    )


_CELLS: Mapping[str, Callable[[_Cell], str]] = {
    "wagtailadmin/tables/cell.html": _plain_cell,
    "wagtailadmin/tables/title_cell.html": _title_cell,
    "wagtailadmin/tables/date_cell.html": _date_cell,
    "desk/tables/state_cell.html": _state_cell,
    "desk/tables/link_cell.html": _link_cell,
    "desk/tables/checkbox_cell.html": _checkbox_cell,
}
