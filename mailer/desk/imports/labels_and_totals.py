"""Labels of an import: fields for its columns, totals, sample rows and address warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mailer import staff_localization
from mailer.reports.number_formats import format_number
from subscribers.imports import diff
from subscribers.imports.models import ImportJob, ImportRow, RejectedRow
from subscribers.imports.status_cells import Status
from subscribers.translate_stored_texts import translated

State = ImportJob.State
# Rows that are shown of each kind.
_SHOWN = 10

# Fields that a column can be mapped to.
COLUMN_LABELS = {
    "email": _("Email address"),
    "name": _("Name"),
    "first_name": _("First name"),
    "last_name": _("Last name"),
    "language": _("Language"),
    "countries": _("Countries of interest"),
    "tags": _("Tags"),
    "status": _("Subscription status, such as “unsubscribed”"),
    "opted_out": _("Unsubscribed: yes, date or number"),
    "opted_in": _("Subscribed: yes or date"),
    "mentions": _("Notes that say that a person unsubscribed"),
    "ignore": _("Do not import"),
}
# What a column that decides who is added does.
EFFECTS = {
    "status": _("People whose status is unsubscribed or never confirmed are not added."),
    "opted_out": _("People are not added if this column has “yes”, a date or a number for them."),
    "opted_in": _("Only people with a yes or a date in this column are added."),
    "mentions": _("People are not added if this column says “unsubscribed”, “bounced” or something similar."),
}
# What a word in a column of statuses can mean.
STATUS_LABELS = {
    Status.UNSUBSCRIBED: _("Unsubscribed"),
    Status.BOUNCED: _("Bounced"),
    Status.COMPLAINED: _("Complained about spam"),
    Status.BLOCKED: _("Blocked"),
    Status.UNCONFIRMED: _("Waiting for confirmation"),
    Status.NOT_SUBSCRIBED: _("Not subscribed to the list"),
    Status.SUBSCRIBED: _("Subscribed: add them to the list"),
}
_WARNINGS = {
    "typo": _("Addresses with probable typos"),
    "disposable": _("Disposable email addresses"),
    "role": _("Role addresses, such as info@"),
    "name": _("Names with “?” in place of letters (save the file as “CSV UTF-8”, and upload it again)"),
}


@dataclass(frozen=True)
class Total:
    """One line of an import's totals."""

    label: str
    count: str
    description: str
    # The tone of a state label.
    tone: str
    # Whether no row of the file is counted here.
    is_zero: bool = False


@dataclass(frozen=True)
class Sample:
    """Sample rows of one kind."""

    key: str
    title: str
    # Column headings.
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    # The number of all rows of this kind.
    count: int

    @property
    def rest(self) -> str:
        left = self.count - len(self.rows)
        return format_number(left) if left > 0 else ""


def totals(job: ImportJob) -> list[Total]:
    """Totals in which every row of the file counts once; empty before the dry run has ended."""
    figures = job.result if job.state in _APPLIED else job.expected
    if "added" not in figures or job.state in (State.READING, State.FAILED):
        return []
    unsubscribed, known, suppressed = (
        figures["unsubscribed"],
        figures["known"],
        figures.get("newly_suppressed", 0),
    )
    rejected = gettext(
        "no valid address, an unknown country or language, or marked as unsubscribed or bounced in the file"
    )
    if suppressed:
        rejected = gettext("%(rejected)s; number of these addresses that were suppressed: %(count)s") % {
            "rejected": rejected,
            "count": format_number(suppressed),
        }
    lines = [
        (
            gettext("Added"),
            figures["added"],
            _of_them(known, gettext("already subscribed to another list")),
            "done",
        ),
        (
            gettext("Updated"),
            figures["updated"],
            gettext("changed: name, language, countries or consent"),
            "changed",
        ),
        (
            gettext("Unchanged"),
            figures["unchanged"] - unsubscribed,
            gettext("already on this list with the same data"),
            "draft",
        ),
        (
            gettext("Unsubscribed earlier from this list"),
            unsubscribed,
            gettext("not added: only these people themselves can resubscribe"),
            "problem",
        ),
        (
            gettext("Suppressed"),
            figures["suppressed"],
            gettext("not added: suppressed addresses receive no emails"),
            "problem",
        ),
        (gettext("Rejected"), figures["refused"], rejected, "problem"),
        (
            gettext("Duplicates"),
            figures["duplicates"],
            gettext("in several rows: the first row of each address was used"),
            "draft",
        ),
    ]
    return [
        Total(label, format_number(count), description, tone if count else "draft", not count)
        for label, count, description, tone in lines
    ]


_APPLIED = (State.APPLYING, State.APPLIED, State.UNDOING, State.UNDONE)


def _of_them(count: int, description: str) -> str:
    return (
        gettext("%(count)s of them: %(description)s")
        % {"count": format_number(count), "description": description}
        if count
        else gettext("subscribers who are new")
    )


def accepted_and_rejected_samples(job: ImportJob) -> list[Sample]:
    """Sample rows of each kind: of the dry run before importing, and always of rejected rows."""
    found = list(_accepted(job)) if job.state == State.READY else []
    return [*found, *_rejected(job)]


def warnings_by_kind(job: ImportJob) -> list[tuple[str, str, str]]:
    """Warnings about addresses and names by kind: (kind, label with count, samples)."""
    if job.state != State.READY:
        return []
    lines = job.samples.get("warnings", [])
    rows = (
        ImportRow.objects.filter(job=job.pk, line__in=lines)
        .order_by("line")
        .values_list("email", "name", "warning")
    )
    by_kind: dict[str, list[str]] = {}
    for email, name, flag in rows:
        kind, _, suggestion = flag.partition(" ")
        about = name if kind == "name" else f"{email} ({suggestion}?)" if suggestion else email
        by_kind.setdefault(kind, []).append(about)
    return [
        (
            kind,
            f"{label}: {format_number(job.expected['warnings'][kind])}",
            ", ".join(by_kind.get(kind, [])[:5]),
        )
        for kind, label in _WARNINGS.items()
        if job.expected.get("warnings", {}).get(kind)
    ]


def _accepted(job: ImportJob) -> list[Sample]:
    """Rows compared again now; rows whose outcome changed since the dry run are not shown."""
    counts = job.expected
    kinds = (
        ("changes", gettext("Updated"), counts["updated"] - counts["confirmed"]),
        (
            "confirms",
            gettext("Subscribers waiting for confirmation whom this import confirms"),
            counts["confirmed"],
        ),
        ("joins", gettext("Already subscribed to another list"), counts["known"]),
        ("new", gettext("New"), counts["added"] - counts["known"]),
        ("suppressed", gettext("Suppressed"), counts["suppressed"]),
        ("unsubscribed", gettext("Unsubscribed earlier from this list"), counts["unsubscribed"]),
    )
    expected = {line: kind for kind, _, _ in kinds for line in job.samples.get(kind, [])[:_SHOWN]}
    compared = [
        row for row in diff.compared_rows_at_lines(job, expected) if row["outcome"] == expected[row["line"]]
    ]
    found = []
    for kind, title, total in kinds:
        rows = [row for row in compared if row["outcome"] == kind]
        if rows and kind in ("suppressed", "unsubscribed"):
            skipped = [(str(row["line"]), row["email"]) for row in rows]
            found.append(Sample(kind, title, (gettext("Line"), gettext("Address")), skipped, total))
        elif rows:
            shown = [(str(row["line"]), row["email"], *_choices(row)) for row in rows]
            headings = (
                gettext("Line"),
                gettext("Address"),
                gettext("Name"),
                gettext("Language"),
                gettext("Countries"),
            )
            found.append(Sample(kind, title, headings, shown, total))
    return found


def _choices(row: dict[str, Any]) -> tuple[str, str, str]:
    """Name, language and countries, each as "old → new" if it changes."""
    return (
        _change(row["old_name"], row["name"]),
        _change(_language(row["old_language"]), _language(row["language"]) or ""),
        _change(_countries(row["old_countries"]), _countries(row["countries"]) or ""),
    )


def _change(old: str | None, new: str) -> str:
    return new if old is None or old == new else f"{old or '–'} → {new}"


def _language(code: str | None) -> str | None:
    return staff_localization.language_name(code) if code else code


def _countries(codes: str | None) -> str | None:
    if codes is None:
        return None
    return ", ".join(staff_localization.country_name(code) for code in codes.split(",") if code) or gettext(
        "All countries"
    )


def _rejected(job: ImportJob) -> list[Sample]:
    kinds = []
    figures = dict(job.result if job.state in _APPLIED else job.expected)
    figures["refused"] = figures.get("refused", 0) - figures.get("do_not_mail", 0)
    for kind, title, name in (
        ("invalid", gettext("Rejected"), "refused"),
        ("do_not_mail", gettext("Marked as unsubscribed or bounced in the file"), "do_not_mail"),
        ("duplicate", gettext("Duplicates"), "duplicates"),
        ("suppressed", gettext("Suppressed"), "suppressed"),
        ("unsubscribed", gettext("Unsubscribed earlier from this list"), "unsubscribed"),
    ):
        rows = RejectedRow.objects.filter(job=job.pk, kind=kind).order_by("line")[:_SHOWN]
        shown = [(str(row.line), translated(row.reason)) for row in rows]
        if shown:
            kinds.append(
                Sample(
                    kind, title, (gettext("Line"), gettext("Reason")), shown, figures.get(name, len(shown))
                )
            )
    return kinds
