"""The list of imports, and uploading a file for a new one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.admin.widgets.button import Button
from wagtail.log_actions import log

from mailer.desk.base.forms import content_languages
from mailer.desk.base.page_classes import AnyForm, FormPage
from mailer.desk.base.tables import StateColumn, TableIndex, TableViewSet
from mailer.reports.labels import format_number
from subscribers.imports import jobs
from subscribers.imports.jobs import ImportOptions
from subscribers.imports.models import ImportJob
from subscribers.imports.staging import MAX_UPLOAD_BYTES
from subscribers.models import MailingList

State = ImportJob.State
_STATES = {
    State.MAPPING: ("waiting", "Map columns"),
    State.READING: ("busy", "Checking"),
    State.READY: ("waiting", "Ready to import"),
    State.APPLYING: ("busy", "Importing"),
    State.APPLIED: ("done", "Imported"),
    State.UNDOING: ("busy", "Undoing"),
    State.UNDONE: ("draft", "Undone"),
    State.DISCARDED: ("draft", "Discarded"),
    State.FAILED: ("problem", "Failed"),
}


def state_label(job: ImportJob) -> tuple[str, str]:
    """(tone, label) of the import's state."""
    if job.error and job.state in (State.APPLYING, State.UNDOING):
        return "problem", "Interrupted"
    return _STATES[State(job.state)]


def figures_summary(job: ImportJob) -> str:
    """The figures of the import, or of its dry run: "12 new, 3 updated of 20"."""
    figures = job.result or job.expected
    if job.state not in (State.READY, State.APPLIED, State.APPLYING, State.UNDONE) or not figures:
        return ""
    added, updated, read = (format_number(figures[name]) for name in ("added", "updated", "read"))
    return f"{added} new, {updated} updated of {read}"


class ImportIndex(TableIndex):
    """The table, newest first."""

    results_template_name = "desk/imports/index_results.html"
    row_url_name = "desk_import"
    default_ordering = "-created_at"
    add_item_label = "Import subscribers"

    def get_base_queryset(self) -> QuerySet[ImportJob]:
        return ImportJob.objects.select_related("mailing_list")

    @property
    def columns(self) -> list[Column]:
        return [
            TitleColumn("file_name", label="File", get_url=self.get_edit_url),
            Column("mailing_list", label="List"),
            StateColumn("state", label="State", accessor=state_label),
            Column("figures", label="Subscribers", accessor=figures_summary),
            Column("created_by", label="Uploaded by"),
            DateColumn("created_at", label="Uploaded", sort_key="created_at"),
        ]

    @property
    def header_more_buttons(self) -> list[Button]:
        if not self.request.user.has_perm("subscribers.change_subscriber"):
            return []
        return [Button("Export subscribers", url=reverse("desk_export"), icon_name="download", priority=50)]


class ImportViewSet(TableViewSet):
    """Imports. They are imported, undone or discarded on their own page."""

    model = ImportJob
    name = "desk_imports"
    icon = "upload"
    index_view_class = ImportIndex
    search_fields = ["file_name", "source"]
    list_per_page = 30
    exclude_form_fields = ["options", "samples"]

    def get_urlpatterns(self) -> list[URLPattern]:
        return [*super().get_urlpatterns(), path("new/", UploadView.as_view(), name="add")]


class ListFormPage(FormPage[AnyForm]):
    """A form below "Imports" about a list."""

    breadcrumbs_above = (("desk_imports:index", "Imports"),)
    query_parameters = {"mailing_list": "list"}


class UploadForm(forms.Form):
    """A file, the list that its subscribers are added to, and how they gave consent."""

    file = forms.FileField(
        label="File",
        help_text="CSV, Excel (XLSX) or ZIP, exported from a spreadsheet or another newsletter system.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.zip"}),
    )
    mailing_list = forms.ModelChoiceField(
        MailingList.objects.all(),
        label="List",
        empty_label="Choose a list",
        help_text="Subscribers are added to this list.",
    )
    source = forms.CharField(
        label="Source of consent",
        max_length=190,
        help_text="Where and when they agreed to receive it, for example “Paper forms at the water forum, "
        "Almaty, May 2026”. It is stored with every subscriber.",
    )
    language = forms.ChoiceField(
        label="Default language",
        choices=content_languages,
        initial=lambda: settings.CONFIG.site.languages[0],
        help_text="For subscribers without a language in the file.",
    )

    def clean_file(self) -> UploadedFile[Any]:
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > MAX_UPLOAD_BYTES:
            raise forms.ValidationError(
                f"The file has more than {MAX_UPLOAD_BYTES // 1_000_000} MB; import it in parts.",
                code="too_large",
            )
        return file


class UploadView(ListFormPage[UploadForm]):
    """Uploads a file; the next page maps its columns."""

    permission_required = "subscribers.add_importjob"
    form_class = UploadForm
    template_name = "desk/imports/upload.html"
    page_title = "Import subscribers"
    header_icon = "upload"

    def form_valid(self, form: UploadForm) -> HttpResponse:
        data = form.cleaned_data
        options = ImportOptions(
            data["mailing_list"], data["source"], self.request.user.get_username(), data["language"]
        )
        try:
            job = jobs.create_upload(data["file"].name, data["file"].chunks(), options, timezone.now())
        except OSError:
            messages.error(self.request, "The file cannot be stored: the disk of the server is full.")
            return self.form_invalid(form)
        except ValueError as error:
            form.add_error("source", str(error))
            return self.form_invalid(form)
        log(instance=job, action="desk.import_upload", user=self.request.user)
        return redirect("desk_import_columns", job.pk)
