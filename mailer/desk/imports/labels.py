"""What is told of an import: its account, rows of each kind, and what a column can be about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mailer.reports.labels import number
from subscribers import iso_codes
from subscribers.imports import diff
from subscribers.imports.models import ImportRefusal, ImportRow, ImportRun

State = ImportRun.State
# Rows that are shown of each kind.
_SHOWN = 10

# What a column can be about, as people choose it.
WORDS = {
    "email": "Address",
    "name": "Name",
    "first_name": "First name",
    "last_name": "Last name",
    "language": "Language",
    "countries": "Countries of interest",
    "tags": "Tags",
    "status": "Status: who left or bounced is not taken",
    "ended": "When they left, or a yes: they are not taken",
    "ignore": "Leave out",
}
_FLAGS = {
    "typo": "Probably mistyped",
    "disposable": "Throw-away mailboxes",
    "role": "Nobody’s own, such as info@",
}


@dataclass(frozen=True)
class Figure:
    """One line of an import's account."""

    label: str
    count: str
    meaning: str
    # As in a state: good news, nothing, or somebody who stays away.
    tone: str


@dataclass(frozen=True)
class Sample:
    """Some rows of a kind."""

    key: str
    title: str
    # Headings, and cells in their order.
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    # How many there are.
    count: int

    @property
    def rest(self) -> str:
        left = self.count - len(self.rows)
        return number(left) if left > 0 else ""


def account(run: ImportRun) -> list[Figure]:
    """Every row of the file, in exactly one line; empty while nothing was counted."""
    figures = run.done if run.state in _APPLIED else run.foreseen
    if "added" not in figures or run.state in (State.READING, State.FAILED):
        return []
    left, known, stopped = figures["unsubscribed"], figures["known"], figures.get("stopped", 0)
    refused = "no address, one that cannot be, or gone, as the file says"
    if stopped:
        refused += f"; mail to {number(stopped)} of them was stopped"
    lines = [
        ("New on the list", figures["added"], _of_them(known, "known from another list"), "done"),
        ("Changed", figures["updated"], "name, language, countries, or their consent", "changed"),
        ("Unchanged", figures["unchanged"] - left, "on the list as the file says", "draft"),
        ("Left before", left, "and stay away: only they can come back", "problem"),
        ("Suppressed", figures["suppressed"], "no mail may reach them", "problem"),
        ("Refused", figures["refused"], refused, "problem"),
        ("Named twice", figures["duplicates"], "their first row counts", "draft"),
    ]
    return [
        Figure(label, number(count), meaning, tone if count else "draft")
        for label, count, meaning, tone in lines
    ]


_APPLIED = (State.APPLYING, State.APPLIED, State.UNDOING, State.UNDONE)


def _of_them(count: int, words: str) -> str:
    return f"{number(count)} of them {words}" if count else "not known before"


def samples(run: ImportRun) -> list[Sample]:
    """Some rows of each kind: of people while they wait to be applied, and of whoever was not taken."""
    found = list(_people(run)) if run.state == State.READY else []
    return [*found, *_refusals(run)]


def doubtful(run: ImportRun) -> list[tuple[str, str, str]]:
    """Kinds of doubts about addresses: (name, in words with how many, some of them)."""
    if run.state != State.READY:
        return []
    lines = run.samples.get("flagged", [])
    rows = ImportRow.objects.filter(run=run.pk, line__in=lines).order_by("line").values_list("email", "flag")
    by_kind: dict[str, list[str]] = {}
    for email, flag in rows:
        kind, _, meant = flag.partition(" ")
        by_kind.setdefault(kind, []).append(f"{email} ({meant}?)" if meant else email)
    return [
        (kind, f"{words}: {number(run.foreseen['flagged'][kind])}", ", ".join(by_kind.get(kind, [])[:5]))
        for kind, words in _FLAGS.items()
        if run.foreseen.get("flagged", {}).get(kind)
    ]


def _people(run: ImportRun) -> list[Sample]:
    """Rows as they compare now; who changed sides since the figures were counted is not shown."""
    counts = run.foreseen
    kinds = (
        ("changes", "Changed", counts["updated"] - counts["confirmed"]),
        ("confirms", "Were waiting for confirmation, which this file gives", counts["confirmed"]),
        ("joins", "Known from another list", counts["known"]),
        ("new", "New", counts["added"] - counts["known"]),
        ("suppressed", "Suppressed", counts["suppressed"]),
        ("left", "Left before", counts["unsubscribed"]),
    )
    then = {line: verdict for verdict, _, _ in kinds for line in run.samples.get(verdict, [])[:_SHOWN]}
    compared = [row for row in diff.look(run, then) if row["verdict"] == then[row["line"]]]
    found = []
    for verdict, title, total in kinds:
        rows = [row for row in compared if row["verdict"] == verdict]
        if rows and verdict in ("suppressed", "left"):
            away = [(str(row["line"]), row["email"]) for row in rows]
            found.append(Sample(verdict, title, ("Line", "Address"), away, total))
        elif rows:
            shown = [(str(row["line"]), row["email"], *_choices(row)) for row in rows]
            headings = ("Line", "Address", "Name", "Language", "Countries")
            found.append(Sample(verdict, title, headings, shown, total))
    return found


def _choices(row: dict[str, Any]) -> tuple[str, str, str]:
    """Name, language and countries; where one changes, before and after."""
    return (
        _change(row["old_name"], row["name"]),
        _change(row["old_language"], row["language"]),
        _change(_countries(row["old_countries"]), _countries(row["countries"]) or ""),
    )


def _change(old: str | None, new: str) -> str:
    return new if old is None or old == new else f"{old or '–'} → {new}"


def _countries(codes: str | None) -> str | None:
    if codes is None:
        return None
    return (
        ", ".join(iso_codes.country_name(code, "en") for code in codes.split(",") if code) or "every country"
    )


def _refusals(run: ImportRun) -> list[Sample]:
    kinds = []
    figures = dict(run.done if run.state in _APPLIED else run.foreseen)
    figures["refused"] = figures.get("refused", 0) - figures.get("gone", 0)
    for kind, title, name in (
        ("refused", "Refused", "refused"),
        ("gone", "Gone, as the file says", "gone"),
        ("duplicate", "Named twice", "duplicates"),
        ("suppressed", "Suppressed", "suppressed"),
        ("left", "Left before", "unsubscribed"),
    ):
        rows = ImportRefusal.objects.filter(run=run.pk, kind=kind).order_by("line")[:_SHOWN]
        shown = [(str(row.line), row.reason) for row in rows]
        if shown:
            kinds.append(Sample(kind, title, ("Line", "Why"), shown, figures.get(name, len(shown))))
    return kinds
