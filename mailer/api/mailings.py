"""Mailings, which are paused, resumed and cancelled, and their reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router
from pydantic import Field
from wagtail.log_actions import log

from mailer.api.access import Needs, user_of
from mailer.api.schemas_and_pagination import (
    Cursor,
    Id,
    Limit,
    Out,
    PageOut,
    format_time,
    get_or_404,
    page_of,
)
from mailer.delivery.models import Mailing
from mailer.delivery.rollout import mailing_control
from mailer.reports.collect_stats import stats_of
from mailer.reports.mailing_engagement import click_tables, engagement_of
from mailer.reports.spreadsheet_export import csv_lines, long_format_sheet
from mailer.reports.stats import Totals
from mailer.reports.tables import Table, report_tables

router = Router(tags=["mailings"])

StateName = Literal["planning", "held", "sending", "paused", "done", "cancelled"]


class TotalsOut(Out):
    """audience = planned + claimed + accepted + deferred + refused + in_doubt + excluded, at every moment."""

    audience: int
    planned: int
    claimed: int
    accepted: int = Field(description="The next server took the message; it may still bounce.")
    deferred: int
    refused: int
    in_doubt: int
    bounced: int = Field(description="Of the accepted.")
    complained: int = Field(description="Of the accepted.")
    excluded: dict[str, int] = Field(description="By reason.", examples=[{"suppressed": 3}])
    balances: bool


class MailingOut(Out):
    """The sending of an approved edition. Dry runs are not listed."""

    id: int
    edition: int
    state: StateName
    reason: str = Field(description="Why it is held or paused.")
    created_at: str
    started_at: str | None
    finished_at: str | None


class MailingDetail(MailingOut):
    totals: TotalsOut


class MailingPage(PageOut):
    items: list[MailingOut]


class ReportOut(Out):
    """The account of a mailing: counts of recipients by what became of their message."""

    totals: TotalsOut
    countries: list[dict[str, Any]] = Field(
        description="By country chosen; a recipient who chose several is in several rows."
    )
    languages: list[dict[str, Any]] = Field(description="By language of the variant.")


def _totals(totals: Totals) -> dict[str, Any]:
    return {**totals.as_dict(), "balances": totals.balances}


def _mailing_out(row: Mailing) -> dict[str, Any]:
    return {
        "id": row.pk,
        "edition": row.edition_id,
        "state": row.state,
        "reason": row.reason,
        "created_at": row.created_at.isoformat(),
        "started_at": format_time(row.started_at),
        "finished_at": format_time(row.finished_at),
    }


def _detail(row: Mailing) -> dict[str, Any]:
    return {**_mailing_out(row), "totals": _totals(stats_of(row, timezone.now()).totals)}


def _mailings() -> Any:
    return Mailing.objects.real().select_related("edition__newsletter", "snapshot")


@router.get("/mailings", auth=Needs("mailings:read"), response=MailingPage)
def list_mailings(
    request: HttpRequest, edition: Id | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Any:
    """Mailings to subscribers, newest first."""
    rows = _mailings()
    if edition is not None:
        rows = rows.filter(edition=edition)
    return page_of(request, rows, limit, cursor, _mailing_out)


@router.get("/mailings/{mailing_id}", auth=Needs("mailings:read"), response=MailingDetail)
def show_mailing(request: HttpRequest, mailing_id: Id) -> Any:
    """One mailing with its totals."""
    return _detail(get_or_404(_mailings(), mailing_id))


@router.post("/mailings/{mailing_id}/pause", auth=Needs("mailings:write"), response=MailingDetail)
def pause_mailing(request: HttpRequest, mailing_id: Id) -> Any:
    """Send no more until it is resumed."""
    return _act(request, mailing_id, mailing_control.pause, "desk.pause")


@router.post("/mailings/{mailing_id}/resume", auth=Needs("mailings:write"), response=MailingDetail)
def resume_mailing(request: HttpRequest, mailing_id: Id) -> Any:
    """Continue a paused mailing, within its approved window."""
    return _act(request, mailing_id, mailing_control.resume, "desk.resume")


@router.post("/mailings/{mailing_id}/cancel", auth=Needs("mailings:write"), response=MailingDetail)
def cancel_mailing(request: HttpRequest, mailing_id: Id) -> Any:
    """Exclude everyone who did not get the message yet; this cannot be undone."""
    return _act(request, mailing_id, mailing_control.cancel, "desk.cancel")


def _act(
    request: HttpRequest, mailing_id: int, act: Callable[[Mailing, User, Any], object], log_action: str
) -> dict[str, Any]:
    mailing, user = get_or_404(_mailings(), mailing_id), user_of(request)
    act(mailing, user, timezone.now())
    log(instance=mailing.edition, action=log_action, user=user)
    return _detail(get_or_404(_mailings(), mailing_id))


@router.get("/mailings/{mailing_id}/report", auth=Needs("reports:read"), response=ReportOut, tags=["reports"])
def show_report(request: HttpRequest, mailing_id: Id) -> Any:
    """The balanced account of a mailing, also by country and language."""
    mailing = get_or_404(_mailings(), mailing_id)
    stats = stats_of(mailing, timezone.now())
    made = report_tables(stats, mailing.edition.newsletter.zone)
    return {
        "totals": _totals(stats.totals),
        "countries": made["countries"].records(),
        "languages": made["languages"].records(),
    }


@router.get(
    "/mailings/{mailing_id}/report.csv",
    auth=Needs("reports:read"),
    response={200: None},
    tags=["reports"],
    openapi_extra={
        "responses": {
            200: {
                "description": "Every figure in a row.",
                "content": {"text/csv": {"schema": {"type": "string"}}},
            }
        }
    },
)
def download_report(request: HttpRequest, mailing_id: Id) -> Any:
    """Every table of the report as CSV: table, row, column and value."""
    mailing = get_or_404(_mailings(), mailing_id)
    stats = stats_of(mailing, timezone.now())
    made: dict[str, Table] = {
        **report_tables(stats, mailing.edition.newsletter.zone),
        **click_tables(engagement_of(mailing)),
    }
    log(instance=mailing.edition, action="desk.export_report", user=user_of(request))
    response = HttpResponse(
        "".join(csv_lines(long_format_sheet(made.values()))), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{mailing.edition.slug}-report.csv"'
    return response
