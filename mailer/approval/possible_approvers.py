"""Who may approve a snapshot, or what given authors wrote, and why others may not: also before submitting."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import User

from mailer.approval import account_influence, content_changes_and_authors
from mailer.approval.models import Snapshot
from mailer.approval.snapshot_state_changes import ApprovalError, require_second_person
from mailer.approval.staff_by_permission import active_users_with
from mailer.editions.models import Edition


class Barred(NamedTuple):
    """An account with the permission to approve, which may not approve this."""

    user: User
    # The authors who created or changed the account.
    because_of: tuple[User, ...]
    # When the account may approve if nobody changes an account again (aware); None: the user is an author.
    until: datetime | None
    # The authors whose account this user created or can sign in to.
    controls: tuple[User, ...] = ()


class PossibleApprovers(NamedTuple):
    """Every active account with the permission to approve: those that may, and those that may not."""

    able: tuple[User, ...]
    barred: tuple[Barred, ...]


def all_approvers() -> Iterable[User]:
    """The active users with the permission to approve, oldest account first."""
    return active_users_with("mailer.approve_edition")


def users_who_may_approve(snapshot: Snapshot) -> list[User]:
    """The active users who may approve the snapshot."""
    return [user for user in all_approvers() if passes_second_person_rule(snapshot, user)]


def passes_second_person_rule(snapshot: Snapshot, user: User) -> bool:
    """Whether a user with the permission may approve the snapshot."""
    try:
        require_second_person(snapshot, user)
    except ApprovalError:
        return False
    return True


def approvers_of(authors: Collection[int], users: Iterable[User] | None = None) -> PossibleApprovers:
    """Which of the users, by default of all approvers, may approve what the authors (primary keys) wrote."""
    able, barred = [], []
    everyone = list(all_approvers() if users is None else users)
    behind_each = account_influence.authors_behind_each(everyone, authors)
    controlled_by_each = account_influence.authors_controlled_by_each(everyone, authors)
    for user in everyone:
        if user.pk in authors:
            barred.append(Barred(user, (), None))
        elif behind_each[user.pk] or controlled_by_each[user.pk]:
            behind, controlled = tuple(behind_each[user.pk]), tuple(controlled_by_each[user.pk])
            barred.append(Barred(user, behind, _until(user, authors, controlled), controlled))
        else:
            able.append(user)
    return PossibleApprovers(tuple(able), tuple(barred))


def _until(user: User, authors: Collection[int], controlled: Iterable[User]) -> datetime | None:
    """When the user may approve what the authors wrote, if nobody changes an account again (aware)."""
    ends = [
        account_influence.author_influence_ends_at(user, authors),
        *(
            account_influence.author_influence_ends_at(author, {user.pk}, account_influence.CONTROL)
            for author in controlled
        ),
    ]
    return max((end for end in ends if end), default=None)


def approvers_if_submitted(edition: Edition, submitter: User) -> PossibleApprovers:
    """Who may approve the edition once this user has submitted it as it is now."""
    return approvers_of(
        {
            submitter.pk,
            *(one.pk for one in content_changes_and_authors.authors_of_unapproved_changes(edition)),
        }
    )
