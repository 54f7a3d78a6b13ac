"""Senders and welcome texts of lists: proposed by one person, put into force by another one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils.translation import gettext

from mailer.approval import account_influence
from mailer.approval.content_changes_and_authors import user_or_system_name
from mailer.approval.models import ListChange
from mailer.approval.snapshot_state_changes import (
    AccountNotIndependent,
    AuthorMayNotApprove,
    WrongState,
    require_permission,
)
from mailer.approval.staff_by_permission import users_with_permission_and_email
from subscribers.models import MailingList

State = ListChange.State
PERMISSION = "mailer.approve_edition"


@dataclass(frozen=True)
class ListEmails:
    """What a list's emails say of their sender, and the welcome texts by language code."""

    sender_name: str
    sender_email: str
    welcome_texts: dict[str, str]

    @classmethod
    def of(cls, row: MailingList | ListChange) -> ListEmails:
        return cls(row.sender_name, row.sender_email, dict(row.welcome_texts or {}))


def waiting_proposal(mailing_list: MailingList) -> ListChange | None:
    """The proposal that waits for approval."""
    return ListChange.objects.filter(mailing_list=mailing_list, state=State.PROPOSED).first()


def open_to(user: User) -> list[ListChange]:
    """The changes that this user may approve, oldest first."""
    if not user.has_perm(PERMISSION):
        return []
    waiting_ones = ListChange.objects.filter(state=State.PROPOSED).exclude(proposed_by=user)
    return list(waiting_ones.select_related("mailing_list", "proposed_by"))


def propose(mailing_list: MailingList, emails: ListEmails, user: User, now: datetime) -> ListChange:
    """Propose a sender and welcome texts, in place of an earlier proposal; approvers get an email."""
    with transaction.atomic():
        ListChange.objects.filter(mailing_list=mailing_list, state=State.PROPOSED).update(
            state=State.REPLACED
        )
        change = ListChange.objects.create(
            mailing_list=mailing_list,
            sender_name=emails.sender_name,
            sender_email=emails.sender_email,
            welcome_texts=emails.welcome_texts,
            proposed_by=user,
            proposed_at=now,
        )
        for approver in sorted(users_with_permission_and_email(PERMISSION) - {user}, key=lambda one: one.pk):
            _notify(change, approver)
    return change


def _notify(change: ListChange, approver: User) -> None:
    body = gettext(
        "%(proposed_by)s proposes another sender or welcome text of the list “%(mailing_list)s”.\n\n"
        "Review it here:\n"
        "%(url)s/desk/lists/changes/%(change_pk)s/\n"
    ) % {
        "proposed_by": user_or_system_name(change.proposed_by),
        "mailing_list": change.mailing_list,
        "url": settings.CONFIG.site.url,
        "change_pk": change.pk,
    }
    subject = gettext("Emails of the list %(mailing_list)s: approval needed") % {
        "mailing_list": change.mailing_list
    }
    EmailMessage(
        " ".join(subject.split()), body, to=[approver.email], headers={"Auto-Submitted": "auto-generated"}
    ).send()


def approve_list_change(change: ListChange, user: User, now: datetime) -> None:
    """Put a proposal into force.

    Raises NotPermitted, AuthorMayNotApprove for the user who proposed it, AccountNotIndependent, WrongState.
    """
    require_permission(user, PERMISSION)
    if change.proposed_by_id == user.pk:
        raise AuthorMayNotApprove(gettext("You proposed this change; ask a colleague to approve it."))
    if account_influence.authors_behind(user, [change.proposed_by_id]):
        raise AccountNotIndependent(
            gettext(
                "%(proposed_by)s proposed this change, and created or changed your account in the last "
                "%(days)s days. Ask another colleague."
            )
            % {"proposed_by": user_or_system_name(change.proposed_by), "days": account_influence.DAYS}
        )
    if account_influence.authors_controlled_by(user, [change.proposed_by_id]):
        raise AccountNotIndependent(
            gettext(
                "%(proposed_by)s proposed this change, and you created that account or changed how its owner "
                "signs in, in the last %(days)s days. Ask another colleague."
            )
            % {"proposed_by": user_or_system_name(change.proposed_by), "days": account_influence.DAYS}
        )
    with transaction.atomic():
        _decide(change, State.APPROVED, user, now)
        MailingList.objects.filter(pk=change.mailing_list_id).update(
            sender_name=change.sender_name,
            sender_email=change.sender_email,
            welcome_texts=change.welcome_texts,
        )


def reject_list_change(change: ListChange, user: User, now: datetime) -> None:
    """Put a proposal aside; its author may do that too. Raises NotPermitted, WrongState."""
    if change.proposed_by_id != user.pk:
        require_permission(user, PERMISSION)
    _decide(change, State.REJECTED, user, now)


def _decide(change: ListChange, state: ListChange.State, user: User, now: datetime) -> None:
    decided = ListChange.objects.filter(pk=change.pk, state=State.PROPOSED).update(
        state=state, decided_by=user, decided_at=now
    )
    if not decided:
        raise WrongState(gettext("This change was already approved, rejected or replaced."))
