"""The workflow of an edition, from draft to sent: its state, the next step and the pages to show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, TypeVar

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.models import Rejection, Snapshot
from mailer.approval.possible_approvers import passes_second_person_rule
from mailer.approval.review_comments_and_checked_variants import comments_of
from mailer.delivery.models import Mailing
from mailer.desk.base.next_step_sentences import next_step_sentence_for
from mailer.editions import draft_blocks
from mailer.editions.models import Edition
from mailer.reports import edition_state
from mailer.reports.stats import latest_mailing
from mailer.stories.models import Story
from subscribers.translate_stored_texts import translated

T = TypeVar("T")
Mark = Literal["done", "now", "todo"]

_LABELS = (_("Draft"), _("Submitted"), _("Approved"), _("Scheduled"), _("Sending"), _("Sent"))
# Each state: the step (index into _LABELS), the tone of its label, its label, and what happens next.
_STATES: dict[str, tuple[int, str, StrOrPromise, StrOrPromise]] = {
    "draft": (0, "draft", _("Draft"), _("Next: a writer submits the edition for approval")),
    "rejected": (
        0,
        "problem",
        _("Rejected"),
        _("Next: a writer changes the edition and submits it again, or deletes it"),
    ),
    "submitted": (
        1,
        "waiting",
        _("Waiting for approval"),
        _("Next: an approver who is not an author reviews the edition"),
    ),
    "approved": (
        2,
        "waiting",
        _("Approved, not yet scheduled"),
        _("Next: an approver schedules the edition"),
    ),
    "scheduled": (3, "done", _("Scheduled"), _("Will be sent automatically")),
    "planning": (
        4,
        "busy",
        _("Preparing to send"),
        _("Sending starts automatically when the list of recipients is ready"),
    ),
    "held": (
        4,
        "problem",
        _("On hold"),
        _("Next: an approver checks the audience and confirms or cancels sending"),
    ),
    "sending": (4, "busy", _("Sending"), _("No action needed")),
    "paused": (4, "problem", _("Paused"), _("Next: an approver resumes or cancels sending")),
    "sent": (5, "done", _("Sent"), _("The report of the edition is available")),
    "cancelled": (
        5,
        "problem",
        _("Cancelled"),
        _("Sending was cancelled: the remaining messages were not sent"),
    ),
}


# Submitted: a change withdraws the submission. And all in which an edition can be changed.
OPEN_STATES = ("submitted", "approved", "scheduled")
EDITABLE_STATES = (*edition_state.WITH_WRITERS, *OPEN_STATES)


class EditionLocked(Exception):  # noqa: N818  (as draft_blocks.BlockNotFound)
    """The edition may not be changed in its state; the text says why."""

    def __init__(self, message: str, *, submitted: bool) -> None:
        """`submitted`: whether the user may change it once they know that this withdraws the submission."""
        super().__init__(message)
        self.submitted = submitted


# States whose label stands in the place of the current step's.
_NAMES_STEP = ("rejected", "cancelled")


class Step(NamedTuple):
    label: str
    mark: Mark

    @property
    def mark_label(self) -> str:
        """The mark as text, for screen readers."""
        labels = {
            "done": gettext("completed"),
            "now": gettext("current step"),
            "todo": gettext("not started"),
        }
        return labels[self.mark]


class OpenComment(NamedTuple):
    """A reviewer's comment that no writer has marked as done."""

    pk: int
    text: str
    # Of the reviewer.
    name: str
    # Headline of the story, and where it is edited; empty for a comment about the edition.
    about: str
    url: str


class Action(NamedTuple):
    label: str
    url: str
    icon: str


@dataclass(frozen=True)
class Overview:
    edition: Edition
    # One of `reports.edition_state.STATES`.
    state: str
    tone: str
    label: str
    # What happens next: what this user can do, or who must act.
    next_step: str
    steps: tuple[Step, ...]
    # The primary action, if this user may take it.
    action: Action | None
    # The snapshot that is open or was sent.
    snapshot: Snapshot | None
    mailing: Mailing | None
    # The last snapshot, while the edition is with its writers.
    last: Snapshot | None
    # Why the last snapshot is no longer valid, while the edition is a draft again, or was rejected.
    draft_reason: str
    # Reviewers' open comments on the last snapshot, meanwhile.
    comments: tuple[OpenComment, ...]
    # Pages that apply in this state.
    pages: tuple[Action, ...]


def state_tone_and_label(state: str) -> tuple[str, str]:
    """(tone, label) of an edition state."""
    _, tone, label, _ = _STATES[state]
    return tone, str(label)


def next_step_sentence(state: str) -> str:
    """What happens next to an edition in this state, and in which role somebody acts."""
    return str(_STATES[state][3])


def overview(edition: Edition, user: User) -> Overview:
    """The data of the header on every page about an edition, for this user."""
    summary = edition_state.edition_as_json(edition)
    state = str(summary["state"])
    at, tone, label, next_step = _STATES[state]
    snapshot = (
        edition.snapshots.filter(sha256=summary["hash"]).select_related("submitted_by").first()
        if summary["hash"]
        else None
    )
    # The last one, while the edition is with its writers; its content, which is large, is not shown.
    last = edition.snapshots.defer("content", "manifest")
    refused = (
        last.select_related("rejection__rejected_by").first() if state in edition_state.WITH_WRITERS else None
    )
    # Without a snapshot nothing was ever sent.
    submitted = snapshot is not None or refused is not None
    mailing = latest_mailing(edition) if submitted else None
    if mailing is not None and snapshot is not None and mailing.snapshot_id == snapshot.pk:
        # The snapshot is large and already loaded.
        mailing.snapshot = snapshot
    action = next_action(edition, state, user)
    return Overview(
        edition=edition,
        state=state,
        tone=tone,
        label=str(label),
        next_step=next_step_sentence_for(user, state, str(next_step), snapshot, may_act=action is not None),
        steps=tuple(_steps(at, str(label) if state in _NAMES_STEP else "", finished=state == "sent")),
        action=action,
        snapshot=snapshot,
        mailing=mailing,
        last=refused,
        draft_reason=_draft_reason(refused) if refused else "",
        comments=tuple(_open_comments(refused)) if refused else (),
        pages=tuple(_pages(edition, state, user, submitted=submitted)),
    )


def next_action(edition: Edition, state: str, user: User) -> Action | None:
    """The primary action in this state.

    None if there is none, or this user lacks the permission or may not approve this edition.
    """

    def to(page: str) -> str:
        return reverse(f"desk_edition:{page}", args=[edition.pk])

    actions = {
        "draft": ("mailer.submit_edition", Action(gettext("Submit for approval"), to("submit"), "upload")),
        "rejected": (
            "mailer.submit_edition",
            Action(gettext("Submit the edition again"), to("submit"), "upload"),
        ),
        "submitted": (
            "mailer.approve_edition",
            Action(gettext("Review and approve the edition"), to("review"), "check"),
        ),
        "approved": (
            "mailer.schedule_edition",
            Action(gettext("Schedule"), to("schedule"), "calendar-check"),
        ),
        "scheduled": (
            "mailer.schedule_edition",
            Action(gettext("View when it will be sent"), to("schedule"), "calendar-check"),
        ),
        "held": (
            "mailer.schedule_edition",
            Action(gettext("Review why sending is on hold"), to("progress"), "warning"),
        ),
        "paused": (
            "mailer.schedule_edition",
            Action(gettext("Resume or cancel sending"), to("progress"), "warning"),
        ),
        "sending": (
            "mailer.view_edition",
            Action(gettext("View the sending progress"), to("progress"), "view"),
        ),
        "sent": ("mailer.view_edition", Action(gettext("View the report"), to("report"), "view")),
        "cancelled": ("mailer.view_edition", Action(gettext("View the report"), to("report"), "view")),
    }
    permission, action = actions.get(state, ("", None))
    if not action or not user.has_perm(permission):
        return None
    return action if state != "submitted" or _may_approve(edition, user) else None


def _may_approve(edition: Edition, user: User) -> bool:
    waiting = edition.snapshots.filter(state=Snapshot.State.SUBMITTED).defer("content").first()
    return waiting is not None and passes_second_person_rule(waiting, user)


def _steps(at: int, instead: str, *, finished: bool) -> Iterable[Step]:
    """The steps; `instead` names the current one, where it is not empty."""
    for index, label in enumerate(_LABELS):
        if index < at or finished:
            yield Step(str(label), "done")
        elif index == at:
            yield Step(instead or str(label), "now")
        else:
            yield Step(str(label), "todo")


def _open_comments(last: Snapshot) -> Iterable[OpenComment]:
    found = list(comments_of(last).filter(done_at=None))
    stories = {story.key: story for story in Story.objects.filter(key__in={one.story_key for one in found})}
    for one in found:
        story = stories.get(one.story_key)
        yield OpenComment(
            pk=one.pk,
            text=one.text,
            name=user_or_system_name(one.user),
            about=str(story) if story else "",
            url=reverse("desk_stories:edit", args=[story.pk]) if story else "",
        )


def _draft_reason(last: Snapshot) -> str:
    rejection = getattr(last, "rejection", None)
    return rejection_label(rejection) if rejection else translated(last.invalidated_reason)


def rejection_label(rejection: Rejection) -> str:
    """Who rejected an edition, and why: "Timur rejected it: The dates are wrong."."""
    return gettext("%(name)s rejected the edition: %(reason)s") % {
        "name": user_or_system_name(rejection.rejected_by),
        "reason": rejection.reason,
    }


def _pages(edition: Edition, state: str, user: User, *, submitted: bool) -> Iterable[Action]:
    if user.has_perm("mailer.change_edition"):
        yield Action(edit_tab_label(state), reverse("desk_editions:edit", args=[edition.pk]), "edit")
        if state in EDITABLE_STATES:
            yield Action(gettext("Settings"), reverse("desk_edition:settings", args=[edition.pk]), "cog")
    yield Action(gettext("Translations"), reverse("desk_edition:translations", args=[edition.pk]), "globe")
    yield Action(gettext("Preview"), reverse("desk_edition:variants", args=[edition.pk]), "view")
    yield Action(gettext("Test email"), reverse("desk_edition:test", args=[edition.pk]), "mail")
    if state != "draft":
        yield Action(gettext("Review"), reverse("desk_edition:review", args=[edition.pk]), "check")
    if state in ("submitted", "approved", "scheduled") or (
        submitted and edition.mailings.dry_runs().exists()
    ):
        yield Action(
            gettext("Test with all emails"), reverse("desk_edition:dry_run", args=[edition.pk]), "resubmit"
        )
    if state in ("approved", "scheduled"):
        yield Action(
            pgettext("page of an edition", "Schedule"),
            reverse("desk_edition:schedule", args=[edition.pk]),
            "calendar-check",
        )
    if state in ("planning", "held", "sending", "paused"):
        yield Action(gettext("Progress"), reverse("desk_edition:progress", args=[edition.pk]), "history")
    if state in ("planning", "held", "sending", "paused", "sent", "cancelled"):
        yield Action(gettext("Report"), reverse("desk_edition:report", args=[edition.pk]), "site")


def edit_tab_label(state: str) -> str:
    """The label of the page with an edition's stories, which can no longer be edited once it is sent."""
    return gettext("Edit") if state in EDITABLE_STATES else gettext("Stories")


def change_draft(
    edition: Edition, user: User, now: datetime, act: Callable[[Edition], T], *, withdrawal_acknowledged: bool
) -> T:
    """`draft_blocks.change_draft`, if the state still allows it once nobody else can submit the edition.

    `withdrawal_acknowledged`: whether the user was shown that the change withdraws a submission. Raises
    EditionLocked.
    """

    def checked(draft: Edition) -> T:
        state = edition_state.edition_state(edition)
        if state not in EDITABLE_STATES:
            raise EditionLocked(
                gettext("This edition is being sent or was sent. It cannot be changed any more."),
                submitted=False,
            )
        if state in OPEN_STATES and not withdrawal_acknowledged:
            raise EditionLocked(
                gettext("This edition is no longer a draft. Choose “Change this edition” first."),
                submitted=True,
            )
        return act(draft)

    return draft_blocks.change_draft(edition, user, now, checked)
