"""The demo's story in seven steps, and how far the sample edition has come in it."""

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
    # Who must be signed in for it; None: anybody.
    member: seed.Member | None = None


@dataclass(frozen=True)
class Step:
    number: int
    title: str
    words: str
    progress: Progress
    action: Action | None
    # Whether its action is the one that leads on from here.
    primary: bool

    @property
    def progress_words(self) -> str:
        """The mark in words, for those who do not see its shape."""
        return {"done": "done", "now": "to do now", "later": "later"}[self.progress]


# What the page says about the edition as a whole.
_STATUS = {
    "": "The worker is putting the draft together. It takes a few seconds.",
    "draft": "The edition is a draft: the writer can change and submit it.",
    "submitted": "The edition waits for approval by somebody who wrote no part of it.",
    "approved": "The edition is approved and sealed. It waits for its moment.",
    "scheduled": "The edition is scheduled and leaves by itself.",
    "planning": "The edition's readers are being counted.",
    "held": "The mailing is held: somebody must look at its number of readers.",
    "sending": "The edition is being sent, two mails a second.",
    "paused": "The mailing is paused: somebody must resume or cancel it.",
    "sent": "The edition is sent. One mail is on its way back.",
    "cancelled": "The mailing was cancelled; what was left was not sent.",
}
_RETURNED = "The edition is sent, one mail came back, and the report balances."
# Steps behind, and steps to do now, in each state.
_REACHED: dict[str, tuple[int, int]] = {
    "": (0, 0),
    "draft": (0, 3),
    "submitted": (3, 4),
    "sent": (5, 7),
}
_FROM_APPROVAL = (4, 5)
# Where the open steps are several: the one that moves the story on.
_LEADS_ON = {"draft": 3, "sent": 6}


def status(state: str, account: Totals) -> str:
    """One sentence on where the edition stands; `state` is of reports.lifecycle, "" without an edition."""
    return _RETURNED if came_back(state, account) else _STATUS[state]


def came_back(state: str, account: Totals) -> bool:
    """Whether the story is at its end: sent, the bounce counted, the account balanced."""
    return state == "sent" and account.bounced > 0 and account.balances


def steps(edition: Edition | None, state: str, account: Totals) -> tuple[Step, ...]:
    """The seven steps, each with its progress and what one can do."""
    behind, open_until = (7, 7) if came_back(state, account) else _REACHED.get(state, _FROM_APPROVAL)
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
        "On 3 December 2021 the worker put eight stories into a draft. The writer can move and rewrite them.",
    ),
    (
        "Preview the variants",
        "Readers get the stories of the countries they chose, in their language. Look at a few variants.",
    ),
    (
        "Submit it for approval",
        "This freezes every word and picture under one fingerprint. Any later change breaks the seal.",
    ),
    (
        "Approve it as a second person",
        "Whoever wrote a part of it may not approve it: try as the writer. The approver can.",
    ),
    (
        "Send it",
        "The approver picks the moment; now will do. Two mails leave each second, so that you can watch.",
    ),
    (
        "Open the readers’ inboxes",
        "Compare a few: other countries, other stories, other languages. One address was refused.",
    ),
    (
        "See the bounce arrive",
        "A moment later one mail comes back and its address is suppressed. The report counts every reader. "
        "In two minutes it also tells which links they followed; a filter that opened all is left out.",
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
        send = Action("Watch it leave as the approver", desk("desk_edition:report"), approver)
    return {
        1: Action("Open the draft as the writer", desk("desk_editions:edit"), writer),
        2: Action("Preview as the writer", desk("desk_edition:variants"), writer),
        3: Action("Submit as the writer", desk("desk_edition:submit"), writer) if state == "draft" else None,
        4: Action("Review as the approver", desk("desk_edition:review"), approver),
        5: send,
        7: Action("Read the report as the approver", desk("desk_edition:report"), approver),
    }[number]
