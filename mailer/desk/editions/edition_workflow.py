"""Where an edition stands, who must act, and the next step: the head of every page about an edition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from django.contrib.auth.models import User
from django.urls import reverse

from mailer.approval.models import Snapshot
from mailer.delivery.models import Mailing
from mailer.editions.models import Edition
from mailer.reports import edition_state
from mailer.reports.totals import latest_mailing, latest_rehearsal

Mark = Literal["done", "now", "todo"]

_LABELS = ("Draft", "Submitted", "Approved", "Scheduled", "Sending", "Sent")
# The step (index into _LABELS), the tone of the word, the word, and who must act.
_STATES: dict[str, tuple[int, str, str, str]] = {
    "draft": (0, "draft", "Draft", "Waits for its writers"),
    "submitted": (1, "waiting", "Waiting for approval", "Waits for an approver who wrote no part of it"),
    "approved": (2, "waiting", "Approved, not yet scheduled", "Waits for somebody to pick the moment"),
    "scheduled": (3, "done", "Scheduled", "Nobody: it leaves by itself"),
    "planning": (4, "busy", "Counting its readers", "Nobody: it starts by itself"),
    "held": (4, "problem", "Held for a person", "Waits for somebody to look at its readers"),
    "sending": (4, "busy", "Being sent", "Nobody: it is on its way"),
    "paused": (4, "problem", "Paused", "Waits for somebody to resume or cancel it"),
    "sent": (5, "done", "Sent", "Nobody: the report is there"),
    "cancelled": (5, "problem", "Cancelled", "Nobody: what was left was not sent"),
}


@dataclass(frozen=True)
class Step:
    label: str
    mark: Mark

    @property
    def words(self) -> str:
        """The mark in words, for those who do not see the shape."""
        return {"done": "done", "now": "now here", "todo": "still to come"}[self.mark]


@dataclass(frozen=True)
class Action:
    label: str
    url: str
    icon: str


@dataclass(frozen=True)
class Overview:
    edition: Edition
    # One of reports.lifecycle.STATES.
    state: str
    tone: str
    word: str
    # Who must act, in words.
    waits: str
    steps: tuple[Step, ...]
    # The next step, when this user may take it.
    action: Action | None
    # The snapshot that is open or was sent.
    snapshot: Snapshot | None
    mailing: Mailing | None
    # Why the last copy came back, while the edition is a draft again.
    setback: str
    # Pages that have something to show now.
    pages: tuple[Action, ...]


def state_word(state: str) -> tuple[str, str]:
    """(tone, word) of a lifecycle state."""
    _, tone, word, _ = _STATES[state]
    return tone, word


def who_acts(state: str) -> str:
    """Who must act on an edition in this state, in words."""
    return _STATES[state][3]


def overview(edition: Edition, user: User) -> Overview:
    """Everything that the head of an edition's page shows to this user."""
    summary = edition_state.edition_summary(edition)
    state = str(summary["state"])
    at, tone, word, waits = _STATES[state]
    snapshot = (
        edition.snapshots.filter(sha256=summary["hash"]).select_related("submitted_by").first()
        if summary["hash"]
        else None
    )
    mailing = latest_mailing(edition)
    if mailing is not None and snapshot is not None and mailing.snapshot_id == snapshot.pk:
        # It is large, and was read just now.
        mailing.snapshot = snapshot
    return Overview(
        edition=edition,
        state=state,
        tone=tone,
        word=word,
        waits=waits,
        steps=tuple(_steps(at, finished=state == "sent", cut=state == "cancelled")),
        action=next_action(edition, state, user),
        snapshot=snapshot,
        mailing=mailing,
        setback=_setback(edition) if state == "draft" else "",
        pages=tuple(_pages(edition, state, user)),
    )


def next_action(edition: Edition, state: str, user: User) -> Action | None:
    """The one primary step from here, None when this user cannot take it or nobody must."""

    def to(page: str) -> str:
        return reverse(f"desk_edition:{page}", args=[edition.pk])

    actions = {
        "draft": ("mailer.submit_edition", Action("Submit for approval", to("submit"), "upload")),
        "submitted": ("mailer.approve_edition", Action("Review and approve", to("review"), "check")),
        "approved": ("mailer.schedule_edition", Action("Pick the moment", to("schedule"), "calendar-check")),
        "scheduled": (
            "mailer.schedule_edition",
            Action("See when it leaves", to("schedule"), "calendar-check"),
        ),
        "held": ("mailer.schedule_edition", Action("Look at what holds it", to("report"), "warning")),
        "paused": ("mailer.schedule_edition", Action("Resume or cancel", to("report"), "warning")),
        "sending": ("mailer.view_edition", Action("Watch it leave", to("report"), "view")),
        "sent": ("mailer.view_edition", Action("Read the report", to("report"), "view")),
        "cancelled": ("mailer.view_edition", Action("Read the report", to("report"), "view")),
    }
    permission, action = actions.get(state, ("", None))
    return action if action and user.has_perm(permission) else None


def _steps(at: int, *, finished: bool, cut: bool) -> Iterable[Step]:
    for index, label in enumerate(_LABELS):
        if index < at or finished:
            yield Step(label, "done")
        elif index == at:
            yield Step("Cancelled" if cut else label, "now")
        else:
            yield Step(label, "todo")


def _setback(edition: Edition) -> str:
    last = edition.snapshots.first()
    return last.invalidated_reason if last is not None else ""


def _pages(edition: Edition, state: str, user: User) -> Iterable[Action]:
    if user.has_perm("mailer.change_edition"):
        yield Action("Edit", reverse("desk_editions:edit", args=[edition.pk]), "edit")
    yield Action("Preview", reverse("desk_edition:variants", args=[edition.pk]), "view")
    if state != "draft":
        yield Action("Review", reverse("desk_edition:review", args=[edition.pk]), "check")
    if state in ("submitted", "approved", "scheduled") or latest_rehearsal(edition):
        yield Action("Rehearse", reverse("desk_edition:rehearse", args=[edition.pk]), "resubmit")
    if state in ("approved", "scheduled"):
        yield Action("Schedule", reverse("desk_edition:schedule", args=[edition.pk]), "calendar-check")
    if state in ("planning", "held", "sending", "paused", "sent", "cancelled"):
        yield Action("Report", reverse("desk_edition:report", args=[edition.pk]), "site")
