"""Sheets of subscribers and of the rejected rows of an import, for the desk and the command line."""

from __future__ import annotations

from collections.abc import Iterable

from mailer.reports.export import Sheet
from mailer.reports.tables import Column
from subscribers.exports import COLUMNS, export_rows
from subscribers.imports import staging
from subscribers.imports.models import ImportJob
from subscribers.models import MailingList


def subscribers_sheet(mailing_list: MailingList | None) -> Sheet:
    """A sheet of the subscribers of one list, or of all lists."""
    name = mailing_list.name if mailing_list else "Subscribers"
    return Sheet(name, _columns(COLUMNS), export_rows(mailing_list))


def rejected_rows_sheet(job: ImportJob) -> Sheet:
    """A sheet of the rows that an import rejected, with reasons."""
    return Sheet("Rejected rows", _columns(staging.rejected_headings(job)), staging.rejected_rows(job))


def _columns(names: Iterable[str]) -> tuple[Column, ...]:
    return tuple(Column(name, name, "text") for name in names)
