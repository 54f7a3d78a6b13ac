"""Checks: what sending depends on, examined by a worker, with what to change and the DNS records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages

from mailer.desk.base.page_base_classes import StaffPage, current_user
from mailer.desk.base.setup_progress import PERMISSION
from mailer.doctor import requested_check_runs
from mailer.instance.models import CheckRun
from subscribers import translate_stored_texts

# Tone and label of each status, the worst first.
_STATUSES: dict[str, tuple[str, Promise]] = {
    "problem": ("problem", _("Problem")),
    "warning": ("waiting", _("Warning")),
    "ok": ("done", _("No problem found")),
    "skipped": ("draft", _("Not checked")),
}

# What the checks put where they do not know a part of a record.
_UNKNOWN: dict[str, Promise] = {
    "ip4:…": _("the IP address of the server that sends your emails"),
    "include:…": _("the name that your email service gives"),
}
# The checks of the records that the DNS of the sender's domain must have.
_DNS = ("spf", "dkim", "dmarc")


class RecordToPublish(NamedTuple):
    """A DNS record to publish; one that is not complete has words in place of what only people know."""

    name: str
    type: str
    value: str
    is_complete: bool


class ResultRow(NamedTuple):
    """A result of a check, for the page."""

    status: str
    tone: str
    label: Promise
    title: str
    subject: str
    message: str
    advice: str
    # DNS records to publish.
    records: list[RecordToPublish]


def result_rows(run: CheckRun | None) -> list[ResultRow]:
    """The results of the run, the worst first."""
    rows = [_row(one) for one in (run.results if run else [])]
    return sorted(rows, key=lambda row: list(_STATUSES).index(row.status))


def status_counts(run: CheckRun | None) -> list[tuple[str, Promise, int]]:
    """Tone, label and number of the run's results of each status, the worst first."""
    found = Counter(one["status"] for one in run.results) if run else Counter()
    return [(*_STATUSES[status], found[status]) for status in _STATUSES if found[status]]


def dns_record_rows(run: CheckRun | None) -> list[ResultRow]:
    """The results of the run that are about DNS records, each with the records to publish."""
    found = run.results if run else []
    return [_row(one) for one in found if one["check"] in _DNS or one["records"]]


def _row(one: Mapping[str, Any]) -> ResultRow:
    return ResultRow(
        one["status"],
        *_STATUSES[one["status"]],
        title=str(requested_check_runs.TITLES.get(one["check"], one["check"])),
        subject=one["subject"],
        message=translate_stored_texts.translated(one["message"]),
        advice=translate_stored_texts.translated(one["advice"]),
        records=[_record(record) for record in one["records"]],
    )


def _record(record: Mapping[str, str]) -> RecordToPublish:
    value = record["value"]
    for placeholder, words in _UNKNOWN.items():
        value = value.replace(placeholder, f"{placeholder.removesuffix('…')}({words})")
    return RecordToPublish(record["name"], record["type"], value, "…" not in record["value"])


class InstallationChecksPage(StaffPage, TemplateView):
    """The results of the last run and the progress of a new one (GET); asks for a run (POST)."""

    permission_required = PERMISSION
    page_title = _("Checks")
    header_icon = "circle-check"
    template_name = "desk/home/checks.html"
    url_name = "desk_checks"

    def post(self, request: HttpRequest) -> HttpResponse:
        requested_check_runs.request_run(current_user(request).get_username(), timezone.now())
        messages.success(request, _("The system checks are running. They take up to a minute."))
        return redirect("wagtailadmin_home" if "from_home" in request.POST else self.url_name)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        running = requested_check_runs.waiting_or_running(timezone.now())
        # While one is made, its results so far.
        run = running if running and running.started_at else requested_check_runs.latest_finished_run()
        return super().get_context_data(running=running, run=run, rows=self.rows(run), **kwargs)

    def rows(self, run: CheckRun | None) -> list[ResultRow]:
        return result_rows(run)


class DnsRecordsPage(InstallationChecksPage):
    """The DNS records to publish, as the last run found them, and nothing else of it."""

    page_title = _("DNS records")
    header_icon = "globe"
    breadcrumbs_above = (("desk_checks", _("Checks")),)
    template_name = "desk/home/dns_records.html"
    url_name = "desk_dns_records"

    def rows(self, run: CheckRun | None) -> list[ResultRow]:
        return dns_record_rows(run)
