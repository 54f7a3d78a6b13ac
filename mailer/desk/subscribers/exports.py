"""Taking people away: a list, or all of them, or whom an import did not take; the audit log notes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.generic import FormView
from wagtail.log_actions import log

from mailer.desk.base.pages import StaffPage
from mailer.desk.reports.exports import download
from mailer.reports.export import Sheet
from mailer.reports.table import Column
from subscribers.export import HEADER, json_lines, people
from subscribers.imports import rejects_csv
from subscribers.imports.models import ImportRun
from subscribers.models import MailingList

_KINDS = [("csv", "CSV"), ("xlsx", "Excel workbook"), ("json", "JSON, an object a line")]


def sheet_of_people(mailing_list: MailingList | None) -> Sheet:
    """The table of one list, or of all."""
    return Sheet(mailing_list.name if mailing_list else "People", _columns(HEADER), people(mailing_list))


def sheet_of_refused(run: ImportRun) -> Sheet:
    """The table of those whom an import did not take."""
    return Sheet("Not taken", _columns(rejects_csv.headings(run)), rejects_csv.rows(run))


def _columns(names: Iterable[str]) -> tuple[Column, ...]:
    return tuple(Column(name, name, "text") for name in names)


class ExportForm(forms.Form):
    """Who, and as what."""

    mailing_list = forms.ModelChoiceField(
        MailingList.objects.all(), label="List", required=False, empty_label="Every list"
    )
    kind = forms.ChoiceField(label="As", choices=_KINDS, widget=forms.RadioSelect, initial="csv")


class ExportPage(StaffPage, FormView[ExportForm]):
    """Asks (GET), and hands the file over (POST)."""

    under = (("desk_imports:index", "Imports"),)
    permission_required = "subscribers.change_subscriber"
    form_class = ExportForm
    template_name = "desk/people/export.html"
    page_title = "Export people"
    header_icon = "download"

    def get_initial(self) -> dict[str, Any]:
        return {"kind": "csv", "mailing_list": self.request.GET.get("list")}

    def form_valid(self, form: ExportForm) -> HttpResponse:
        chosen, kind = form.cleaned_data["mailing_list"], form.cleaned_data["kind"]
        for one in [chosen] if chosen else MailingList.objects.all():
            log(instance=one, action="desk.export_people", user=self.request.user)
        name = f"{chosen.slug if chosen else 'people'}-{timezone.localdate():%Y-%m-%d}"
        response: HttpResponseBase
        if kind == "json":
            response = StreamingHttpResponse(json_lines(chosen), content_type="application/x-ndjson")
            response["Content-Disposition"] = f'attachment; filename="{name}.json"'
        else:
            response = download([sheet_of_people(chosen)], name, kind)
        return response  # type: ignore[return-value]  # FormView knows no streams
