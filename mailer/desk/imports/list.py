"""Imports in the desk: the list of them, and a file brought for a new one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.generic import FormView
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.admin.views.generic import IndexView
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.admin.widgets.button import Button
from wagtail.log_actions import log

from mailer.desk.base.audit_links import leading_to
from mailer.desk.base.columns import WordColumn
from mailer.desk.base.pages import StaffPage
from mailer.desk.base.widgets import office_languages
from mailer.reports.labels import number
from subscribers.imports import uploads_job
from subscribers.imports.jobs import Wish
from subscribers.imports.models import ImportRun
from subscribers.models import MailingList

State = ImportRun.State
_TONES = {
    State.MAPPING: ("waiting", "Name its columns"),
    State.READING: ("busy", "Being read"),
    State.READY: ("waiting", "Look, and apply"),
    State.APPLYING: ("busy", "Being applied"),
    State.APPLIED: ("done", "Applied"),
    State.UNDOING: ("busy", "Being undone"),
    State.UNDONE: ("draft", "Undone"),
    State.DISCARDED: ("draft", "Discarded"),
    State.FAILED: ("problem", "Could not be read"),
}


def state_word(run: ImportRun) -> tuple[str, str]:
    """(tone, words): where it stands."""
    if run.error and run.state in (State.APPLYING, State.UNDOING):
        return "problem", "Stopped for now"
    return _TONES[State(run.state)]


def in_short(run: ImportRun) -> str:
    """What came of it, or would."""
    figures = run.done or run.foreseen
    if run.state not in (State.READY, State.APPLIED, State.APPLYING, State.UNDONE) or not figures:
        return ""
    return (
        f"{number(figures['added'])} new, {number(figures['updated'])} changed of {number(figures['read'])}"
    )


class ImportIndex(IndexView):
    """The list, newest first."""

    results_template_name = "desk/people/imports_results.html"
    default_ordering = "-created_at"
    add_item_label = "Import people"

    def get_base_queryset(self) -> QuerySet[ImportRun]:
        return ImportRun.objects.select_related("mailing_list")

    @property
    def columns(self) -> list[Column]:
        return [
            TitleColumn("file_name", label="File", get_url=self.get_edit_url),
            Column("mailing_list", label="List"),
            WordColumn("state", label="State", accessor=state_word),
            Column("figures", label="People", accessor=in_short),
            Column("brought_by", label="Brought by"),
            DateColumn("created_at", label="Since", sort_key="created_at"),
        ]

    @property
    def header_more_buttons(self) -> list[Button]:
        if not self.request.user.has_perm("subscribers.change_subscriber"):
            return []
        return [Button("Export people", url=reverse("desk_export"), icon_name="download", priority=50)]

    def get_edit_url(self, instance: ImportRun) -> str:
        return reverse("desk_import", args=[instance.pk])

    def get_delete_url(self, instance: ImportRun) -> None:
        return None


class ImportViewSet(ModelViewSet):
    """Nothing here is edited; an import is applied, undone or discarded on its own page."""

    model = ImportRun
    name = "desk_imports"
    url_prefix = "imports"
    icon = "upload"
    menu_label = "Imports"
    menu_name = "imports"
    url_finder_class = leading_to("desk_import")
    copy_view_enabled = False
    index_view_class = ImportIndex
    search_fields = ["file_name", "source"]
    search_backend_name = None
    list_per_page = 30
    exclude_form_fields = ["reading", "samples"]

    def get_index_view_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        named: dict[str, Any] = super().get_index_view_kwargs(page_title=self.menu_label, **kwargs)
        return named

    def get_urlpatterns(self) -> list[URLPattern]:
        return [
            path("", self.index_view, name="index"),
            path("results/", self.index_results_view, name="index_results"),
            path("new/", BringView.as_view(), name="add"),
        ]


class BringForm(forms.Form):
    """A file, the list that its people join, and how they agreed to that."""

    file = forms.FileField(
        label="File",
        help_text="CSV or Excel (XLSX), as your spreadsheet or another newsletter system saves it.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
    )
    mailing_list = forms.ModelChoiceField(
        MailingList.objects.all(), label="List", empty_label="Choose a list", help_text="They join this list."
    )
    source = forms.CharField(
        label="How did they agree to get it?",
        max_length=190,
        help_text="Where and when, so that it can be told years from now: “Paper forms at the water forum, "
        "Almaty, May 2026”. It is kept with every person.",
    )
    language = forms.ChoiceField(
        label="Their language",
        choices=office_languages,
        help_text="Of those about whom the file says none.",
    )


class BringView(StaffPage, FormView[BringForm]):
    """Bring a file; its columns are named next."""

    under = (("desk_imports:index", "Imports"),)
    permission_required = "subscribers.add_importrun"
    form_class = BringForm
    template_name = "desk/people/import_new.html"
    page_title = "Import people"
    header_icon = "upload"

    def get_initial(self) -> dict[str, Any]:
        return {"language": settings.CONFIG.site.languages[0], "mailing_list": self.request.GET.get("list")}

    def form_valid(self, form: BringForm) -> HttpResponse:
        told = form.cleaned_data
        wish = Wish(told["mailing_list"], told["source"], self.request.user.get_username(), told["language"])
        try:
            run = uploads_job.bring(told["file"].name, told["file"].chunks(), wish, timezone.now())
        except OSError:
            messages.error(self.request, "There is no room for the file on this machine's disk.")
            return self.form_invalid(form)
        except ValueError as error:
            form.add_error("source", str(error))
            return self.form_invalid(form)
        log(instance=run, action="desk.import_bring", user=self.request.user)
        return redirect("desk_import_columns", run.pk)
