"""Sheets of subscribers and of the rejected rows of an import, for the desk and the command line."""

from __future__ import annotations

from collections.abc import Iterable

from mailer.reports.export import Sheet
from mailer.reports.table import Column
from subscribers.export import HEADER, people
from subscribers.imports import rejects_csv
from subscribers.imports.models import ImportRun
from subscribers.models import MailingList


def subscribers_sheet(mailing_list: MailingList | None) -> Sheet:
    """A sheet of the subscribers of one list, or of all lists."""
    return Sheet(mailing_list.name if mailing_list else "Subscribers", _columns(HEADER), people(mailing_list))


def rejected_rows_sheet(run: ImportRun) -> Sheet:
    """A sheet of the rows that an import rejected, with reasons."""
    return Sheet("Rejected rows", _columns(rejects_csv.headings(run)), rejects_csv.rows(run))


def _columns(names: Iterable[str]) -> tuple[Column, ...]:
    return tuple(Column(name, name, "text") for name in names)
