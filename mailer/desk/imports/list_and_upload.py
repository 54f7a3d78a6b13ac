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
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.admin.widgets.button import Button
from wagtail.log_actions import log

from mailer.desk.base.form_widgets import content_languages
from mailer.desk.base.page_base_classes import AnyForm, FormPage
from mailer.desk.base.tables import StateColumn, TableIndex, TableViewSet
from mailer.desk.imports.example_file import ExampleFile
from mailer.reports.number_formats import format_number
from subscribers.imports import job_lifecycle
from subscribers.imports.job_lifecycle import ImportOptions
from subscribers.imports.models import ImportJob
from subscribers.imports.uploads_and_staging import MAX_UPLOAD_BYTES
from subscribers.models import MailingList

State = ImportJob.State
_STATES = {
    State.MAPPING: ("waiting", _("Map columns to fields")),
    State.READING: ("busy", _("The file is being checked")),
    State.READY: ("waiting", _("Ready to be imported")),
    State.APPLYING: ("busy", _("Importing")),
    State.APPLIED: ("done", _("Imported")),
    State.UNDOING: ("busy", _("Undoing")),
    State.UNDONE: ("draft", _("Undone")),
    State.DISCARDED: ("draft", _("Discarded")),
    State.FAILED: ("problem", _("Failed")),
}


def state_tone_and_label(job: ImportJob) -> tuple[str, str]:
    """(tone, label) of the import's state."""
    if job.error and job.state in (State.APPLYING, State.UNDOING):
        return "problem", gettext("Interrupted by an error")
    tone, label = _STATES[State(job.state)]
    return tone, str(label)


def figures_summary(job: ImportJob) -> str:
    """The figures of the import, or of its dry run: "12 new, 3 updated of 20"."""
    figures = job.result or job.expected
    if job.state not in (State.READY, State.APPLIED, State.APPLYING, State.UNDONE) or not figures:
        return ""
    added, updated, read = (format_number(figures[name]) for name in ("added", "updated", "read"))
    return gettext("%(added)s new, %(updated)s updated, of %(read)s rows") % {
        "added": added,
        "updated": updated,
        "read": read,
    }


class ImportIndex(TableIndex):
    """The table, newest first."""

    results_template_name = "desk/imports/index_results.html"
    row_url_name = "desk_import"
    default_ordering = "-created_at"
    page_title = _("Imports")
    add_item_label = _("Import subscribers")

    def get_base_queryset(self) -> QuerySet[ImportJob]:
        return ImportJob.objects.select_related("mailing_list")

    @property
    def columns(self) -> list[Column]:
        return [
            TitleColumn("file_name", label=gettext("File"), get_url=self.get_edit_url),
            Column("mailing_list", label=gettext("List")),
            StateColumn("state", label=gettext("State"), accessor=state_tone_and_label),
            Column("figures", label=gettext("Subscribers"), accessor=figures_summary),
            Column("created_by", label=gettext("Uploaded by")),
            DateColumn("created_at", label=gettext("Uploaded"), sort_key="created_at"),
        ]

    @property
    def header_more_buttons(self) -> list[Button]:
        if not self.request.user.has_perm("subscribers.change_subscriber"):
            return []
        return [
            Button(
                gettext("Export subscribers"), url=reverse("desk_export"), icon_name="download", priority=50
            )
        ]


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
        return [
            *super().get_urlpatterns(),
            path("new/", UploadView.as_view(), name="add"),
            path("example/", ExampleFile.as_view(), name="example"),
        ]


class ListFormPage(FormPage[AnyForm]):
    """A form below "Imports" about a list."""

    breadcrumbs_above = (("desk_imports:index", _("Imports")),)
    query_parameters = {"mailing_list": "list"}


class UploadForm(forms.Form):
    """A file, the list that its subscribers are added to, and how they gave consent."""

    file = forms.FileField(
        label=_("File"),
        help_text=_(
            "Upload CSV, Excel (XLSX) or ZIP, exported from a spreadsheet or another newsletter system. "
            "The first row names the columns, for example Email, First name, Last name, Language, Countries "
            "of interest. Only the email address is required."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.zip"}),
    )
    mailing_list = forms.ModelChoiceField(
        MailingList.objects.all(),
        label=_("List"),
        empty_label=_("Choose a mailing list"),
        help_text=_("Imported subscribers are added to this mailing list."),
    )
    source = forms.CharField(
        label=_("Source of consent"),
        max_length=190,
        help_text=_(
            "Where and when these people agreed to receive it, for example “Paper forms at "
            "the water forum, Almaty, May 2026”. The text is stored with every subscriber."
        ),
    )
    language = forms.ChoiceField(
        label=_("Default language"),
        choices=content_languages,
        initial=lambda: settings.CONFIG.site.languages[0],
        help_text=_("Language for subscribers who have none in the file."),
    )

    def clean_file(self) -> UploadedFile[Any]:
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > MAX_UPLOAD_BYTES:
            raise forms.ValidationError(
                gettext("The file is larger than %(max_upload_bytes)s MB; import it in parts.")
                % {"max_upload_bytes": MAX_UPLOAD_BYTES // 1_000_000},
                code="too_large",
            )
        return file


class UploadView(ListFormPage[UploadForm]):
    """Uploads a file; the next page maps its columns."""

    permission_required = "subscribers.add_importjob"
    form_class = UploadForm
    template_name = "desk/imports/upload.html"
    page_title = _("Import subscribers")
    header_icon = "upload"

    def form_valid(self, form: UploadForm) -> HttpResponse:
        data = form.cleaned_data
        options = ImportOptions(
            data["mailing_list"], data["source"], self.request.user.get_username(), data["language"]
        )
        try:
            job = job_lifecycle.create_upload(
                data["file"].name, data["file"].chunks(), options, timezone.now()
            )
        except OSError:
            messages.error(
                self.request, gettext("The file cannot be stored: the disk of the server is full.")
            )
            return self.form_invalid(form)
        except ValueError as error:
            form.add_error("source", str(error))
            return self.form_invalid(form)
        log(instance=job, action="desk.import_upload", user=self.request.user)
        return redirect("desk_import_columns", job.pk)
