"""Who changed which account: passed to the database, which records it.

The triggers of `mailer/migrations/_account_changes.py` write the record, so that no path is forgotten. They
know what changed; this module tells them who is signed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse

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
