"""The record of account changes, written by the database itself, whatever code changes an account.

`mailer_accountinfluence` is a view: which accounts were created or changed by which other account, directly
or through further accounts, within the last 30 days of the database's clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from subscribers.migrations._triggers import Trigger

DAYS = 30

_NOW = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')", "postgresql": "clock_timestamp()"}
_SINCE = {
    "sqlite": f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{DAYS} days')",
    "postgresql": f"clock_timestamp() - interval '{DAYS} days'",
}
# `mailer.approval.acting_user_of_account_changes` tells the database who is signed in. A process without it,
# such as a database shell, cannot write to accounts on SQLite, and leaves the actor empty on PostgreSQL.
_ACTOR = {
    "sqlite": "mailer_acting_user()",
    "postgresql": "CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer)",
}


class _Recorded(NamedTuple):
    """A write that is recorded, and the columns of its row as SQL expressions over NEW and OLD."""

    name: str
    # INSERT, DELETE, UPDATE or UPDATE OF columns.
    event: str
    table: str
    what: str
    before: str = "''"
    after: str = "''"
    user: str = "NEW.id"
    # Further tables, one row each.
    source: str = ""
    condition: str = "1 = 1"


def _field(what: str, before: str, after: str, *columns: str) -> _Recorded:
    differs = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns)
    return _Recorded(
        f"account_{what}_recorded",
        f"UPDATE OF {', '.join(columns)}",
        "auth_user",
        what,
        before,
        after,
        condition=differs,
    )


def _yes_no(value: str) -> str:
    return f"CASE WHEN {value} THEN 'yes' ELSE 'no' END"


def _added_and_removed(
    what: str, table: str, columns: str, label: str, user: str = "{row}.user_id", source: str = ""
) -> Iterator[_Recorded]:
    """The records of a table's rows, which these columns identify; `{row}` stands for NEW or OLD."""
    new, old = ({"row": row} for row in ("NEW", "OLD"))
    added = {"after": label.format(**new), "user": user.format(**new), "source": source.format(**new)}
    removed = {"before": label.format(**old), "user": user.format(**old), "source": source.format(**old)}
    yield _Recorded(f"account_{what}_added", "INSERT", table, what, **added)
    yield _Recorded(f"account_{what}_removed", "DELETE", table, what, **removed)
    # Only a database shell updates such a row: what it was is removed, and what it is added.
    yield _Recorded(f"account_{what}_moved_from", f"UPDATE OF {columns}", table, what, **removed)
    yield _Recorded(f"account_{what}_moved_to", f"UPDATE OF {columns}", table, what, **added)


_GROUP = "COALESCE((SELECT name FROM auth_group WHERE id = {row}.group_id), '')"
_PERMISSION = "COALESCE((SELECT codename FROM auth_permission WHERE id = {row}.permission_id), '')"

_RECORDED = (
    _Recorded(
        "account_created_recorded",
        "INSERT",
        "auth_user",
        "created",
        after="NEW.username || ' <' || NEW.email || '>'",
    ),
    _Recorded(
        "account_created_superuser",
        "INSERT",
        "auth_user",
        "superuser",
        after="'yes'",
        condition="NEW.is_superuser",
    ),
    _field("username", "OLD.username", "NEW.username", "username"),
    _field(
        "name",
        "OLD.first_name || ' ' || OLD.last_name",
        "NEW.first_name || ' ' || NEW.last_name",
        "first_name",
        "last_name",
    ),
    _field("email", "OLD.email", "NEW.email", "email"),
    _field("password", "''", "''", "password"),
    _field("active", _yes_no("OLD.is_active"), _yes_no("NEW.is_active"), "is_active"),
    _field("superuser", _yes_no("OLD.is_superuser"), _yes_no("NEW.is_superuser"), "is_superuser"),
    *_added_and_removed("group", "auth_user_groups", "user_id, group_id", _GROUP),
    *_added_and_removed("permission", "auth_user_user_permissions", "user_id, permission_id", _PERMISSION),
    # Of django-allauth; the table exists where second factors are used.
    *_added_and_removed("second_factor", "mfa_authenticator", "user_id", "{row}.type"),
    # Every member of the group has another role.
    *_added_and_removed(
        "group_permission",
        "auth_group_permissions",
        "group_id, permission_id",
        f"{_GROUP} || ': ' || {_PERMISSION}",
        user="member.user_id",
        source="FROM auth_user_groups member WHERE member.group_id = {row}.group_id",
    ),
)

_VIEW = """
CREATE VIEW {name} AS
WITH RECURSIVE recent (actor_id, user_id, at) AS (
  SELECT actor_id, user_id, at FROM mailer_accountchange WHERE actor_id <> user_id AND at > {since}{what}
), influence (author_id, user_id, at) AS (
  SELECT actor_id, user_id, at FROM recent
  UNION
  SELECT i.author_id, r.user_id, r.at FROM influence i
  JOIN recent r ON r.actor_id = i.user_id AND r.at >= i.at
)
SELECT DISTINCT author_id, user_id FROM influence
"""

# The views by name, with the changes that each is about: all of them, or those after which a person may be
# able to sign in to the account of another one.
CONTROL = ("created", "email", "password", "second_factor")
_VIEWS = {
    "mailer_accountinfluence": "",
    "mailer_accountcontrol": f" AND what IN {CONTROL}",
}


# The view has a row of the approver's account and of an author of the snapshot, in these columns.
_HAS_AUTHOR = (
    "EXISTS (SELECT 1 FROM {view} i JOIN mailer_snapshot c ON c.id = NEW.snapshot_id"
    " WHERE i.{approver} = NEW.approver_id AND (c.submitted_by_id = i.{author}"
    " OR c.manifest LIKE '%<' || i.{author} || '>%'"
    " OR EXISTS (SELECT 1 FROM mailer_snapshotauthor a"
    " WHERE a.snapshot_id = c.id AND a.user_id = i.{author})))"
)
# The approver's account was created or changed by an author of the snapshot.
CHANGED_BY_AUTHOR = _HAS_AUTHOR.format(view="mailer_accountinfluence", approver="user_id", author="author_id")
# The approver created an author's account, or may be able to sign in to it.
CONTROLS_AUTHOR = _HAS_AUTHOR.format(view="mailer_accountcontrol", approver="author_id", author="user_id")

# A notice to staff is noted on the row; nothing else of it changes.
_COLUMNS = ("user_id", "actor_id", "what", "before", "after", "at")

TRIGGERS = [
    Trigger(
        "approval_by_independent_account",
        "INSERT",
        "mailer_approval",
        CHANGED_BY_AUTHOR,
        "an author changed the account of the approver",
    ),
    Trigger(
        "approval_not_by_creator_of_author",
        "INSERT",
        "mailer_approval",
        CONTROLS_AUTHOR,
        "the approver created or changed the account of an author",
    ),
    Trigger(
        "account_change_unchanged",
        "UPDATE",
        "mailer_accountchange",
        " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in ("id", *_COLUMNS)),
        "the record of account changes is only added to",
    ),
    Trigger(
        "account_change_kept",
        "DELETE",
        "mailer_accountchange",
        "1 = 1",
        "the record of account changes is only added to",
    ),
]


# Two accounts never differ by letter case alone. `mailer.approval.one_account_per_person` refuses more.
_INDEXES = {
    "account_username_once": "auth_user (lower(username))",
    "account_email_once": "auth_user (lower(email)) WHERE email <> ''",
}


def create(database: BaseDatabaseWrapper) -> None:
    """Create the indexes, the views and the triggers that record, where they are missing.

    On SQLite, a migration of Django that alters the table of accounts drops what belongs to that table. And
    a table may be created later than this.
    """
    vendor = database.vendor
    tables = database.introspection.table_names()
    existing = _existing(database)
    for name, columns in _INDEXES.items():
        if name not in existing:
            _execute(database, f"CREATE UNIQUE INDEX {name} ON {columns}")
    for name, what in _VIEWS.items():
        if name not in existing:
            _execute(database, _VIEW.format(name=name, since=_SINCE[vendor], what=what))
    for one in _RECORDED:
        if one.name in existing or one.table not in tables:
            continue
        statement = (
            f"INSERT INTO mailer_accountchange ({', '.join(_COLUMNS)})"
            f" SELECT {one.user}, {_ACTOR[vendor]}, '{one.what}', {one.before}, {one.after}, {_NOW[vendor]}"
            f" {one.source};"
        )
        when = f"CREATE TRIGGER {one.name} AFTER {one.event} ON {one.table} FOR EACH ROW"
        if vendor == "sqlite":
            condition = one.condition.replace("IS DISTINCT FROM", "IS NOT")
            _execute(database, f"{when} WHEN {condition} BEGIN {statement} END")
        else:
            _execute(
                database,
                f"CREATE OR REPLACE FUNCTION {one.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" IF {one.condition} THEN {statement} END IF; RETURN NULL; END $$;"
                f" {when} EXECUTE FUNCTION {one.name}()",
            )


def missing(database: BaseDatabaseWrapper) -> list[str]:
    """The names of those that `create` would create."""
    tables, existing = database.introspection.table_names(), _existing(database)
    triggers = [one.name for one in _RECORDED if one.table in tables]
    return [name for name in (*_INDEXES, *_VIEWS, *triggers) if name not in existing]


def _existing(database: BaseDatabaseWrapper) -> set[str]:
    """Names of the database's triggers, indexes and views."""
    queries = {
        "sqlite": "SELECT name FROM sqlite_master",
        "postgresql": "SELECT tgname FROM pg_trigger UNION SELECT relname FROM pg_class",
    }
    with database.cursor() as cursor:
        cursor.execute(queries[database.vendor])
        return {name for (name,) in cursor.fetchall()}


def drop(database: BaseDatabaseWrapper) -> None:
    """Drop what `create` created."""
    existing = _existing(database)
    for one in _RECORDED:
        if one.name not in existing:
            continue
        if database.vendor == "sqlite":
            _execute(database, f"DROP TRIGGER {one.name}")
        else:
            _execute(database, f"DROP TRIGGER {one.name} ON {one.table}")
            _execute(database, f"DROP FUNCTION {one.name}()")
    for name in _VIEWS:
        _execute(database, f"DROP VIEW {name}")
    for name in _INDEXES:
        _execute(database, f"DROP INDEX {name}")


def _execute(database: BaseDatabaseWrapper, statement: str) -> None:
    with database.cursor() as cursor:
        cursor.execute(statement)
