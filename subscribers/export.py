"""Exporting people: a row for each list that somebody is on, as it can be imported again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import OuterRef, Subquery

from subscribers.models import MailingList, Subscription, Suppression

HEADER = (
    *("email", "name", "language", "countries", "list", "state", "source", "since", "ended"),
    # Why no mail may be sent there; empty for nearly everybody.
    "suppressed",
)


def people(mailing_list: MailingList | None = None) -> Iterator[tuple[str, ...]]:
    """The cells under HEADER, of one list or of all; memory stays flat."""
    stopped = Suppression.objects.filter(
        address_hash=OuterRef("subscriber__address_hash"), lifted_at__isnull=True
    )
    rows = Subscription.objects.select_related("subscriber", "mailing_list").order_by("pk")
    if mailing_list is not None:
        rows = rows.filter(mailing_list=mailing_list)
    for row in rows.annotate(suppressed=Subquery(stopped.values("reason")[:1])).iterator(chunk_size=2_000):
        yield _cells(row)


def json_lines(mailing_list: MailingList | None = None) -> Iterator[str]:
    """A JSON object a line, by the names of HEADER; countries are a list of codes."""
    for row in people(mailing_list):
        known: dict[str, Any] = dict(zip(HEADER, row, strict=True))
        known["countries"] = [code for code in known["countries"].split("|") if code]
        yield json.dumps(known, ensure_ascii=False) + "\n"


def _cells(row: Any) -> tuple[str, ...]:
    person = row.subscriber
    return (
        person.email,
        person.name,
        person.language,
        "|".join(person.countries),
        row.mailing_list.slug,
        row.state,
        row.source,
        (row.confirmed_at or row.created_at).isoformat(timespec="seconds"),
        row.ended_at.isoformat(timespec="seconds") if row.ended_at else "",
        row.suppressed or "",
    )
