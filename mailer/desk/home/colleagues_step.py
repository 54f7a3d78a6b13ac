"""The step "Invite a writer and an approver": who can write, who can approve, and why others cannot yet."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib.auth.models import User
from django.utils.translation import gettext

from mailer.approval.emails_to_staff import users_with
from mailer.approval.possible_approvers import approvers_of
from mailer.desk.base.barred_approvers import names_for, why_barred
from mailer.desk.base.setup_progress import newsletter_authors


class Colleagues(NamedTuple):
    """What the step says."""

    # Sentences with names.
    lines: tuple[str, ...]
    # Whether an approver has to be invited on the server.
    needs_approver: bool


def colleagues(viewer: User) -> Colleagues:
    """Who can write and who can approve, as this user reads it.

    As long as there is no newsletter, the user is taken for the one who will set it up.
    """
    found = approvers_of(newsletter_authors() or {viewer.pk})
    writers = sorted(users_with("mailer.submit_edition"), key=lambda one: one.pk)
    able = names_for(viewer, found.able)
    return Colleagues(
        (
            gettext("People who can write and submit editions: %(names)s.")
            % {"names": names_for(viewer, writers)},
            gettext("People who can approve editions: %(names)s.") % {"names": able}
            if able
            else gettext("Nobody can approve editions yet."),
            *(why_barred(one, viewer) for one in found.barred),
        ),
        not able,
    )
