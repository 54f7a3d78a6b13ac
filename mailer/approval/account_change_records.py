"""Who changed which account: passed to the database, which records it, and what follows for approvals.

The triggers of `mailer/migrations/_account_changes.py` write the record, so that no path is forgotten. They
know what changed; this module tells them who is signed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import F
from django.http import HttpRequest, HttpResponse
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
# Statements that name none of these change no account.
_TABLES = ("auth_user", "auth_group", "mfa_")

_signed_in: ContextVar[Callable[[], int | None] | None] = ContextVar("signed_in", default=None)
# What SQLite's triggers ask for.
_recorded: ContextVar[int | None] = ContextVar("recorded", default=None)


def provide_trigger_function() -> None:
    """Give every SQLite connection the function that its triggers call."""
    connection_created.connect(_add_function, dispatch_uid="account-changes")


def _add_function(connection: Any, **_: object) -> None:
    if connection.vendor == "sqlite":
        connection.connection.create_function("mailer_acting_user", 0, _recorded.get)


def acting_user() -> User | None:
    """The user who is signed in in this request, or for whom `acting_as` was called."""
    who = _signed_in.get()
    pk = who() if who else None
    return User.objects.filter(pk=pk).first() if pk else None


@contextmanager
def acting_as(user: User | Callable[[], int | None]) -> Iterator[None]:
    """Account changes inside are recorded as made by `user`, or by the primary key that it returns then."""
    token = _signed_in.set(user if callable(user) else lambda: user.pk)
    try:
        with connection.execute_wrapper(_attribute):
            yield
    finally:
        _signed_in.reset(token)


class ActingUserMiddleware:
    """Middleware: account changes in a request are made by the user who is signed in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return self.get_response(request)
        with acting_as(lambda: request.user.pk):
            return self.get_response(request)


def _attribute(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Around a statement that changes accounts, the database knows the acting user."""
    if not any(table in sql for table in _TABLES) or sql.lstrip()[:6].upper() == "SELECT":
        return execute(sql, params, many, context)
    who = _signed_in.get()
    with _known_to(context["connection"], who() if who else None):
        return execute(sql, params, many, context)


@contextmanager
def _known_to(database: BaseDatabaseWrapper, pk: int | None) -> Iterator[None]:
    token = _recorded.set(pk)
    try:
        _set_variable(database, str(pk or ""))
        yield
    finally:
        _recorded.reset(token)
        # In a transaction that failed, the rollback resets it.
        with suppress(DatabaseError):
            _set_variable(database, "")


def _set_variable(database: BaseDatabaseWrapper, value: str) -> None:
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute("SELECT set_config('mailer.acting_user', %s, false)", [value])


def leave_rehash_unreported(user: User, now: datetime) -> None:
    """Send no email about a sign-in that stored the same password with another hash.

    An update of Django does that to every account, and the database cannot tell it from a new password.
    """
    changes = AccountChange.objects.filter(user=user, what=AccountChange.What.PASSWORD, notified_at=None)
    last = changes.order_by("-pk").values_list("pk", flat=True)[:1]
    AccountChange.objects.filter(pk__in=list(last)).update(notified_at=now)


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


def independent_from(
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
