"""Markup that pages repeat a hundred times, written without a template for each: values, icons, buttons.

It is what the templates of Django and Wagtail make of the same values (tests/desk/base/test_markup.py); a
template needs ten times as long, most of it to prepare its context.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.template import Context
from django.template.base import render_value_in_context
from django.template.defaultfilters import capfirst
from django.utils.formats import date_format, get_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import is_aware, localtime
from wagtail.admin.templatetags.wagtailadmin_tags import timesince_simple

_PLAIN = Context()


def localized_escaped_text(value: Any) -> str:
    """`{{ value }}` of a template: localized and escaped."""
    if type(value) is str:
        return html.escape(value)
    return value if type(value) is SafeString else str(render_value_in_context(value, _PLAIN))


def escaped_text(value: Any) -> str:
    """`{{ value|stringformat:"s" }}` of a template: escaped, not localized."""
    return value if isinstance(value, SafeString) else html.escape(str(value))


def html_attributes(given: Mapping[str, Any]) -> str:
    """The attributes of an element, each with a space before it; True is one without a value, False none."""
    return "".join(
        f" {name}" if value is True else f' {name}="{escaped_text(value)}"'
        for name, value in given.items()
        if value is not False
    )


def join_safe_markup(parts: Iterable[str]) -> SafeString:
    """Parts that are markup already."""
    return mark_safe("".join(parts))  # noqa: S308


def icon_markup(name: str, classname: str = "icon") -> str:
    """Wagtail's tag `icon`."""
    name, classname = escaped_text(name), escaped_text(classname)
    return (
        f'<svg class="icon icon-{name} {classname}" aria-hidden="true"><use href="#icon-{name}"></use></svg>'
    )


def human_readable_date(
    value: Any, description: Any = None, placement: str = "top", tooltip_format: str = ""
) -> str:
    """Wagtail's tag `human_readable_date`: the time since then, with date and time in a tooltip."""
    kind = "DATETIME_FORMAT" if isinstance(value, datetime) else "DATE_FORMAT"
    if isinstance(value, datetime) and is_aware(value):
        value = localtime(value)
    tooltip = date_format(value, tooltip_format or get_format(kind))
    note = f'<span class="w-human-readable-date__description">{localized_escaped_text(description)}</span>'
    return (
        '<button type="button" class="w-human-readable-date" data-controller="w-tooltip" '
        f'data-w-tooltip-content-value="{escaped_text(tooltip)}" '
        f'data-w-tooltip-placement-value="{escaped_text(placement)}">'
        f'<time class="w-human-readable-date__date" '
        f'datetime="{value.isoformat()}">{escaped_text(capfirst(timesince_simple(value)))}</time>'
        f"{note if description else ''}</button>"
    )


def state_markup(tone: str, label: Any) -> str:
    """The template desk/state.html."""
    return (
        f'<span class="desk-state desk-state--{escaped_text(tone)}">'
        f'<span class="desk-state__shape" aria-hidden="true"></span>{localized_escaped_text(label)}</span>'
    )


def button_markup(component: Any, context: Mapping[str, Any]) -> str:
    """A button of Wagtail's listings; one with a template of its own is rendered by it."""
    write = _BUTTONS.get(component.template_name)
    return component.render_html(context) if write is None else write(component, context)


def _button(component: Any, context: Mapping[str, Any]) -> str:
    label = (f"{icon_markup(component.icon_name)}\n" if component.icon_name else "") + localized_escaped_text(
        component.label
    )
    rest = f'class="{escaped_text(component.classname)}" {component.base_attrs_string}'
    if component.url:
        return f'<a href="{escaped_text(component.url)}" {rest}>{label}</a>'
    return f"<button {rest}>{label}</button>"


def _dropdown(component: Any, context: Mapping[str, Any]) -> str:
    names = ("w-dropdown__toggle", "" if component.label else "w-dropdown__toggle--icon", component.classname)
    title = f' aria-label="{escaped_text(component.aria_label)}"' if component.aria_label else ""
    items = "\n".join(button_markup(one, context) for one in sorted(component.dropdown_buttons))
    return (
        f'<div data-controller="w-dropdown" class="w-dropdown" {component.base_attrs_string}>'
        f'<button type="button" class="{" ".join(escaped_text(name) for name in names if name)}" '
        f'data-w-dropdown-target="toggle"{title}>{localized_escaped_text(component.label)}\n'
        f"{icon_markup(component.icon_name or 'arrow-down', 'w-dropdown__toggle-icon')}</button>"
        f'<div data-w-dropdown-target="content" class="w-dropdown__content" hidden>{items}</div></div>'
    )


_BUTTONS = {
    "wagtailadmin/shared/button.html": _button,
    "wagtailadmin/shared/button_with_dropdown.html": _dropdown,
}
