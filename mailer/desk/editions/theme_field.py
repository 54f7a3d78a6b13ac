"""The form field of a newsletter's theme: a colour input per token, with a check of the contrast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailer.rendering import theme
from subscribers import stored_texts

# What each colour is used for, as staff read it.
_USES: dict[str, Promise] = {
    "ground": gettext_lazy("Around the page"),
    "page": gettext_lazy("Page"),
    "tint": gettext_lazy("Tinted blocks"),
    "ink": gettext_lazy("Text"),
    "heading": gettext_lazy("Headlines"),
    "accent": gettext_lazy("Country lines and links"),
    "deep": gettext_lazy("Masthead and buttons"),
    "on_deep": gettext_lazy("Text on the masthead"),
    "deep_link": gettext_lazy("Links on the masthead"),
    "signal": gettext_lazy("Edition number and main action"),
    "quiet": gettext_lazy("Small lines"),
    "rule": gettext_lazy("Lines between blocks"),
    "band": gettext_lazy("Ornament"),
}
_DARK = "dark_"


class _Colour(NamedTuple):
    """An input of the widget."""

    token: str
    label: str
    value: str
    default: str


def colour_label(token: str) -> str:
    """What a colour is used for: "Small lines", or "Small lines (dark)"."""
    name = str(_USES[token.removeprefix(_DARK)])
    return _("%(use)s (dark)") % {"use": name} if token.startswith(_DARK) else name


class ThemeInput(forms.Widget):
    """A colour input per token, the font and the width. Its value is what differs from the default."""

    class Media:
        js = ["desk/theme_contrast.js"]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        changes = value if isinstance(value, Mapping) else {}
        shown = {**theme.DEFAULTS, **{key: str(one) for key, one in changes.items()}}
        widget = {
            "name": name,
            "id": (attrs or {}).get("id", f"id_{name}"),
            "light": list(self._colours(shown, "")),
            "dark": list(self._colours(shown, _DARK)),
            "font": shown["font"],
            "width": shown["width"],
            "pairs": theme.CONTRAST_PAIRS,
            "minimum": theme.MIN_CONTRAST,
        }
        return {"widget": widget}

    def _colours(self, shown: Mapping[str, str], prefix: str) -> Iterator[_Colour]:
        for token, use in _USES.items():
            yield _Colour(prefix + token, str(use), shown[prefix + token], theme.DEFAULTS[prefix + token])

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("desk/widgets/theme.html", self.get_context(name, value, attrs))

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> dict[str, str]:
        sent = {token: str(data.get(f"{name}-{token}", "")).strip() for token in theme.DEFAULTS}
        # Browsers write colours in lower case.
        written = {token: text.upper() if text.startswith("#") else text for token, text in sent.items()}
        return {token: text for token, text in written.items() if text and text != theme.DEFAULTS[token]}

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return not any(f"{name}-{token}" in data for token in theme.DEFAULTS)

    def id_for_label(self, id_: str) -> str:
        return ""


class ThemeField(forms.Field):
    """Changes to the default theme: {"accent": "#0A6E7A"}. Text must keep enough contrast."""

    widget = ThemeInput

    def to_python(self, value: Any) -> dict[str, str]:
        return dict(value or {})

    def has_changed(self, initial: Any, data: Any) -> bool:
        return dict(initial or {}) != dict(data or {})

    def validate(self, value: dict[str, str]) -> None:
        found = [error for token, text in value.items() if (error := theme.token_error(token, text))]
        errors = [stored_texts.translated(error) for error in found]
        errors += [
            _("“%(front)s” on “%(back)s” has a contrast of %(ratio)s:1; text needs %(minimum)s:1.")
            % {
                "front": colour_label(one.front),
                "back": colour_label(one.back),
                "ratio": f"{one.ratio:.1f}",
                "minimum": theme.MIN_CONTRAST,
            }
            for one in theme.low_contrasts(value)
        ]
        if errors:
            raise ValidationError(errors)
