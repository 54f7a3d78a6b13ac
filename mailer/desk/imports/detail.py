"""One import in the desk: its columns named, what it would do, applied, undone, and whom it did not take."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from django import forms
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView, View
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.log_actions import log

from mailer.desk.imports.labels import WORDS, account, doubtful, samples
from mailer.desk.imports.list import State, state_word
from mailer.desk.subscribers.exports import sheet_of_refused
from mailer.reports.export import csv_lines
from subscribers import iso_codes
from subscribers.imports import address_warnings, encodings, jobs, uploads_job
from subscribers.imports.mapping import FIELDS, Columns, custom_fields
from subscribers.imports.models import ImportRefusal, ImportRun
from subscribers.imports.records import BrokenFile

_BUSY = (State.READING, State.APPLYING, State.UNDOING)


class ImportPage(PermissionRequiredMixin, WagtailAdminTemplateMixin, TemplateView):
    """A page about `self.run`; GET only looks."""

    raise_exception = True
    header_icon = "upload"
    page_title = "Import"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.run = get_object_or_404(ImportRun.objects.select_related("mailing_list"), pk=kwargs["pk"])

    def get_permission_required(self) -> tuple[str, ...]:
        looking = self.request.method == "GET"
        return ("subscribers.view_importrun" if looking else "subscribers.change_importrun",)

    def get_page_subtitle(self) -> str:
        return self.run.file_name

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *self.breadcrumbs_items,
            {"url": reverse("desk_imports:index"), "label": "Imports"},
            {"url": "", "label": self.run.file_name},
        ]


class ColumnsPage(ImportPage):
    """How the file begins, and what each column is about (GET); a person's word on that (POST)."""

    template_name = "desk/people/import_columns.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.run.state != State.MAPPING:
            return redirect("desk_import", self.run.pk)
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        asked = self.request.POST if self.request.method == "POST" else self.request.GET
        encoding, delimiter = asked.get("encoding", ""), asked.get("delimiter", "")
        context = super().get_context_data(run=self.run, **kwargs)
        context |= {"encoding": encoding, "delimiter": delimiter, "encodings": _ENCODINGS}
        context |= {"delimiters": _DELIMITERS}
        try:
            shown = uploads_job.preview(
                self.run, _known(encoding, _ENCODINGS), _known(delimiter, _DELIMITERS)
            )
        except BrokenFile as error:
            return {**context, "trouble": str(error)}
        form = context.get("form") or ColumnsForm(columns=shown.columns)
        rows = [[*row, *[""] * (len(shown.columns.fields) - len(row))] for row in shown.rows]
        cells = [
            (heading, form[f"column_{number}"], _different(row[number - 1] for row in rows))
            for number, heading in enumerate(shown.columns.headings, start=1)
        ]
        return {**context, "shown": shown, "form": form, "cells": cells}

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if self.run.state != State.MAPPING:
            # Pressed twice: the file is read already.
            return redirect("desk_import", self.run.pk)
        encoding = _known(request.POST.get("encoding", ""), _ENCODINGS)
        delimiter = _known(request.POST.get("delimiter", ""), _DELIMITERS)
        try:
            shown = uploads_job.preview(self.run, encoding, delimiter)
        except BrokenFile:
            return self.render_to_response(self.get_context_data())
        form = ColumnsForm(request.POST, columns=shown.columns)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        try:
            uploads_job.choose(self.run, form.told(), encoding, delimiter)
        except jobs.NotNow as error:
            messages.error(request, str(error))
        return redirect("desk_import", self.run.pk)


class ColumnsForm(forms.Form):
    """A choice for each column."""

    def __init__(self, *args: Any, columns: Columns, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(name, WORDS[name]) for name in FIELDS]
        countries = sorted(iso_codes.COUNTRIES, key=lambda code: iso_codes.country_name(code, "en"))
        ours = [(field, field.removeprefix("field:")) for field in sorted(custom_fields().values())]
        groups: list[Any] = [("Fields of this office", ours)] if ours else []
        each = [(f"country:{code}", f"Wants {iso_codes.country_name(code, 'en')}") for code in countries]
        for number, (heading, field) in enumerate(
            zip(columns.headings, columns.fields, strict=True), start=1
        ):
            self.fields[f"column_{number}"] = forms.ChoiceField(
                label=f"Column “{heading or number}” is",
                initial=field,
                choices=[*choices, *groups, ("Country", each)],
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen = list(cleaned.values())
        if "email" not in chosen:
            raise forms.ValidationError("Say which column holds the address.")
        twice = [one for one in set(chosen) if one not in ("ignore", "ended") and chosen.count(one) > 1]
        if twice:
            what = WORDS.get(twice[0], twice[0].partition(":")[2])
            raise forms.ValidationError(f"Two columns are about {what}: choose “Leave out” for one of them.")
        return cleaned

    def told(self) -> dict[str, str]:
        return {name.removeprefix("column_"): field for name, field in self.cleaned_data.items()}


class RunPage(ImportPage):
    """Where an import stands and what it does (GET); a person's word on it (POST)."""

    template_name = "desk/people/import.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.run.state == State.MAPPING:
            return redirect("desk_import_columns", self.run.pk)
        return super().get(request, *args, **kwargs)

    @property
    def may_stop(self) -> bool:
        """Whether they may suppress addresses as well."""
        return bool(self.request.user.has_perm("subscribers.add_suppression"))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        run, now = self.run, timezone.now()
        earlier = ImportRun.objects.filter(
            sha256=run.sha256, mailing_list=run.mailing_list, state=State.APPLIED
        )
        return super().get_context_data(
            run=run,
            state=state_word(run),
            busy=run.state in _BUSY,
            percent=_percent(run),
            account=account(run),
            samples=samples(run),
            not_taken=ImportRefusal.objects.filter(run=run.pk).exists(),
            doubtful=doubtful(run),
            gone=run.foreseen.get("gone", 0) if self.may_stop else 0,
            undo_until=run.applied_at + jobs.UNDO_FOR if run.applied_at and jobs.may_undo(run, now) else None,
            earlier=earlier.exclude(pk=run.pk).first() if run.sha256 else None,
            may=self.request.user.has_perm("subscribers.change_importrun"),
            **kwargs,
        )

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        by, now, deed = request.user.get_username(), timezone.now(), request.POST.get("deed", "")
        try:
            if deed == "apply":
                left_out = [
                    kind for kind in address_warnings.KINDS if kind in request.POST.getlist("leave_out")
                ]
                stop_gone = self.may_stop and "stop_gone" in request.POST
                jobs.start_applying(self.run, by, now, left_out, stop_gone=stop_gone)
            elif deed == "undo":
                jobs.start_undoing(self.run, by, now)
            elif deed == "discard":
                jobs.discard(self.run, by, now)
                messages.success(request, "Discarded; nobody was added and nothing was changed.")
        except jobs.NotNow as error:
            messages.error(request, str(error))
        else:
            if deed in ("apply", "undo", "discard"):
                stops = deed == "apply" and self.run.stops_gone
                data = (
                    {"because": "and stopped mail to those who are gone, as its file says"} if stops else None
                )
                log(instance=self.run, action=f"desk.import_{deed}", user=request.user, data=data)
        return redirect("desk_import", self.run.pk)


class RefusedFile(PermissionRequiredMixin, View):
    """Whom an import did not take, as CSV (POST); the audit log notes it."""

    raise_exception = True
    permission_required = "subscribers.change_importrun"
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        run = get_object_or_404(ImportRun, pk=pk)
        log(instance=run, action="desk.import_refused", user=request.user)
        # A spreadsheet knows UTF-8 by the mark at its beginning.
        lines = chain(["\ufeff"], csv_lines(sheet_of_refused(run)))
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="import-{run.pk}-not-taken.csv"'
        return response


_ENCODINGS = {"utf-8": "UTF-8", "utf-16": "UTF-16", **{one: one.upper() for one in encodings.LEGACY}}
_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


def _different(cells: Iterable[str]) -> list[str]:
    """A few of the cells, none twice."""
    return list(dict.fromkeys(filter(None, cells)))[:3]


def _known(asked: str, choices: dict[str, str]) -> str:
    return asked if asked in choices else ""


def _percent(run: ImportRun) -> int | None:
    """How far what is under way has come, where that is known."""
    done, whole = jobs.how_far(run)
    return min(99, done * 100 // whole) if whole else None
