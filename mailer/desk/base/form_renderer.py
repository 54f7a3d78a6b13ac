"""The renderer of form fields: Django's, but inputs and selects need no template for each option."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest

from mailer.desk.base.markup import escaped_text, html_attributes, localized_escaped_text

# What Django's templates call `widget`.
_Widget = Mapping[str, Any]
_FOLDER = "django/forms/widgets/"


class FormRenderer(DjangoTemplates):
    """`[FORM_RENDERER]` of the settings."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        write = _WIDGETS.get(template_name)
        found = write(context["widget"]) if write and "widget" in context else None
        # None: options with a template of their own.
        return super().render(template_name, context, request) if found is None else found


def _input(widget: _Widget) -> str:
    value = widget["value"]
    given = "" if value is None else f' value="{escaped_text(value)}"'
    named = f'type="{escaped_text(widget["type"])}" name="{escaped_text(widget["name"])}"'
    return f"<input {named}{given}{html_attributes(widget['attrs'])}>"


def _textarea(widget: _Widget) -> str:
    value = widget["value"]
    begun = f'<textarea name="{escaped_text(widget["name"])}"{html_attributes(widget["attrs"])}>'
    return f"{begun}\n{localized_escaped_text(value) if value else ''}</textarea>"


def _select(widget: _Widget) -> str | None:
    parts = []
    for group, options, _index in widget["optgroups"]:
        if any(option["template_name"] != f"{_FOLDER}select_option.html" for option in options):
            return None
        rows = "\n".join(map(_option, options))
        parts.append(
            f'<optgroup label="{localized_escaped_text(group)}">\n{rows}\n</optgroup>' if group else rows
        )
    begun = f'<select name="{escaped_text(widget["name"])}"{html_attributes(widget["attrs"])}>'
    return "\n".join([begun, *parts, "</select>"])


def _boxes(widget: _Widget) -> str | None:
    """Radio buttons or checkboxes."""
    begun = html_attributes(
        {name: widget["attrs"][name] for name in ("id", "class") if widget["attrs"].get(name)}
    )
    parts = [f"<div{begun}>"]
    for group, options, _index in widget["optgroups"]:
        if any(option["template_name"] not in _BOXES for option in options):
            return None
        rows = "".join(f"<div>\n{_box(option)}</div>" for option in options)
        parts.append(f"<div><label>{localized_escaped_text(group)}</label>{rows}</div>" if group else rows)
    return "".join([*parts, "</div>"])


def _box(option: _Widget) -> str:
    if not option["wrap_label"]:
        return _input(option)
    element = option["attrs"].get("id")
    label_for = f' for="{escaped_text(element)}"' if element else ""
    return f"<label{label_for}>{_input(option)} {localized_escaped_text(option['label'])}</label>"


def _option(option: _Widget) -> str:
    begun = f'<option value="{escaped_text(option["value"])}"{html_attributes(option["attrs"])}>'
    return f"{begun}{localized_escaped_text(option['label'])}</option>"


_INPUTS = (
    "checkbox",
    "date",
    "datetime",
    "email",
    "hidden",
    "input",
    "number",
    "password",
    "text",
    "time",
    "url",
)
_BOXES = (f"{_FOLDER}radio_option.html", f"{_FOLDER}checkbox_option.html", f"{_FOLDER}input_option.html")
_WIDGETS: Mapping[str, Callable[[_Widget], str | None]] = {
    **{f"{_FOLDER}{name}.html": _input for name in _INPUTS},
    f"{_FOLDER}textarea.html": _textarea,
    f"{_FOLDER}select.html": _select,
    f"{_FOLDER}radio.html": _boxes,
    f"{_FOLDER}checkbox_select.html": _boxes,
}
