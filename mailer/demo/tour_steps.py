"""The guided tour's seven steps, and the sample edition's progress through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.urls import reverse

from mailer.demo import seed
from mailer.editions.models import Edition
from mailer.reports.stats import Totals

Progress = Literal["done", "now", "later"]


@dataclass(frozen=True)
class Action:
    label: str
    url: str
    # The account that is needed; None: any.
    member: seed.Member | None = None


@dataclass(frozen=True)
class Step:
    number: int
    title: str
    text: str
    progress: Progress
    action: Action | None
    # Whether this is the recommended next action.
    primary: bool

    @property
    def progress_label(self) -> str:
        """The state as text, for screen readers."""
        return {"done": "done", "now": "to do now", "later": "later"}[self.progress]


# The state of the edition as one sentence.
_STATUS = {
    "": "The worker is assembling the draft. This takes a few seconds.",
    "draft": "The edition is a draft: the writer can change and submit it.",
    "submitted": "The edition waits for approval by a person who wrote no part of it.",
    "approved": "The edition is approved. It can be scheduled.",
    "scheduled": "The edition is scheduled and will be sent automatically.",
    "planning": "The edition's audience is being prepared.",
    "held": "The mailing is on hold: a person must confirm its number of readers.",
    "sending": "The edition is being sent, two messages a second.",
    "paused": "The mailing is paused: resume or cancel it.",
    "sent": "The edition is sent. One bounce is on its way.",
    "cancelled": "The mailing was cancelled; the remaining messages were not sent.",
}
_RETURNED = "The edition is sent, one message bounced, and the report balances."
# Completed steps and current steps, per state.
_REACHED: dict[str, tuple[int, int]] = {
    "": (0, 0),
    "draft": (0, 3),
    "submitted": (3, 4),
    "sent": (5, 7),
}
_FROM_APPROVAL = (4, 5)
# Of several current steps, the recommended one.
_LEADS_ON = {"draft": 3, "sent": 6}


def status(state: str, account: Totals) -> str:
    """The edition's state as one sentence; `state` is of reports.lifecycle, "" without an edition."""
    return _RETURNED if is_complete(state, account) else _STATUS[state]


def is_complete(state: str, account: Totals) -> bool:
    """Whether the tour is complete: sent, the bounce counted, the account balanced."""
    return state == "sent" and account.bounced > 0 and account.balances


def steps(edition: Edition | None, state: str, account: Totals) -> tuple[Step, ...]:
    """The seven steps, with progress and action."""
    behind, open_until = (7, 7) if is_complete(state, account) else _REACHED.get(state, _FROM_APPROVAL)
    leads_on = _LEADS_ON.get(state, open_until)
    found = []
    for number, (title, words) in enumerate(_STEPS, 1):
        progress: Progress = "done" if number <= behind else "now" if number <= open_until else "later"
        action = _action(number, edition, state) if progress != "later" else None
        found.append(Step(number, title, words, progress, action, primary=number == leads_on))
    return tuple(found)


_STEPS = (
    (
        "See the draft",
        "On 3 December 2021 the worker assembled a draft of eight stories. The writer can edit it.",
    ),
    (
        "Preview the variants",
        "Readers get the stories of the countries they chose, in their language. Look at a few variants.",
    ),
    (
        "Submit it for approval",
        "This creates a snapshot of every text and picture under one hash. Any later change invalidates it.",
    ),
    (
        "Approve it as a second person",
        "Authors cannot approve their own work: try as the writer. The approver can.",
    ),
    (
        "Send it",
        "The approver chooses the time, for example now. Two messages are sent a second.",
    ),
    (
        "Open the readers’ inboxes",
        "Compare a few: other countries, other stories, other languages. One address was refused.",
    ),
    (
        "See the bounce arrive",
        "A moment later one message bounces, and its address is suppressed. The report balances. "
        "After two minutes it also shows clicks; a scanner that opened all links is excluded.",
    ),
)


def _action(number: int, edition: Edition | None, state: str) -> Action | None:
    if number == 6:
        return Action("Open the readers’ inboxes", reverse("demo:inboxes"))
    if edition is None:
        return None

    def desk(page: str) -> str:
        return reverse(page, args=[edition.pk])

    writer, approver = seed.WRITER, seed.APPROVER
    send = None
    if state in ("approved", "scheduled"):
        send = Action("Send as the approver", desk("desk_edition:schedule"), approver)
    elif state != "sent":
        send = Action("Watch sending as the approver", desk("desk_edition:report"), approver)
    return {
        1: Action("Open the draft as the writer", desk("desk_editions:edit"), writer),
        2: Action("Preview as the writer", desk("desk_edition:variants"), writer),
        3: Action("Submit as the writer", desk("desk_edition:submit"), writer) if state == "draft" else None,
        4: Action("Review as the approver", desk("desk_edition:review"), approver),
        5: send,
        7: Action("Read the report as the approver", desk("desk_edition:report"), approver),
    }[number]
