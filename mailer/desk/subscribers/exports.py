"""Exports of subscribers and of the rejected rows of an import, recorded in the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.generic import FormView
from wagtail.log_actions import log

from mailer.desk.base.pages import StaffPage
from mailer.desk.reports.exports import sheet_response
from mailer.reports.export import Sheet
from mailer.reports.table import Column
from subscribers.export import HEADER, json_lines, people
from subscribers.imports import rejects_csv
from subscribers.imports.models import ImportRun
from subscribers.models import MailingList

_FORMATS = [("csv", "CSV"), ("xlsx", "Excel (XLSX)"), ("json", "JSON, one object per line")]


def subscribers_sheet(mailing_list: MailingList | None) -> Sheet:
    """A sheet of the subscribers of one list, or of all lists."""
    return Sheet(mailing_list.name if mailing_list else "Subscribers", _columns(HEADER), people(mailing_list))


def rejected_rows_sheet(run: ImportRun) -> Sheet:
    """A sheet of the rows that an import rejected, with reasons."""
    return Sheet("Rejected rows", _columns(rejects_csv.headings(run)), rejects_csv.rows(run))


def _columns(names: Iterable[str]) -> tuple[Column, ...]:
    return tuple(Column(name, name, "text") for name in names)


class ExportForm(forms.Form):
    """Which list to export, and the file format."""

    mailing_list = forms.ModelChoiceField(
        MailingList.objects.all(), label="List", required=False, empty_label="All lists"
    )
    kind = forms.ChoiceField(label="Format", choices=_FORMATS, widget=forms.RadioSelect, initial="csv")


class ExportPage(StaffPage, FormView[ExportForm]):
    """Shows the form (GET) and returns the file (POST)."""

    breadcrumbs_above = (("desk_imports:index", "Imports"),)
    permission_required = "subscribers.change_subscriber"
    form_class = ExportForm
    template_name = "desk/subscribers/export.html"
    page_title = "Export subscribers"
    header_icon = "download"

    def get_initial(self) -> dict[str, Any]:
        return {"kind": "csv", "mailing_list": self.request.GET.get("list")}

    def form_valid(self, form: ExportForm) -> HttpResponse:
        chosen, kind = form.cleaned_data["mailing_list"], form.cleaned_data["kind"]
        for one in [chosen] if chosen else MailingList.objects.all():
            log(instance=one, action="desk.export_subscribers", user=self.request.user)
        name = f"{chosen.slug if chosen else 'subscribers'}-{timezone.localdate():%Y-%m-%d}"
        response: HttpResponseBase
        if kind == "json":
            response = StreamingHttpResponse(json_lines(chosen), content_type="application/x-ndjson")
            response["Content-Disposition"] = f'attachment; filename="{name}.json"'
        else:
            response = sheet_response([subscribers_sheet(chosen)], name, kind)
        return response  # type: ignore[return-value]  # FormView has no type for streamed responses
