"""Which authors are behind an account, or have one that its owner may sign in to: whom it may not approve."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext

from mailer.approval.models import AccountChange
from mailer.migrations import _account_changes
from subscribers.translate_stored_texts import translated

# Days for which an account cannot approve the work of an author who created or changed it, nor of one whose
# account its owner created or could sign in to.
DAYS = 30


# After such a change, the person who made it may be able to sign in to the account.
CONTROL = _account_changes.CONTROL


_APPROVE = "approve_edition"


def authors_behind(user: User, authors: Collection[int]) -> list[User]:
    """Which of the authors (primary keys) created or changed the user's account in the last 30 days.

    Also through further accounts: an author's account created another one, which changed this one.
    """
    return authors_behind_each([user], authors)[user.pk]


def authors_behind_each(users: Iterable[User], authors: Collection[int]) -> dict[int, list[User]]:
    """`authors_behind` of each user, by primary key; two queries."""
    return _by_user(users, authors, "SELECT user_id, author_id FROM mailer_accountinfluence")


def authors_controlled_by(user: User, authors: Collection[int]) -> list[User]:
    """Which of the authors (primary keys) have an account that the user may be able to sign in to.

    The user created it, or changed its address, password or second factor, in the last 30 days; also through
    further accounts.
    """
    return authors_controlled_by_each([user], authors)[user.pk]


def authors_controlled_by_each(users: Iterable[User], authors: Collection[int]) -> dict[int, list[User]]:
    """`authors_controlled_by` of each user, by primary key; two queries."""
    # An account that this one may sign in to is a `user_id` there.
    return _by_user(users, authors, "SELECT author_id, user_id FROM mailer_accountcontrol")


def _by_user(users: Iterable[User], authors: Collection[int], pairs: str) -> dict[int, list[User]]:
    """The authors of each user, by primary key, from a query for pairs of (user, author)."""
    found: dict[int, list[int]] = {user.pk: [] for user in users}
    with connection.cursor() as cursor:
        cursor.execute(pairs)
        for user, author in sorted(cursor.fetchall()):
            if user in found and author in authors:
                found[user].append(author)
    known = User.objects.in_bulk({author for one in found.values() for author in one})
    return {user: [known[author] for author in one if author in known] for user, one in found.items()}


def author_influence_ends_at(
    user: User, authors: Collection[int], kinds: Collection[str] | None = None
) -> datetime | None:
    """When no author (primary keys) is behind the account any more, if nobody changes it again (aware).

    None: none is. A chain of changes ends with its first one, which is the oldest. `kinds`: the kinds of
    changes that count (`AccountChange.What`); None: all.
    """
    since = timezone.now() - timedelta(days=DAYS)
    recent = AccountChange.objects.filter(at__gt=since).exclude(actor=None).exclude(actor=F("user"))
    if kinds is not None:
        recent = recent.filter(what__in=kinds)
    changes = list(recent.order_by("-at").values_list("actor_id", "user_id", "at"))
    # By the account: until when what reached it led on to the user's account.
    latest: dict[int, datetime] = {user.pk: timezone.now()}
    found = True
    while found:
        found = False
        for actor, changed, at in changes:
            if changed in latest and at <= latest[changed] and (actor not in latest or latest[actor] < at):
                latest[actor], found = at, True
    first = [at for account, at in latest.items() if account in authors and account != user.pk]
    return max(first) + timedelta(days=DAYS) if first else None


def approver_since(user: User) -> list[tuple[str, datetime | None]]:
    """The roles by which the user may approve, and since when: [("Approvers", time or None if unknown)]."""
    changes = AccountChange.objects.filter(user=user).order_by("-pk")

    def since(what: AccountChange.What, after: str) -> datetime | None:
        return changes.filter(what=what, after=after).values_list("at", flat=True).first()

    roles: list[tuple[str, datetime | None]] = []
    if user.is_superuser:
        roles.append((gettext("Superuser"), since(AccountChange.What.SUPERUSER, "yes")))
    for group in Group.objects.filter(user=user, permissions__codename=_APPROVE).order_by("name"):
        joined = since(AccountChange.What.GROUP, group.name)
        allowed = since(AccountChange.What.GROUP_PERMISSION, f"{group.name}: {_APPROVE}")
        roles.append((translated(group.name), max((at for at in (joined, allowed) if at), default=None)))
    if user.user_permissions.filter(codename=_APPROVE).exists():
        roles.append(
            (gettext("Permission given to this user"), since(AccountChange.What.PERMISSION, _APPROVE))
        )
    return roles
