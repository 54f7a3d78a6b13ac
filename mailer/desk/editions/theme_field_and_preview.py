"""The form field of a newsletter's theme: an editor of its colours, fonts, width and corners.

The page that previews a theme, with the sample edition and the contrast of every pair, is here too.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView, View
from wagtail.admin.telepath import register

from mailer import staff_localization
from mailer.desk.base.form_widgets import ServerWidgetAdapter
from mailer.desk.base.page_base_classes import StaffPage
from mailer.desk.editions.preview_modes import shown_as
from mailer.editions import design_preview_content, newsletter_template_parts
from mailer.editions.models import Newsletter
from mailer.editions.rendering_input import masthead_of
from mailer.rendering import merge_tags, theme, variants
from mailer.rendering.data_types import Masthead, RenderedVariant
from subscribers import translate_stored_texts

_DARK = "dark_"
# The complete themes: their names and what they are for.
_THEMES: dict[str, tuple[Promise, Promise]] = {
    "": (gettext_lazy("Digest"), gettext_lazy("One large story, the others with small pictures beside them")),
    "bulletin": (
        gettext_lazy("Bulletin"),
        gettext_lazy("The office's name at the top, a coloured bar for every country"),
    ),
    "plain": (
        gettext_lazy("Plain"),
        gettext_lazy("Text only, narrow and simple, without pictures"),
    ),
    "magazine": (gettext_lazy("Magazine"), gettext_lazy("Large pictures, headlines in a serif font")),
}
_FONT_NAMES: dict[str, Promise] = {
    "sans": gettext_lazy("Segoe UI, Noto Sans, Roboto (plain fonts)"),
    "neutral": gettext_lazy("Arial, Helvetica (plain fonts)"),
    "wide": gettext_lazy("Verdana (plain, wide font)"),
    "serif": gettext_lazy("Cambria, Noto Serif (fonts with serifs)"),
    "classic": gettext_lazy("Times New Roman (font with serifs)"),
}
# The value of the choice that leads to a font stack of one's own.
_OWN = "own"
_INHERIT = theme.DEFAULTS["heading_font"]
_PICTURE = re.compile(re.escape(design_preview_content.PICTURES) + r"([\w-]+)\.jpg")
# Ways in which the preview shows the sample, by their names in the form.
SCHEMES = (("light", gettext_lazy("Light")), ("dark", gettext_lazy("Dark mode")))
WIDTHS = (("desktop", gettext_lazy("Desktop")), ("phone", gettext_lazy("Mobile")))


class _Input(NamedTuple):
    """An input of the widget."""

    token: str
    value: str
    default: str


class _Theme(NamedTuple):
    """A complete theme to choose, with its tokens for its small picture."""

    name: str
    label: str
    about: str
    tokens: Mapping[str, str]


class _Colour(NamedTuple):
    """A line of the table: one use, with its colour in the light and in the dark."""

    use: str
    inputs: tuple[_Input, _Input]


class _Font(NamedTuple):
    """A choice among font stacks, with a text field for another one."""

    token: str
    label: str
    default: str
    # (value, label, chosen)
    choices: list[tuple[str, str, bool]]
    own: str


class Verdict(NamedTuple):
    """The contrast of one pair of colours in the light and in the dark; None where they do not meet."""

    front: str
    back: str
    light: theme.PairContrast | None
    dark: theme.PairContrast | None


def colour_label(token: str) -> str:
    """What a colour is used for: "Small text", or "Small lines (dark)"."""
    name = translate_stored_texts.translated(theme.colour_use(token))
    return _("%(use)s (in dark mode)") % {"use": name} if token.startswith(_DARK) else name


def contrast_verdicts(changes: Mapping[str, str]) -> list[Verdict]:
    """The contrast of every pair that meets in the template, in the order of the template."""
    found: dict[tuple[str, str], dict[bool, theme.PairContrast]] = {}
    for one in theme.pair_contrasts(changes):
        dark = one.front.startswith(_DARK)
        found.setdefault((one.front.removeprefix(_DARK), one.back.removeprefix(_DARK)), {})[dark] = one
    return [
        Verdict(colour_label(front), colour_label(back), both.get(False), both.get(True))
        for (front, back), both in found.items()
    ]


def verdict_html(changes: Mapping[str, str]) -> SafeString:
    """The table of contrasts, below a sentence that sums it up."""
    low = len(theme.low_contrasts(changes))
    summary = (
        ngettext(
            "%(count)s pair of colours has too little contrast: text needs %(minimum)s:1.",
            "%(count)s pairs of colours have too little contrast: text needs %(minimum)s:1.",
            low,
        )
        % {"count": low, "minimum": theme.MIN_CONTRAST}
        if low
        else _("Every text has enough contrast: at least %(minimum)s:1.") % {"minimum": theme.MIN_CONTRAST}
    )
    errors = [
        translate_stored_texts.translated(error)
        for token, text in changes.items()
        if (error := theme.token_error(token, text))
    ]
    context = {"verdicts": contrast_verdicts(changes), "low": low, "summary": summary, "errors": errors}
    return render_to_string("desk/widgets/theme_contrast.html", context)


class ThemeInput(forms.Widget):
    """The theme that a newsletter starts from, and inputs for all tokens.

    Its value is the name of that theme (`theme.BASE`) where it is not the default one, and the tokens that
    differ from it.
    """

    class Media:
        js = ["desk/theme_editor.js"]
        css = {"all": ["desk/theme_editor.css"]}

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        changes = {str(key): str(one) for key, one in value.items()} if isinstance(value, Mapping) else {}
        base = changes.pop(theme.BASE, "")
        defaults = theme.theme_tokens(base)
        shown = {**defaults, **changes}
        widget = {
            "name": name,
            "id": (attrs or {}).get("id", f"id_{name}"),
            "base": base if base in theme.THEMES else "",
            "themes": [
                _Theme(key, str(label), str(about), theme.theme_tokens(key))
                for key, (label, about) in _THEMES.items()
            ],
            "tokens": {key: dict(theme.theme_tokens(key)) for key in theme.THEMES},
            "colours": list(_colours(shown, defaults)),
            "fonts": [
                _font("font", _("Font of body text"), shown, defaults),
                _font("heading_font", _("Font of headlines"), shown, defaults),
            ],
            "numbers": [
                (
                    _("Width of the email in pixels"),
                    _Input("width", shown["width"], defaults["width"]),
                    theme.WIDTHS,
                ),
                (
                    _("Radius of rounded corners in pixels"),
                    _Input("corner", shown["corner"], defaults["corner"]),
                    theme.CORNERS,
                ),
            ],
            "own": _OWN,
            "schemes": SCHEMES,
            "widths": WIDTHS,
            "languages": [(code, staff_localization.language_name(code)) for code in _languages()],
            "language": preview_language(""),
            "verdict": verdict_html(dict(theme.unvalidated_token_changes({theme.BASE: base, **changes}))),
            "preview": reverse("desk_theme_preview"),
        }
        return {"widget": widget}

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("desk/widgets/theme.html", self.get_context(name, value, attrs))

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> dict[str, str]:
        base = str(data.get(f"{name}-{theme.BASE}", ""))
        chosen = {theme.BASE: base} if base else {}
        if data.get(f"{name}-reset"):
            return chosen
        # What was left as the form showed it follows the theme that is chosen now.
        before = theme.theme_tokens(str(data.get(f"{name}-was", base)))
        defaults = theme.theme_tokens(base)
        changes = {
            token: text
            for token in theme.DEFAULTS
            if (text := _sent(data, name, token)) and text not in (before[token], defaults[token])
        }
        return {**chosen, **changes}

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return not any(f"{name}-{token}" in data for token in (theme.BASE, *theme.DEFAULTS))

    def id_for_label(self, id_: str) -> str:
        return ""


def _colours(shown: Mapping[str, str], defaults: Mapping[str, str]) -> Iterator[_Colour]:
    for token in theme.USES:
        light, dark = token, _DARK + token
        yield _Colour(
            colour_label(token),
            (_Input(light, shown[light], defaults[light]), _Input(dark, shown[dark], defaults[dark])),
        )


def _font(name: str, label: str, shown: Mapping[str, str], defaults: Mapping[str, str]) -> _Font:
    offered = {stack: str(_FONT_NAMES[key]) for key, stack in theme.FONTS.items()}
    if name == "heading_font":
        offered = {_INHERIT: _("The same font as body text"), **offered}
    value = shown[name]
    choices = [(stack, text, stack == value) for stack, text in offered.items()]
    choices.append((_OWN, _("Other fonts: write their names"), value not in offered))
    return _Font(name, label, defaults[name], choices, "" if value in offered else value)


def _sent(data: Mapping[str, Any], name: str, token: str) -> str:
    """A token as it was sent, in the one way of writing it."""
    text = str(data.get(f"{name}-{token}", "")).strip()
    if text == _OWN:
        text = str(data.get(f"{name}-{token}-own", "")).strip()
    if token in ("font", "heading_font", "width", "corner"):
        return text
    # Browsers write colours in lower case, and people leave out the sign.
    return text.upper() if text.startswith("#") or not text else f"#{text.upper()}"


register(ServerWidgetAdapter(), ThemeInput)


class ThemeField(forms.Field):
    """Changes to a theme: {"accent": "#0A6E7A"}. Text must keep enough contrast."""

    widget = ThemeInput

    def to_python(self, value: Any) -> dict[str, str]:
        return dict(value or {})

    def has_changed(self, initial: Any, data: Any) -> bool:
        return dict(initial or {}) != dict(data or {})

    def validate(self, value: dict[str, str]) -> None:
        if value.get(theme.BASE, "") not in theme.THEMES:
            raise ValidationError(_("Choose one of the themes on the list."))
        changes = dict(theme.unvalidated_token_changes(value))
        found = [error for token, text in changes.items() if (error := theme.token_error(token, text))]
        errors = [translate_stored_texts.translated(error) for error in found]
        errors += [
            _("The colour “%(front)s” on “%(back)s” has a contrast of %(ratio)s:1; text needs %(minimum)s:1.")
            % {
                "front": colour_label(one.front),
                "back": colour_label(one.back),
                "ratio": f"{one.ratio:.1f}",
                "minimum": theme.MIN_CONTRAST,
            }
            for one in theme.low_contrasts(changes)
        ]
        if errors:
            raise ValidationError(errors)


def _languages() -> tuple[str, ...]:
    return tuple(settings.CONFIG.site.languages)


def preview_language(wanted: str) -> str:
    """The language of the preview: the wanted one, that of the page, or the site's first."""
    offered = _languages()
    return next(
        (code for code in (wanted, staff_localization.active_language()) if code in offered), offered[0]
    )


def render_sample(masthead: Masthead, language: str) -> RenderedVariant:
    """The sample edition under `masthead`, with pictures that the desk serves and placeholder values."""
    content = design_preview_content.design_preview_content(masthead, settings.CONFIG.site.url)
    rendered = variants.render(content, (), language)
    values = {
        "unsubscribe_url": "#",
        "preferences_url": "#",
        "countries": merge_tags.country_names_or_all((), language),
    }
    html = merge_tags.fill_html(rendered.html, values)
    html = _PICTURE.sub(lambda found: reverse("desk_sample_picture", args=[found[1]]), html)
    return dataclasses.replace(rendered, html=html, text=merge_tags.fill_text(rendered.text, values))


def _pictures() -> dict[str, Path]:
    return {file.stem: file for file in (design_preview_content.FOLDER / "pictures").glob("*.jpg")}


class SamplePicture(StaffPage, View):
    """A picture of the sample edition."""

    permission_required = "wagtailadmin.access_admin"
    http_method_names = ["get"]

    def get(self, request: HttpRequest, picture: str) -> HttpResponse | FileResponse:
        file = _pictures().get(picture)
        if file is None:
            raise Http404
        response = FileResponse(file.open("rb"), content_type="image/jpeg")
        response["Cache-Control"] = "private, max-age=86400"
        return response


class ThemePreview(StaffPage, TemplateView):
    """POST only, and changes nothing: the sample edition with the theme that the form of a newsletter has.

    A script of the form asks for JSON: the HTML of the mail, and the table of contrasts.
    """

    permission_required = "mailer.change_newsletter"
    http_method_names = ["post"]
    template_name = "desk/editions/theme_preview.html"
    page_title = gettext_lazy("Preview of the newsletter's theme")
    header_icon = "mail"
    breadcrumbs_above = (("desk_newsletters:index", gettext_lazy("Newsletters")),)

    def has_permission(self) -> bool:
        may = self.request.user.has_perm
        return may("mailer.change_newsletter") or may("mailer.add_newsletter")

    def post(self, request: HttpRequest) -> HttpResponse:
        changes = ThemeInput().value_from_datadict(request.POST, request.FILES, "theme")
        resolved = theme.unvalidated_token_changes(changes)
        language = preview_language(request.POST.get("theme-language", ""))
        masthead = _masthead(request.POST, changes)
        email = render_sample(masthead, language)
        if "application/json" in request.headers.get("Accept", ""):
            shown = shown_as(email, request.POST.get("theme-scheme", ""))
            return JsonResponse({"html": shown.html, "verdict": verdict_html(dict(resolved))})
        frames = [
            (scheme, label, width, width_label, shown_as(email, scheme).html)
            for scheme, label in SCHEMES
            for width, width_label in WIDTHS
        ]
        return self.render_to_response(
            self.get_context_data(frames=frames, language=language, verdict=verdict_html(dict(resolved)))
        )


def _masthead(data: Mapping[str, Any], changes: Mapping[str, str]) -> Masthead:
    """The newsletter of the form, as far as its fields are filled in, with its own template parts."""
    site = settings.CONFIG.site
    slug = str(data.get("slug", ""))[:50]
    found = Newsletter.objects.prefetch_related("texts").filter(slug=slug).first()
    saved = found or Newsletter(slug=slug)
    saved.theme = dict(changes)
    known = masthead_of(found) if found else None
    return Masthead(
        slug="newsletter",
        name=str(data.get("name", "")).strip()[:120] or site.name,
        office=str(data.get("office", "")).strip()[:160] or site.name,
        postal_address=str(data.get("postal_address", "")).strip()[:240],
        countries=site.countries,
        languages=site.languages,
        fallbacks=site.languages[:2],
        taglines=known.taglines if known else (),
        theme=theme.unvalidated_token_changes(changes),
        templates=newsletter_template_parts.template_part_overrides(saved),
        texts=known.texts if known else (),
        logo=known.logo if known else None,
        logo_dark=known.logo_dark if known else None,
    )
