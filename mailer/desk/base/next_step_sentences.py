"""What happens next to an edition, as one user reads it: what they can do, or who must act."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from mailer.approval.models import Snapshot
from mailer.approval.possible_approvers import approvers_of
from mailer.approval.snapshot_state_changes import author_and_submitter_ids
from mailer.approval.staff_by_permission import active_users_with
from mailer.desk.base.approver_eligibility_sentences import names_for

# More people than this are not named: any of them may act.
_NAMED = 4
# By state: what a user reads who may act.
_OWN = {
    "draft": _("Next: submit the edition for approval"),
    "rejected": _("Next: change the edition and submit it again, or delete it"),
    "submitted": _("Next: review the edition, then approve it or request changes"),
    "approved": _("Next: schedule the edition"),
    "held": _("Next: check the audience, then confirm or cancel sending"),
    "paused": _("Next: resume or cancel sending"),
}
# Who acts otherwise. Who may approve depends on the authors.
_PERMISSIONS = {
    "draft": "mailer.submit_edition",
    "rejected": "mailer.submit_edition",
    "approved": "mailer.schedule_edition",
    "held": "mailer.schedule_edition",
    "paused": "mailer.schedule_edition",
}


def next_step_sentence_for(
    user: User, state: str, general_sentence: str, snapshot: Snapshot | None, *, may_act: bool
) -> str:
    """The sentence for this user. `general_sentence`: for everybody; `snapshot`: the one that is open."""
    if state not in _OWN:
        return general_sentence
    if may_act:
        return str(_OWN[state])
    people = _people_who_act(state, snapshot)
    if not 0 < len(people) <= _NAMED:
        return general_sentence
    return f"{general_sentence} ({names_for(user, people)})"


def _people_who_act(state: str, snapshot: Snapshot | None) -> Sequence[User]:
    if state != "submitted":
        return list(active_users_with(_PERMISSIONS[state])[: _NAMED + 1])
    return approvers_of(author_and_submitter_ids(snapshot)).able if snapshot is not None else ()
