"""Form widgets for countries, languages and time zones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from subscribers import iso_codes
from subscribers.fields import split_codes

Choices = list[tuple[str, str]]


def country_choices(codes: Iterable[str]) -> Choices:
    """Codes with the countries' English names, in the order given."""
    return [(code, iso_codes.country_name(code, "en")) for code in codes]


def language_choices(codes: Iterable[str]) -> Choices:
    """Codes with the languages' English names, in the order given."""
    return [(code, iso_codes.language_name(code, "en")) for code in codes]


def office_countries() -> Choices:
    """The countries that this office works in."""
    return country_choices(settings.CONFIG.site.countries)


def office_languages() -> Choices:
    """The languages that this office writes in."""
    return language_choices(settings.CONFIG.site.languages)


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
    others_label = "Other countries"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        chosen = self.format_value(value)
        offered = list(dict.fromkeys([*getattr(settings.CONFIG.site, self.offered_section), *chosen]))
        named = dict(self.choices)
        context: dict[str, Any] = {
            "name": name,
            "id": (attrs or {}).get("id", f"id_{name}"),
            "ordered": self.ordered,
        }
        context["boxes"] = [(code, named.get(code, code), code in chosen) for code in offered]
        context["others"] = [(code, label) for code, label in self.choices if code not in offered]
        context["first"] = chosen[0] if chosen else ""
        context["all"] = [(code, named.get(code, code)) for code in offered] + context["others"]
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
    others_label = "Other languages"


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


class LanguageSelect(forms.Select):
    """One of the office's languages, or the current value if the office no longer uses it."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, [("", "Choose a language"), *office_languages()])

    def build_attrs(
        self, base_attrs: dict[str, Any], extra_attrs: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        built = super().build_attrs(base_attrs, extra_attrs)
        # A text field passes its maxlength to the widget; a select has none.
        built.pop("maxlength", None)
        return built

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        known = {code for code, _ in self.choices}
        extra = language_choices(code for code in value if code and code not in known)
        self.choices = [*self.choices, *extra]
        return super().optgroups(name, value, attrs)


class ZoneSelect(forms.Select):
    """IANA time zones, with those of the office's region first."""

    def __init__(self, attrs: dict[str, Any] | None = None, zones: Sequence[str] = ()) -> None:
        super().__init__(attrs, [(zone, zone.replace("_", " ")) for zone in zones])

    def build_attrs(
        self, base_attrs: dict[str, Any], extra_attrs: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        built = super().build_attrs(base_attrs, extra_attrs)
        built.pop("maxlength", None)
        return built


def _getlist(data: Any, name: str) -> list[str]:
    if hasattr(data, "getlist"):
        return list(data.getlist(name))
    value = data.get(name) or []
    return [value] if isinstance(value, str) else list(value)
