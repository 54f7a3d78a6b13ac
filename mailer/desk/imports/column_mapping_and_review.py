"""The pages of one import: mapping columns, reviewing the dry run, importing, undoing, rejected rows."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext, gettext_noop, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView, View
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer import staff_localization
from mailer.accounts.reauthentication import requires_recent_sign_in
from mailer.desk.base.page_base_classes import ObjectPage
from mailer.desk.imports.labels_and_totals import (
    COLUMN_LABELS,
    EFFECTS,
    STATUS_LABELS,
    accepted_and_rejected_samples,
    totals,
    warnings_by_kind,
)
from mailer.desk.imports.list_and_upload import State, state_tone_and_label
from mailer.reports.number_formats import format_number
from mailer.reports.spreadsheet_export import csv_lines, rejected_rows_sheet
from subscribers import iso_codes
from subscribers.imports import (
    countries_and_languages,
    job_lifecycle,
    likeliest_encoding,
    unknown_values,
    uploads_and_staging,
)
from subscribers.imports.column_mapping import FIELDS, REPEATABLE, Columns, custom_field_targets_by_heading
from subscribers.imports.models import ImportJob, RejectedRow
from subscribers.imports.row_types import UnreadableFile
from subscribers.imports.staff_questions import Question
from subscribers.imports.unknown_values import UnknownValue
from subscribers.imports.validate import WARNINGS
from subscribers.resumable_jobs import UNDO_FOR, WrongState

_IN_PROGRESS = (State.READING, State.APPLYING, State.UNDOING)


class _ImportPage(ObjectPage[ImportJob], TemplateView):
    """A page about `self.object`. GET changes nothing."""

    permission_required = "subscribers.view_importjob"
    post_permission = "subscribers.change_importjob"
    breadcrumbs_above = (("desk_imports:index", _("Imports")),)
    header_icon = "upload"
    page_title = _("Import")

    def get_queryset(self) -> QuerySet[ImportJob]:
        return ImportJob.objects.select_related("mailing_list")

    def get_page_subtitle(self) -> str:
        return self.object.file_name

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        *above, page = super().get_breadcrumbs_items()
        return [*above, {**page, "label": self.object.file_name}]


class ColumnsPage(_ImportPage):
    """Shows the first rows and the detected mapping of columns (GET); saves the mapping (POST)."""

    template_name = "desk/imports/columns.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.object.state != State.MAPPING:
            return redirect("desk_import", self.object.pk)
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        given = self.request.POST if self.request.method == "POST" else self.request.GET
        options = self.object.options
        encoding = given.get("encoding", options.get("encoding", ""))
        delimiter = given.get("delimiter", options.get("delimiter", ""))
        chosen = _valid(encoding, _ENCODINGS), _valid(delimiter, _DELIMITERS)
        context = super().get_context_data(job=self.object, **kwargs)
        context |= {"encoding": encoding, "delimiter": delimiter, "encodings": _ENCODINGS}
        context |= {"delimiters": _DELIMITERS}
        try:
            preview = uploads_and_staging.preview(self.object, *chosen)
        except UnreadableFile as error:
            return {**context, "file_error": str(error)}
        form = context.get("form") or ColumnsForm(
            columns=preview.columns, questions=_questions(self.object, preview)
        )
        rows = [[*row, *[""] * (len(preview.columns.fields) - len(row))] for row in preview.rows]
        cells = [
            _ShownColumn(
                heading,
                form[f"column_{number}"],
                form.asked.get(number) or _distinct(row[number - 1] for row in rows),
                number in form.asked,
                str(EFFECTS.get(form[f"column_{number}"].initial, "")),
                [form[name] for name in form.words_of.get(number, ())],
                number - 1 in preview.columns.residence,
            )
            for number, heading in enumerate(preview.columns.headings, start=1)
            if number - 1 not in preview.columns.expanded
        ]
        return {**context, "preview": preview, "form": form, "cells": cells}

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if self.object.state != State.MAPPING:
            # Submitted twice: the mapping is saved already.
            return redirect("desk_import", self.object.pk)
        encoding = _valid(request.POST.get("encoding", ""), _ENCODINGS)
        delimiter = _valid(request.POST.get("delimiter", ""), _DELIMITERS)
        try:
            preview = uploads_and_staging.preview(self.object, encoding, delimiter)
        except UnreadableFile:
            return self.render_to_response(self.get_context_data())
        questions = _questions(self.object, preview)
        form = ColumnsForm(request.POST, columns=preview.columns, questions=questions)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        try:
            job_lifecycle.set_columns(self.object, form.mapping(), encoding, delimiter, form.words())
        except WrongState as error:
            messages.error(request, str(error))
        return redirect("desk_import", self.object.pk)


@dataclass(frozen=True)
class _ShownColumn:
    """One column on the page."""

    heading: str
    field: forms.BoundField
    cells: Sequence[str]
    # Whether a person must decide what it is about, and what the safe answer does.
    asked: bool
    effect: str
    # A choice for each word that is not understood.
    words: Sequence[forms.BoundField]
    # Whether each cell names one country, which may be where subscribers live.
    residence: bool


def _questions(job: ImportJob, preview: uploads_and_staging.Preview) -> list[Question]:
    """What the first rows ask, and what the worker asked after all rows."""
    headings = preview.columns.headings
    found: dict[tuple[int, str], Question] = {}
    later = [Question(one[0], one[1], tuple(one[2]), *one[3:]) for one in job.options.get("questions", ())]
    for one in [*preview.questions, *later]:
        if not one.column:
            if one.heading not in headings:
                continue
            one = one._replace(column=headings.index(one.heading) + 1)
        if (before := found.get((one.column, one.about))) is not None:
            one = one._replace(values=tuple(dict.fromkeys((*before.values, *one.values))))
        found[one.column, one.about] = one
    return sorted(found.values())


class ColumnsForm(forms.Form):
    """One choice per column: the field that it is imported into; and one per word that is not understood."""

    def __init__(
        self, *args: Any, columns: Columns, questions: Sequence[Question] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._detected = columns.fields
        # Cells of the columns that a person must decide about, by number.
        self.asked = {one.column: list(one.values) for one in questions if one.about == "column"}
        # Names of form fields by number of the column, and the word of each.
        self.words_of: dict[int, list[str]] = {}
        self._words: dict[str, str] = {}
        proposed = {one.column: one.proposed for one in questions if one.about == "column"}
        choices = [(name, COLUMN_LABELS[name]) for name in FIELDS]
        countries = sorted(iso_codes.COUNTRIES, key=lambda code: staff_localization.country_name(code))
        custom = [
            (field, field.removeprefix("field:"))
            for field in sorted(custom_field_targets_by_heading().values())
        ]
        groups: list[Any] = [(gettext("Custom fields"), custom)] if custom else []
        each = [
            (
                f"country:{code}",
                gettext("Interested in the country %(country)s")
                % {"country": staff_localization.country_name(code)},
            )
            for code in countries
        ]
        for number, (heading, field) in enumerate(
            zip(columns.headings, columns.fields, strict=True), start=1
        ):
            if number - 1 in columns.expanded:
                # Its keys are columns of their own.
                continue
            self.fields[f"column_{number}"] = forms.ChoiceField(
                label=gettext("Import the column “%(heading)s” as") % {"heading": heading or number},
                initial=proposed.get(number, field),
                choices=[*choices, *groups, (gettext("Country"), each)],
            )
        for question in questions:
            for word in question.values if question.about == "words" else ():
                name = f"word_{question.column}_{len(self._words)}"
                self._words[name] = word
                self.words_of.setdefault(question.column, []).append(name)
                self.fields[name] = forms.ChoiceField(
                    label=gettext("In the file, “%(word)s” means") % {"word": word},
                    initial=question.proposed,
                    choices=[(status.value, label) for status, label in STATUS_LABELS.items()],
                )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen = [value for name, value in cleaned.items() if name.startswith("column_")]
        if "email" not in chosen:
            raise forms.ValidationError(
                gettext("Choose the column of the file that contains the email address.")
            )
        repeated = [one for one in set(chosen) if one not in REPEATABLE and chosen.count(one) > 1]
        if repeated:
            label = COLUMN_LABELS.get(repeated[0], repeated[0].partition(":")[2])
            raise forms.ValidationError(
                gettext("Two columns are mapped to %(label)s. Choose “Do not import” for one of them.")
                % {"label": label}
            )
        return cleaned

    def mapping(self) -> dict[str, str]:
        """What was decided: a field that was detected and left as it is stays under observation."""
        fields = {
            int(name.removeprefix("column_")): field
            for name, field in self.cleaned_data.items()
            if name.startswith("column_")
        }
        return {
            str(number): field
            for number, field in fields.items()
            if number in self.asked or field != self._detected[number - 1]
        }

    def words(self) -> dict[str, str]:
        """What words in columns of statuses mean."""
        return {word: self.cleaned_data[name] for name, word in self._words.items()}


class ValuesForm(forms.Form):
    """For each value of the file that is not known: what it means."""

    def __init__(self, *args: Any, job: ImportJob, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = unknown_values.folded_choices(job.options.get("values") or {})
        earlier = unknown_values.choices_of_other_imports(job)
        self.shown: list[_ShownValue] = []
        self._values: dict[str, UnknownValue] = {}
        for one in map(UnknownValue._make, job.options.get("unknown", ())):
            name = _field_name(one)
            key = countries_and_languages.fold_case_and_apostrophes(one.value)
            present = chosen.get(one.kind, {}).get(key)
            offered = earlier.get(one.kind, {}).get(key)
            self._values[name] = one
            self.fields[name] = forms.ChoiceField(
                label=_value_label(one),
                choices=_meanings(one.kind),
                initial=present or offered or unknown_values.SKIP,
            )
            note = ""
            if present is not None:
                note = gettext("Your choice, used when the file was read")
            elif offered is not None:
                note = gettext("Your choice in an earlier import, not used in this one yet")
            self.shown.append(_ShownValue(self[name], note))
        self.is_chosen = any(chosen.values())

    def choices(self) -> dict[str, dict[str, str]]:
        """What was chosen, by kind and value."""
        found: dict[str, dict[str, str]] = {}
        for name, code in self.cleaned_data.items():
            one = self._values[name]
            found.setdefault(one.kind, {})[one.value] = code
        return found


@dataclass(frozen=True)
class _ShownValue:
    field: forms.BoundField
    # Where the choice comes from; empty: nobody has chosen.
    note: str


def _field_name(one: UnknownValue) -> str:
    """The same in every form in which the value stands, so that a stale page changes no other value."""
    return f"value_{hashlib.sha256(f'{one.kind}:{one.value}'.encode()).hexdigest()[:16]}"


def _value_label(one: UnknownValue) -> str:
    text = ngettext("“%(value)s”, found in %(count)s row", "“%(value)s”, found in %(count)s rows", one.rows)
    return text % {"value": one.value, "count": format_number(one.rows)}


def _meanings(kind: str) -> list[Any]:
    """What a value can mean: to be skipped, nothing, or a code; the office's own codes come first."""
    site = settings.CONFIG.site
    ours: Sequence[str] = site.countries if kind == "countries" else site.languages
    named = staff_localization.country_name if kind == "countries" else staff_localization.language_name
    others = sorted(unknown_values.KINDS[kind] - set(ours), key=named)
    empty = (
        gettext("Leave the field empty: all countries")
        if kind == "countries"
        else gettext("Leave the field empty")
    )
    heading = gettext("Countries") if kind == "countries" else gettext("Languages")
    return [
        (unknown_values.SKIP, gettext("Do not import these rows")),
        (unknown_values.EMPTY, empty),
        (heading, [(code, named(code)) for code in (*ours, *others)]),
    ]


class ImportPage(_ImportPage):
    """Shows the state and figures of an import (GET); imports, undoes or discards it (POST)."""

    template_name = "desk/imports/detail.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.object.state == State.MAPPING:
            return redirect("desk_import_columns", self.object.pk)
        return super().get(request, *args, **kwargs)

    @property
    def may_suppress(self) -> bool:
        """Whether the user may suppress addresses."""
        return bool(self.request.user.has_perm("subscribers.add_suppression"))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        job, now = self.object, timezone.now()
        earlier = ImportJob.objects.filter(
            sha256=job.sha256, mailing_list=job.mailing_list, state=State.APPLIED
        )
        return super().get_context_data(
            job=job,
            state=state_tone_and_label(job),
            in_progress=job.state in _IN_PROGRESS,
            percent=job.percent,
            totals=(lines := totals(job)),
            zeros=[line for line in lines if line.is_zero],
            samples=accepted_and_rejected_samples(job),
            has_rejected=RejectedRow.objects.filter(job=job.pk).exists(),
            warnings=warnings_by_kind(job),
            opted_out=job.expected.get("do_not_mail", 0) if self.may_suppress else 0,
            undo_until=job.applied_at + UNDO_FOR
            if job.applied_at and job_lifecycle.RUNNER.can_undo(job, now)
            else None,
            earlier=earlier.exclude(pk=job.pk).first() if job.sha256 else None,
            values_form=ValuesForm(job=job) if self._asks_for_values() else None,
            may_change=self.request.user.has_perm("subscribers.change_importjob"),
            **kwargs,
        )

    def _asks_for_values(self) -> bool:
        """Whether the file has values that are not known, and can be read again."""
        job = self.object
        return job.state == State.READY and bool(job.upload and job.options.get("unknown"))

    def _map_values(self, request: HttpRequest) -> HttpResponse:
        """Have the file read again with the choices for its values, or without any."""
        job = self.object
        form = ValuesForm(request.POST, job=job)
        choices: dict[str, dict[str, str]] = {}
        if "reset" not in request.POST:
            if not form.is_valid():
                messages.error(
                    request,
                    gettext("Nothing was changed: the values in the file are different now. Choose again."),
                )
                return redirect("desk_import", job.pk)
            choices = form.choices()
        try:
            job_lifecycle.set_values_and_read_again(job, choices)
        except WrongState as error:
            messages.error(request, str(error))
        else:
            log(instance=job, action="desk.import_map_values", user=request.user)
        return redirect("desk_import", job.pk)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.POST.get("action") == "map_values":
            return self._map_values(request)
        by, now, action = request.user.get_username(), timezone.now(), request.POST.get("action", "")
        try:
            if action == "apply":
                skipped = [kind for kind in WARNINGS if kind in request.POST.getlist("skip")]
                suppress = self.may_suppress and "suppress" in request.POST
                job_lifecycle.start_apply(self.object, by, now, skipped, suppress_do_not_mail=suppress)
            elif action == "undo":
                job_lifecycle.start_undo(self.object, by, now)
            elif action == "discard":
                job_lifecycle.discard(self.object, by, now)
                messages.success(request, gettext("The uploaded file is discarded. Nothing was imported."))
        except WrongState as error:
            messages.error(request, str(error))
        else:
            if action in ("apply", "undo", "discard"):
                suppresses = action == "apply" and self.object.suppress_do_not_mail
                data = (
                    {
                        "because": gettext_noop(
                            "and suppressed the addresses that it marks as unsubscribed or bounced"
                        )
                    }
                    if suppresses
                    else None
                )
                log(instance=self.object, action=f"desk.import_{action}", user=request.user, data=data)
        return redirect("desk_import", self.object.pk)


@method_decorator(requires_recent_sign_in, name="dispatch")
class RejectedRowsDownload(PermissionRequiredMixin, View):
    """POST only: the rejected rows of an import as CSV."""

    raise_exception = True
    permission_required = "subscribers.change_importjob"
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        job = get_object_or_404(ImportJob, pk=pk)
        log(instance=job, action="desk.import_export_rejected", user=request.user)
        # Spreadsheet programs recognise UTF-8 by the byte order mark.
        lines = chain(["\ufeff"], csv_lines(rejected_rows_sheet(job)))
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="import-{job.pk}-rejected.csv"'
        return response


_ENCODINGS = {"utf-8": "UTF-8", "utf-16": "UTF-16", **{one: one.upper() for one in likeliest_encoding.LEGACY}}
_DELIMITERS = {",": _("Comma (,)"), ";": _("Semicolon (;)"), "\t": _("Tab"), "|": _("Vertical bar (|)")}


def _distinct(cells: Iterable[str]) -> list[str]:
    """Up to three different non-empty values."""
    return list(dict.fromkeys(filter(None, cells)))[:3]


def _valid(value: str, choices: Container[str]) -> str:
    return value if value in choices else ""
