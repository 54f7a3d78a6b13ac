"""Downloads of report tables as CSV or XLSX, recorded in the audit log."""

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
from mailer.reports.export import Sheet, csv_lines, long_sheet, sheet_of
from mailer.reports.tables import tables
from mailer.reports.totals import latest_mailing

_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def sheet_response(sheets: Sequence[Sheet], name: str, kind: str) -> HttpResponseBase:
    """A download of the sheets as one workbook (kind "xlsx"), or of the first one as CSV."""
    if kind == "xlsx":
        # On disk, because it may be large. The response closes it, which deletes it.
        file = tempfile.TemporaryFile()  # noqa: SIM115
        # Slow to load, and few requests write workbooks.
        from mailer.reports.xlsx import write_xlsx

        write_xlsx(sheets, file)
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=f"{name}.xlsx", content_type=_WORKBOOK)
    response = StreamingHttpResponse(csv_lines(sheets[0]), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


class ReportDownload(EditionPage):
    """POST only: the report's tables. They contain no addresses."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        mailing = latest_mailing(self.edition)
        if mailing is None:
            messages.error(request, "Nothing was sent yet, so there is no report to export.")
            return self.redirect_to("report")
        counts = counts_of(mailing, timezone.now())
        made = {**tables(counts, self.edition.newsletter.zone), **reading_tables(reading_of(mailing))}
        kind, key = request.POST.get("as", "csv"), request.POST.get("table", "")
        log(instance=self.edition, action="desk.export_report", user=request.user)
        if key in made:
            return sheet_response([sheet_of(made[key])], f"{self.edition.slug}-{key.replace('_', '-')}", kind)
        whole = (
            [sheet_of(table) for table in made.values()] if kind == "xlsx" else [long_sheet(made.values())]
        )
        return sheet_response(whole, f"{self.edition.slug}-report", kind)
