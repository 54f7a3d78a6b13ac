"""Form widgets for countries, languages and time zones; forms with translations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import BadRequest
from django.forms.utils import flatatt
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from draftjs_exporter.error import ExporterException
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.rich_text.editors.draftail import DraftailRichTextArea
from wagtail.admin.telepath import register
from wagtail.admin.telepath.widgets import WidgetAdapter

from mailer import staff_localization
from mailer.desk.base.markup import escaped_text, join_safe_markup
from subscribers.code_list_field import split_codes


def parse_non_negative_int(text: str) -> int | None:
    """A non-negative integer that fits a primary key; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def input_value(value: Any) -> str:
    """A value as text for a form field. Floats keep full precision, because the form saves them."""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


Choices = list[tuple[str, str]]


def language_choices(codes: Iterable[str]) -> Choices:
    """Codes with the languages' English names, in the order given."""
    return [(code, staff_localization.language_name(code)) for code in codes]


def site_country_choices() -> Choices:
    """The countries of `[site] countries`, with their English names."""
    return [(code, staff_localization.country_name(code)) for code in settings.CONFIG.site.countries]


def content_languages() -> Choices:
    """The languages that this office writes in."""
    return language_choices(settings.CONFIG.site.languages)


# Levels of a list in a text, far more than the editor makes.
_MAX_LIST_DEPTH = 50


class RichTextArea(DraftailRichTextArea):
    """Wagtail's rich text editor. A content that it never sends is answered with 400, as a broken request."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        if not data.get(name):
            # As the editor sends an empty text.
            return ""
        try:
            content = json.loads(data[name])
            if content is None:
                # Before the first key the editor sends "null".
                return ""
            if any(not 0 <= block.get("depth", 0) <= _MAX_LIST_DEPTH for block in content["blocks"]):
                raise ValueError("a list is nested too deep")
            return super().value_from_datadict(data, files, name)
        except (
            ValueError,
            TypeError,
            AttributeError,
            LookupError,
            RecursionError,
            ExporterException,
        ) as error:
            raise BadRequest("The content of a rich text is invalid.") from error


def _options(choices: Iterable[tuple[Any, Any]], chosen: Sequence[str]) -> SafeString:
    """Elements of a select. Django has a template for each, which takes long where there are hundreds."""
    return join_safe_markup(
        f'<option value="{escaped_text(value)}"{" selected" if value in chosen else ""}>'
        f"{escaped_text(label)}</option>\n"
        for value, label in choices
    )


def _boxes(name: str, element_id: str, choices: Iterable[tuple[Any, Any]]) -> SafeString:
    """Items of a list of checkboxes, none checked."""
    name, element_id = escaped_text(name), escaped_text(element_id)
    return join_safe_markup(
        f'<li><label for="{element_id}-{code}"><input type="checkbox" name="{name}" value="{code}" '
        f'id="{element_id}-{code}"> {escaped_text(label)}</label></li>\n'
        for code, label in ((escaped_text(code), label) for code, label in choices)
    )


class _TemplateWidget(forms.SelectMultiple):
    """Renders from the project's template directory; Django searches only the apps' directories."""

    use_fieldset = True

    def _render(self, template_name: str, context: dict[str, Any], renderer: Any = None) -> SafeString:
        return render_to_string(template_name, context)

    def id_for_label(self, id_: str, index: str | None = None) -> str:
        return ""

    def format_value(self, value: Any) -> list[str]:
        return list(split_codes(value))


class CountriesInput(_TemplateWidget):
    """Checkboxes for the office's countries and a list of all other countries."""

    template_name = "desk/widgets/countries.html"
    ordered = False
    offered_section = "countries"
    others_label = _("Choose from all other countries")

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        chosen = self.format_value(value)
        offered = list(dict.fromkeys([*getattr(settings.CONFIG.site, self.offered_section), *chosen]))
        named = dict(self.choices)
        context: dict[str, Any] = {
            "name": name,
            "id": (attrs or {}).get("id", f"id_{name}"),
            "ordered": self.ordered,
        }
        # The first country has a field of its own, and is not ticked among the further ones.
        ticked = chosen[1:] if self.ordered else chosen
        context["boxes"] = [(code, named.get(code, code), code in ticked) for code in offered]
        others = [(code, label) for code, label in self.choices if code not in offered]
        context["other_boxes"] = _boxes(name, context["id"], others)
        if self.ordered:
            every = [*((code, named.get(code, code)) for code in offered), *others]
            context["options"] = _options(every, chosen[:1])
        context["others_label"] = self.others_label
        context["disabled"] = bool((attrs or {}).get("disabled"))
        context["describedby"] = (attrs or {}).get("aria-describedby", "")
        return {"widget": context}

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[str]:
        codes = _getlist(data, name)
        if self.ordered:
            codes = [*_getlist(data, f"{name}-first"), *codes]
        return list(split_codes(codes))

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


class OrderedCountriesInput(CountriesInput):
    """CountriesInput with a choice of the first country: where a story happened."""

    ordered = True


class LanguagesInput(CountriesInput):
    """Checkboxes for the office's languages and a list of all other languages."""

    offered_section = "languages"
    others_label = _("Choose from all other languages")


class LanguageOrderInput(_TemplateWidget):
    """An ordered list of languages: one drop-down per position, as many as the office has languages."""

    template_name = "desk/widgets/language_order.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        chosen = self.format_value(value)
        offered = list(dict.fromkeys([*settings.CONFIG.site.languages, *chosen]))
        positions = [*chosen, *[""] * (len(offered) - len(chosen))]
        return {
            "widget": {
                "name": name,
                "id": (attrs or {}).get("id", f"id_{name}"),
                "slots": list(enumerate(positions, start=1)),
                "choices": language_choices(offered),
            }
        }

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[str]:
        return list(split_codes(_getlist(data, name)))


class _SelectForTextField(forms.Select):
    """A text field passes its maxlength to the widget; a select has none."""

    def build_attrs(
        self, base_attrs: dict[str, Any], extra_attrs: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        built = super().build_attrs(base_attrs, extra_attrs)
        built.pop("maxlength", None)
        return built


class LanguageSelect(_SelectForTextField):
    """One of the office's languages, or the current value if the office no longer uses it."""

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        # Now, because a form is defined before it is known who reads it.
        offered = content_languages()
        known = {code for code, _ in offered}
        extra = language_choices(code for code in value if code and code not in known)
        self.choices = [("", gettext("Choose a language")), *offered, *extra]
        return super().optgroups(name, value, attrs)


class ZoneSelect(_SelectForTextField):
    """IANA time zones, with those of the office's region first."""

    def __init__(self, attrs: dict[str, Any] | None = None, zones: Sequence[str] = ()) -> None:
        super().__init__(attrs, [(zone, zone.replace("_", " ")) for zone in zones])

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        chosen = self.format_value(value)
        # Keep a stored zone that is no longer offered: saving the form must not replace it.
        known = {zone for zone, _label in self.choices}
        others = [(zone, zone) for zone in chosen if zone and zone not in known]
        options = _options([*others, *self.choices], chosen)
        built = flatatt({"name": name, **self.build_attrs(self.attrs, attrs)})
        return format_html("<select{}>\n{}\n</select>", built, options)


class ServerWidgetAdapter(WidgetAdapter):
    """Wagtail's adapter for scripts, without the HTML from which they make new inputs.

    That is as long as the widget itself; scripts make none of ours.
    """

    def js_args(self, widget: forms.Widget) -> list[Any]:
        return [""]


for _widget in (_TemplateWidget, ZoneSelect):
    register(ServerWidgetAdapter(), _widget)


def _getlist(data: Any, name: str) -> list[str]:
    if hasattr(data, "getlist"):
        return list(data.getlist(name))
    value = data.get(name) or []
    return [value] if isinstance(value, str) else list(value)


class TranslationsForm(WagtailAdminModelForm):
    """A form with inline `texts`. Django rejects a repeated language; this puts the error at its field."""

    def is_valid(self) -> bool:
        valid = bool(super().is_valid())
        if self.is_bound:
            self._mark_repeated_languages()
        return valid

    def _mark_repeated_languages(self) -> None:
        texts = self.formsets["texts"]
        seen: set[str] = set()
        for child in texts.forms:
            # Django removed the repeated value from the cleaned data, so read what was typed.
            language = str(child["language"].value() or "")
            if not language or child in texts.deleted_forms:
                continue
            if language in seen and "language" not in child.errors:
                child.add_error("language", _repeated_message(language))
            seen.add(language)


def _repeated_message(language: str) -> str:
    name = staff_localization.language_name(language)
    return gettext("There is already a text in %(name)s. Edit that one, or choose another language.") % {
        "name": name
    }
