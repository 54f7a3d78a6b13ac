"""The glossary of names of a newsletter: the table, the form of a name, and its file (CSV)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView, TemplateView
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer import staff_localization
from mailer.desk.base.page_base_classes import NewsletterPage, current_user
from mailer.editions import glossary_matching, translation_glossary
from mailer.editions.models import GlossaryTerm, Newsletter
from mailer.editions.translation_glossary import InvalidTerms
from mailer.rendering import localization

_PROBLEMS = {
    "not_csv": _("A glossary must be a CSV file in UTF-8, and this file is not."),
    "no_language": _(
        "The first line of the file must name the columns by language codes, as in the file that "
        "you can download here."
    ),
    "no_name": _("Line %(line)s of the glossary file has no name in any language of the newsletter."),
    "too_long": _(
        "Line %(line)s of the glossary file: at most 10 forms of 200 characters, and a note of "
        "200 characters, are possible."
    ),
    "too_many": _("The glossary file is too large: at most 2 MB and 2,000 names are possible."),
    "other_newsletter": _(
        "Line %(line)s of the glossary file: in the column “newsletter”, write this newsletter’s "
        "slug, or * for every newsletter."
    ),
}


class _GlossaryPage(NewsletterPage):
    permission_required = "mailer.change_edition"
    page_title = _("Glossary of names")

    def note_change(self, action: str, name: str) -> None:
        log(
            instance=self.object,
            action="desk.change_glossary",
            user=current_user(self.request),
            data={"change": action, "name": name},
        )


class GlossaryPage(_GlossaryPage, TemplateView):
    """The names that hold for the newsletter (GET); takes over a CSV file (POST)."""

    template_name = "desk/editions/glossary.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        languages = self.object.languages
        return super().get_context_data(
            object=self.object,
            languages=[(code, staff_localization.language_name(code)) for code in languages],
            lines=[
                {
                    "row": row,
                    "label": str(row),
                    "cells": [
                        (code, row.names.get(code, ()), row.forbidden.get(code, ())) for code in languages
                    ],
                }
                for row in translation_glossary.newsletter_and_shared_terms(self.object)
            ],
            **kwargs,
        )

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        upload = request.FILES.get("file")
        data = upload.read(3_000_000) if upload else b""
        try:
            added, changed = translation_glossary.import_csv(self.object, data, self.object.languages)
        except InvalidTerms as error:
            messages.error(request, str(_PROBLEMS[error.code]) % {"line": error.line})
            return redirect("desk_glossary", self.object.pk)
        self.note_change("import", f"+{added} ~{changed}")
        messages.success(
            request,
            gettext("The glossary file is imported. New names: %(added)s. Changed names: %(changed)s.")
            % {"added": added, "changed": changed},
        )
        return redirect("desk_glossary", self.object.pk)


class GlossaryExport(_GlossaryPage, TemplateView):
    """The names as CSV (GET)."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        name = f"{self.object.slug}-glossary.csv"
        return HttpResponse(
            # Spreadsheets take CSV for UTF-8 only with a byte order mark.
            "\N{ZERO WIDTH NO-BREAK SPACE}" + translation_glossary.as_csv(self.object, self.object.languages),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


class TermForm(forms.Form):
    """The forms of a name in each language, one in each line."""

    base = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, newsletter: Newsletter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.languages = newsletter.languages
        for code in self.languages:
            named = {"language": staff_localization.language_name(code)}
            for kind, label in (
                ("names", gettext("Right form of the name in %(language)s")),
                ("forbidden", gettext("Forms of the name that are not allowed in %(language)s")),
            ):
                self.fields[f"{kind}_{code}"] = forms.CharField(
                    label=label % named,
                    required=False,
                    widget=forms.Textarea(
                        {"lang": code, "dir": localization.text_direction(code), "rows": 2, "cols": 30}
                    ),
                )
        self.fields["note"] = forms.CharField(
            label=gettext("Note about this name for translators"), required=False, max_length=200
        )
        self.fields["everywhere"] = forms.BooleanField(
            label=gettext("Use this name for every newsletter"), required=False
        )

    def pairs(self) -> list[tuple[str, Any, Any]]:
        """(name of the language, field of its names, field of its forbidden forms)."""
        return [
            (staff_localization.language_name(code), self[f"names_{code}"], self[f"forbidden_{code}"])
            for code in self.languages
        ]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for kind in ("names", "forbidden"):
            cleaned[kind] = {}
            for code in self.languages:
                try:
                    found = translation_glossary.parse_forms(cleaned.get(f"{kind}_{code}", ""))
                except InvalidTerms:
                    text = gettext(
                        "Write at most 10 forms of the name, each on its own line and with at most 200 "
                        "characters."
                    )
                    self.add_error(f"{kind}_{code}", text)
                    continue
                if found:
                    cleaned[kind][code] = found
        if not cleaned["names"]:
            raise ValidationError(gettext("Write the name in at least one language."))
        return cleaned


class GlossaryTermPage(_GlossaryPage, FormView[TermForm]):
    """The form of a new name, or of one that exists; POST with `delete` removes it."""

    form_class = TermForm
    template_name = "desk/editions/glossary_term.html"
    term: GlossaryTerm | None = None

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        if pk := kwargs.get("term"):
            self.term = next(
                (
                    row
                    for row in translation_glossary.newsletter_and_shared_terms(self.object)
                    if row.pk == pk
                ),
                None,
            )
            if self.term is None:
                raise Http404

    def get_page_title(self) -> str:
        return str(self.term) if self.term else gettext("Add a name to the glossary")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "newsletter": self.object}

    def get_initial(self) -> dict[str, Any]:
        term = self.term
        if term is None:
            return {}
        lines = {
            f"{kind}_{code}": "\n".join(forms)
            for kind, by_language in (("names", term.names), ("forbidden", term.forbidden))
            for code, forms in by_language.items()
        }
        everywhere = term.newsletter_id is None
        return {**lines, "note": term.note, "everywhere": everywhere, "base": _digest(term)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(term=self.term, object=self.object, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "delete" in request.POST and self.term is not None:
            name = str(self.term)
            self.term.delete()
            self.note_change("delete", name)
            messages.success(request, gettext("“%(name)s” is deleted from the glossary.") % {"name": name})
            return redirect("desk_glossary", self.object.pk)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: TermForm) -> HttpResponse:
        given = form.cleaned_data
        term = self.term or GlossaryTerm()
        if self.term is not None and given["base"] != _digest(term):
            text = gettext(
                "Another person changed this field while you were editing it: “%(text)s”. Save again to "
                "keep your text."
            )
            shown = "; ".join(f"{code}: {', '.join(forms)}" for code, forms in term.names.items())
            form.add_error(None, text % {"text": shown})
            form.data = {**form.data.dict(), "base": _digest(term)}  # type: ignore[attr-defined]
            return self.form_invalid(form)
        own = set(self.object.languages)
        # A name for every newsletter may have languages that this one does not.
        for kind in ("names", "forbidden"):
            others = {code: forms for code, forms in getattr(term, kind).items() if code not in own}
            setattr(term, kind, {**others, **given[kind]})
        term.note = given["note"]
        term.newsletter = None if given["everywhere"] else self.object
        term.save()
        self.note_change("edit" if self.term else "add", str(term))
        messages.success(self.request, gettext("“%(name)s” is saved in the glossary.") % {"name": term})
        return redirect("desk_glossary", self.object.pk)


def _digest(term: GlossaryTerm) -> str:
    """By which a form knows the name that it began with."""
    held = json.dumps([term.names, term.forbidden, term.note, term.newsletter_id], sort_keys=True)
    return hashlib.sha256(held.encode()).hexdigest()[:16]


def notes_for(text: str, source: str, target: str, terms: tuple[glossary_matching.Term, ...]) -> list[str]:
    """What translators should know of the names in a text: "International Office = Халықаралық кеңсе"."""
    notes = []
    for term in glossary_matching.terms_in({source: text}, terms):
        allowed, refused = " / ".join(term.forms(target)), " / ".join(term.forbidden_forms(target))
        if not (allowed or refused or term.note):
            continue
        named = {"term": term.forms(source)[0], "names": allowed or "—", "forbidden": refused}
        line = (
            gettext("Name in the glossary: %(term)s = %(names)s; not: %(forbidden)s")
            if refused
            else gettext("Name in the glossary: %(term)s = %(names)s")
        ) % named
        notes.append(f"{line} ({term.note})" if term.note else line)
    return notes
