"""Template tags: Wagtail's frames around the fields of a form, written without four templates for each.

templates/wagtailadmin has the templates that call them in place of Wagtail's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.template import Context
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from wagtail.admin.templatetags.wagtailadmin_tags import formattedfieldfromcontext

from mailer.desk.base.markup import (
    escaped_text,
    html_attributes,
    icon_markup,
    join_safe_markup,
    localized_escaped_text,
)

register = template.Library()

_STAR = '<span class="w-required-mark">*</span>'


@register.simple_tag(takes_context=True)
def field_markup(context: Context) -> SafeString:
    """In place of wagtailadmin/shared/formatted_field.html, with the same context."""
    return join_safe_markup(_field(context))


@register.simple_tag(takes_context=True)
def panel_field(context: Context) -> SafeString:
    """In place of wagtailadmin/panels/field_panel.html: the panel's heading is its label."""
    with context.push(show_label=False, help_text=context["self"].help_text):
        return join_safe_markup(_field(formattedfieldfromcontext(context)))


@register.simple_tag(takes_context=True)
def panel_child(context: Context, child: Any) -> SafeString:
    """In place of wagtailadmin/panels/multi_field_panel_child.html."""
    classes = " ".join(["w-panel__wrapper", *child.classes()])
    return join_safe_markup(
        (
            f'<div class="{escaped_text(classes)}"{html_attributes(child.attrs)}>',
            _heading(child) if child.heading else "",
            localized_escaped_text(child.render_html(context)),
            "</div>",
        )
    )


def _heading(child: Any) -> str:
    label = f"{localized_escaped_text(child.heading)}{_STAR if child.is_required() else ''}"
    element = escaped_text(child.id_for_label() or "")
    if getattr(child, "read_only", False):
        return f'<h3 class="w-field__label" id="{element}-label">{label}</h3>'
    if element:
        return f'<label class="w-field__label" for="{element}" id="{element}-label">{label}</label>'
    return f'<h3 class="w-field__label">{label}</h3>'


def _field(given: Mapping[str, Any] | Context) -> list[str]:
    """The parts of a field's frame, from the context of Wagtail's template."""
    commented = bool(given["show_add_comment_button"])
    classes = "".join(
        (
            f"w-field {escaped_text(given['field_classname'])}",
            " w-field--error" if given["has_errors"] else "",
            " w-field--commentable" if commented else "",
        )
    )
    contentpath = given["contentpath"]
    path = f' data-contentpath="{escaped_text(contentpath)}"' if contentpath else ""
    return [
        f'<div class="w-field__wrapper {escaped_text(given["classname"])}"{_id(given["wrapper_id"])}',
        f"{html_attributes(given['attrs'])}>",
        _label(given) if given["show_label"] else "",
        f'<div class="{classes}" data-field{path}>',
        f'<div class="w-field__errors" data-field-errors{_id(given["error_message_id"])}>',
        _errors(given["errors"]) if given["errors"] else "",
        f'</div><div class="w-field__help"{_id(given["help_text_id"])} data-field-help>',
        f'<div class="help">{localized_escaped_text(given["help_text"])}</div>' if given["help_text"] else "",
        '</div><div class="w-field__input" data-field-input>\n',
        icon_markup(given["icon"], "w-field__icon") if given["icon"] else "",
        localized_escaped_text(given["rendered_field"]),
        _comment_button(given["label_id"]) if commented else "",
        "\n</div></div></div>",
    ]


def _id(value: Any) -> str:
    return f' id="{escaped_text(value)}"' if value else ""


def _label(given: Mapping[str, Any] | Context) -> str:
    hidden = " w-sr-only" if given["sr_only_label"] else ""
    label_for = f' for="{escaped_text(given["label_for"])}"' if given["label_for"] else ""
    star = _STAR if given["required"] else ""
    return (
        f'<label class="w-field__label{hidden}"{label_for}{_id(given["label_id"])}>'
        f"{localized_escaped_text(given['label_text'])}{star}</label>"
    )


def _errors(errors: Any) -> str:
    listed = "".join(f"{localized_escaped_text(error)} " for error in errors)
    return f'{icon_markup("warning", "w-field__errors-icon")}<p class="error-message">{listed}</p>'


def _comment_button(label_id: Any) -> str:
    described = f' aria-describedby="{escaped_text(label_id)}"' if label_id else ""
    return (
        '<button class="w-field__comment-button w-field__comment-button--add" type="button" '
        f'data-component="add-comment-button" data-comment-add '
        f'aria-label="{escaped_text(gettext("Add comment"))}"'
        f"{described}>{icon_markup('comment-add')}{icon_markup('comment-add-reversed')}</button>"
    )
