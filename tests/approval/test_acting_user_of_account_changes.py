"""One person with two accounts: an account that a person created or changed is no second person."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.apps import apps as django_apps
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User
from django.core import mail
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from mailer.approval import account_change_notices, snapshot_state_changes
from mailer.approval.account_influence import approver_since
from mailer.approval.acting_user_of_account_changes import acting_as
from mailer.approval.models import AccountChange, Approval, Rejection, Snapshot
from mailer.approval.snapshot_state_changes import AccountNotIndependent
from mailer.approval.submit import submit
from mailer.doctor import local_checks
from mailer.editions.models import Edition
from mailer.migrations import _triggers
from mailer.stories.models import Story
from tests import cast
from tests.approval.test_four_eyes import change_headline

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = cast.NOW
DAY = timedelta(days=1)

Change = Callable[[cast.Staff], None]


def approve_in_python_and_in_sql(
    snapshot: Snapshot, user: User, words: str = "changed the account of the approver"
) -> None:
    """Both refuse for the same reason."""
    with pytest.raises(AccountNotIndependent):
        snapshot_state_changes.approve(snapshot, user, snapshot.sha256, NOW)
    with refused(words), transaction.atomic():
        Approval.objects.create(snapshot=snapshot, sha256=snapshot.sha256, approver=user, at=NOW)


def refused(words: str) -> AbstractContextManager[object]:
    return pytest.raises(DatabaseError, match=words)


def by_hand(user: User, actor: User | None, at: object, what: str = "email") -> None:
    """A change that was recorded at another time than now."""
    AccountChange.objects.create(user=user, actor=actor, what=what, at=at)


def permission(code: str) -> Permission:
    return Permission.objects.get(codename=code)


def _email(people: cast.Staff) -> None:
    people.approver.email = "another@office.example.org"
    people.approver.save()


def _password(people: cast.Staff) -> None:
    people.approver.set_password("typed by somebody else")
    people.approver.save()


def _name(people: cast.Staff) -> None:
    people.approver.first_name = "Another"
    people.approver.save(update_fields=["first_name"])


def _username(people: cast.Staff) -> None:
    User.objects.filter(pk=people.approver.pk).update(username="another")


def _reactivated(people: cast.Staff) -> None:
    User.objects.filter(pk=people.approver.pk).update(is_active=False)
    User.objects.filter(pk=people.approver.pk).update(is_active=True)


def _superuser(people: cast.Staff) -> None:
    User.objects.filter(pk=people.approver.pk).update(is_superuser=True)


def _group(people: cast.Staff) -> None:
    Group.objects.create(name="Proofreaders").user_set.add(people.approver)


def _permission(people: cast.Staff) -> None:
    people.approver.user_permissions.add(permission("submit_edition"))


def _group_permission(people: cast.Staff) -> None:
    with acting_as(people.approver):
        group = people.approver.groups.create(name="Proofreaders")
    group.permissions.add(permission("submit_edition"))


def _sql(people: cast.Staff) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE auth_user SET email = 'x@example.org' WHERE id = %s", [people.approver.pk])


def _moved_membership(people: cast.Staff) -> None:
    with acting_as(people.admin):
        User.objects.create_user("proofreader").groups.create(name="Proofreaders")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE auth_user_groups SET user_id = %s", [people.approver.pk])


_CHANGES = [
    *(_email, _password, _name, _username, _reactivated, _superuser, _group, _permission),
    *(_group_permission, _sql, _moved_membership),
]


@pytest.mark.parametrize("change", _CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_an_account_that_an_author_changed_cannot_approve(
    edition: Edition, people: cast.Staff, change: Change
) -> None:
    snapshot = submit(edition, people.writer, NOW)
    with acting_as(people.writer):
        change(people)
    people.approver.refresh_from_db()
    approve_in_python_and_in_sql(snapshot, people.approver)
    snapshot_state_changes.approve(snapshot, people.admin, snapshot.sha256, NOW)


def test_an_account_that_an_author_created_cannot_approve(edition: Edition, people: cast.Staff) -> None:
    change_headline(Story.objects.get(key="ring"), "By the admin", people.admin)
    snapshot = submit(edition, people.writer, NOW)
    with acting_as(people.admin):
        second = User.objects.create_user("second", "second@office.example.org", "a long password")
        second.user_permissions.add(permission("approve_edition"))
    approve_in_python_and_in_sql(snapshot, second)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)


def _invited(people: cast.Staff, actor: User) -> User:
    with acting_as(actor):
        made = User.objects.create_user("invented", "invented@office.example.org")
        made.user_permissions.add(permission("submit_edition"))
    return made


def test_who_created_an_author_cannot_approve_what_that_account_wrote(
    edition: Edition, people: cast.Staff
) -> None:
    """One person writes under an invented name and approves under their own."""
    snapshot = submit(edition, _invited(people, people.admin), NOW)
    approve_in_python_and_in_sql(snapshot, people.admin, "the account of an author")
    with refused("the account of an author"), transaction.atomic():
        Rejection.objects.create(
            snapshot=snapshot, sha256=snapshot.sha256, rejected_by=people.admin, at=NOW, reason="no"
        )
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)


def test_who_created_the_account_that_created_an_author_cannot_approve_either(
    edition: Edition, people: cast.Staff
) -> None:
    with acting_as(people.admin):
        between = User.objects.create_user("between", "between@office.example.org")
    snapshot = submit(edition, _invited(people, between), NOW)
    approve_in_python_and_in_sql(snapshot, people.admin, "the account of an author")


@pytest.mark.parametrize(
    ("what", "refuses"),
    [("email", True), ("password", True), ("second_factor", True), ("group", False), ("name", False)],
)
def test_who_could_sign_in_as_an_author_cannot_approve(
    edition: Edition, people: cast.Staff, what: str, refuses: bool
) -> None:
    by_hand(people.writer, people.approver, timezone.now() - 3 * DAY, what)
    by_hand(people.writer, people.approver, timezone.now() - 31 * DAY, "email")
    snapshot = submit(edition, people.writer, NOW)
    if refuses:
        approve_in_python_and_in_sql(snapshot, people.approver, "the account of an author")
    else:
        snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)


def test_an_account_created_by_an_account_that_an_author_created_cannot_approve(
    edition: Edition, people: cast.Staff
) -> None:
    with acting_as(people.writer):
        between = User.objects.create_user("between", "between@office.example.org")
    with acting_as(between):
        second = User.objects.create_superuser("second", "second@office.example.org")
    approve_in_python_and_in_sql(submit(edition, people.writer, NOW), second)


def test_a_change_before_the_author_had_the_account_is_not_theirs(
    edition: Edition, people: cast.Staff
) -> None:
    by_hand(people.approver, people.admin, timezone.now() - 3 * DAY)
    by_hand(people.admin, people.writer, timezone.now() - 2 * DAY)
    snapshot = submit(edition, people.writer, NOW)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)


@pytest.mark.parametrize("moment", ["the past", "the future"])
def test_the_thirty_days_are_those_of_the_databases_clock(
    edition: Edition, people: cast.Staff, moment: str
) -> None:
    by_hand(people.approver, people.writer, timezone.now() - 29 * DAY)
    snapshot = submit(edition, people.writer, NOW)
    pretended = timezone.now() + (-400 * DAY if moment == "the past" else 400 * DAY)
    with refused("changed the account of the approver"), transaction.atomic():
        Approval.objects.create(
            snapshot=snapshot, sha256=snapshot.sha256, approver=people.approver, at=pretended
        )


def test_after_thirty_days_an_account_is_independent(edition: Edition, people: cast.Staff) -> None:
    by_hand(people.approver, people.writer, timezone.now() - 31 * DAY)
    snapshot = submit(edition, people.writer, NOW)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)


def test_changes_by_the_owner_or_by_a_colleague_who_wrote_nothing_permit_the_approval(
    edition: Edition, people: cast.Staff
) -> None:
    with acting_as(people.approver):
        _email(people)
    with acting_as(people.admin):
        _name(people)
    _sql(people)
    snapshot = submit(edition, people.writer, NOW)
    snapshot_state_changes.approve(snapshot, people.approver, snapshot.sha256, NOW)


def test_striking_out_the_authors_of_the_snapshot_permits_nothing(
    edition: Edition, people: cast.Staff
) -> None:
    change_headline(Story.objects.get(key="ring"), "By the admin", people.admin)
    with acting_as(people.admin):
        _email(people)
    snapshot = submit(edition, people.writer, NOW)
    snapshot.authors.all().delete()
    approve_in_python_and_in_sql(snapshot, people.approver)


def test_the_record_of_account_changes_is_only_added_to(people: cast.Staff) -> None:
    with acting_as(people.writer):
        _email(people)
    changes = AccountChange.objects.filter(what="email")
    for attempt in (
        lambda: changes.update(actor=None),
        lambda: changes.update(at=timezone.now() - 90 * DAY),
        lambda: changes.update(user=people.admin),
        lambda: changes._raw_delete(changes.db),
    ):
        with refused("only added to"), transaction.atomic():
            attempt()


def test_an_account_with_a_record_is_not_deleted(people: cast.Staff) -> None:
    with acting_as(people.writer):
        between = User.objects.create_user("between", "between@office.example.org")
    with pytest.raises(DatabaseError):
        between.delete()


def test_the_record_says_who_what_and_which_values(people: cast.Staff) -> None:
    with acting_as(people.admin):
        _email(people)
    _name(people)
    last = AccountChange.objects.filter(user=people.approver).order_by("-pk")[:2]
    assert [(one.what, one.actor, one.before, one.after) for one in last] == [
        ("name", None, " ", "Another "),
        ("email", people.admin, "approver@office.example.org", "another@office.example.org"),
    ]
    assert abs(last[0].at - timezone.now()) < timedelta(minutes=1)


def test_an_update_that_changes_nothing_is_not_recorded(people: cast.Staff) -> None:
    before = AccountChange.objects.count()
    people.approver.last_login = timezone.now()
    people.approver.save()
    assert AccountChange.objects.count() == before


def test_a_change_is_reported_to_the_owner_at_both_addresses_and_to_every_approver_once(
    people: cast.Staff,
) -> None:
    account_change_notices.mark_account_changes_notified(NOW)
    with acting_as(people.admin):
        _email(people)
    account_change_notices.send_account_notices(timezone.now())
    assert sorted(message.to[0] for message in mail.outbox) == [
        "admin@office.example.org",
        "another@office.example.org",
        "approver@office.example.org",
    ]
    assert account_change_notices.send_account_notices(timezone.now() + DAY) == 0


def test_since_when_somebody_may_approve(people: cast.Staff) -> None:
    started = timezone.now()
    group = Group.objects.create(name="Approvers")
    group.permissions.add(permission("approve_edition"))
    by_hand(people.writer, None, NOW)
    people.writer.groups.add(group)
    ((role, since),) = approver_since(people.writer)
    assert role == "Approvers" and since is not None and since >= started - timedelta(seconds=1)
    assert approver_since(User.objects.create_user("new", "new@office.example.org")) == []


def test_a_migration_brings_back_what_records_when_another_one_dropped_it(people: cast.Staff) -> None:
    on_table = " ON auth_user" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER account_email_recorded{on_table}")
        if on_table:
            cursor.execute("DROP FUNCTION account_email_recorded()")
        cursor.execute("DROP INDEX account_email_once")
    (found,) = [one for one in local_checks.check_audit_log() if one.status == "problem"]
    assert "account_email_recorded" in found.message and "account_email_once" in found.message
    for _ in range(2):
        _triggers.restore_missing()
    _email(people)
    assert AccountChange.objects.filter(user=people.approver, what="email").count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=people.approver.pk).update(email=people.writer.email.upper())


def test_a_second_factor_that_an_author_removed_is_a_change_of_the_account(
    edition: Edition, people: cast.Staff
) -> None:
    with connection.cursor() as cursor:
        if "mfa_authenticator" not in connection.introspection.table_names():
            cursor.execute("CREATE TABLE mfa_authenticator (user_id integer, type varchar(20))")
        _triggers.restore_missing()
    insert_second_factor(people.approver)
    snapshot = submit(edition, people.writer, NOW)
    with acting_as(people.writer), connection.cursor() as cursor:
        cursor.execute("DELETE FROM mfa_authenticator WHERE user_id = %s", [people.approver.pk])
    changes = AccountChange.objects.filter(user=people.approver, what="second_factor")
    assert [(one.before, one.after, one.actor) for one in changes] == [
        ("", "totp", None),
        ("totp", "", people.writer),
    ]
    approve_in_python_and_in_sql(snapshot, people.approver)


def insert_second_factor(user: User) -> None:
    if django_apps.is_installed("allauth.mfa"):
        django_apps.get_model("mfa", "Authenticator").objects.create(user=user, type="totp", data={})
        return
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO mfa_authenticator (user_id, type) VALUES (%s, 'totp')", [user.pk])


def test_a_sign_in_that_renews_the_hash_of_the_password_is_not_reported(people: cast.Staff) -> None:
    words = "approver's long password"
    weak = make_password(words, salt="ab", hasher="md5")
    User.objects.filter(pk=people.approver.pk).update(password=weak)
    account_change_notices.mark_account_changes_notified(NOW)
    assert authenticate(username="approver", password="wrong") is None
    assert authenticate(username="approver", password=words) == people.approver
    people.approver.refresh_from_db()
    assert people.approver.password != weak
    assert account_change_notices.send_account_notices(timezone.now() + DAY) == 0
    people.approver.set_password("another long password")
    people.approver.save()
    assert account_change_notices.send_account_notices(timezone.now()) == 1
