"""The steps about the writer and the approver: who can write, who can approve, and why others cannot yet."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.utils.translation import gettext

from mailer.approval.possible_approvers import approvers_of
from mailer.approval.staff_by_permission import users_with_permission_and_email
from mailer.desk.base.approver_eligibility_sentences import names_for, why_barred
from mailer.desk.base.setup_progress import newsletter_settings_authors


def who_can_write_lines(viewer: User) -> tuple[str, ...]:
    """Who can write stories and submit editions, as a sentence for this user."""
    writers = sorted(users_with_permission_and_email("mailer.submit_edition"), key=lambda one: one.pk)
    return (
        gettext("People who can write and submit editions: %(names)s.")
        % {"names": names_for(viewer, writers)},
    )


def who_can_approve_lines(viewer: User) -> tuple[str, ...]:
    """Who can approve, and who cannot yet and why, as sentences for this user.

    As long as there is no newsletter, the user is taken for the one who will set it up.
    """
    found = approvers_of(newsletter_settings_authors() or {viewer.pk})
    able = names_for(viewer, found.able)
    return (
        gettext("People who can approve editions: %(names)s.") % {"names": able}
        if able
        else gettext("Nobody can approve editions yet."),
        *(why_barred(one, viewer) for one in found.barred),
    )
