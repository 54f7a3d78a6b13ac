"""Taking figures away: a report, or one of its tables, as CSV or as a workbook; the audit log notes it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.desk.editions.edition_base import EditionPage
from mailer.reports.cached_stats import counts_of
from mailer.reports.engagement import reading_of, reading_tables
from mailer.reports.export import Sheet, csv_lines, long_sheet, sheet_of, write_xlsx
from mailer.reports.tables import tables
from mailer.reports.totals import latest_mailing

_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def download(sheets: Sequence[Sheet], name: str, kind: str) -> HttpResponseBase:
    """The sheets as one workbook ("xlsx"), or the first of them as CSV."""
    if kind == "xlsx":
        # Larger than memory need be; gone when it is closed, which the response does.
        file = tempfile.TemporaryFile()  # noqa: SIM115
        write_xlsx(sheets, file)
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=f"{name}.xlsx", content_type=_WORKBOOK)
    response = StreamingHttpResponse(csv_lines(sheets[0]), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


class TakeAway(EditionPage):
    """The report's figures (POST), which hold no address."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        mailing = latest_mailing(self.edition)
        if mailing is None:
            messages.error(request, "Nothing was sent yet, so there are no figures to take away.")
            return self.go("report")
        counts = counts_of(mailing, timezone.now())
        made = {**tables(counts, self.edition.newsletter.zone), **reading_tables(reading_of(mailing))}
        kind, key = request.POST.get("as", "csv"), request.POST.get("table", "")
        log(instance=self.edition, action="desk.export", user=request.user)
        if key in made:
            return download([sheet_of(made[key])], f"{self.edition.slug}-{key.replace('_', '-')}", kind)
        whole = (
            [sheet_of(table) for table in made.values()] if kind == "xlsx" else [long_sheet(made.values())]
        )
        return download(whole, f"{self.edition.slug}-report", kind)
