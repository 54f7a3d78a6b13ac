"""Emails about account changes: grouped, at once where they weaken an account, and none about one's own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.utils import timezone, translation

from mailer.approval import account_change_notices, new_draft_and_approval_request_emails
from mailer.approval.acting_user_of_account_changes import acting_as
from mailer.approval.models import AccountChange, StaffNotice
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
MINUTE = timedelta(minutes=1)
QUIET, LONGEST = 15 * MINUTE, 60 * MINUTE


@pytest.fixture
def people() -> cast.Staff:
    """The writer; the approver and the admin, who both approve and open the desk. Nothing is unreported."""
    people = cast.staff()
    for user in (people.writer, people.approver):
        user.user_permissions.add(Permission.objects.get(codename="access_admin"))
    account_change_notices.mark_account_changes_notified(timezone.now())
    return people


def send(after: timedelta = timedelta()) -> list[str]:
    """To whom emails go when the job runs so long after now."""
    mail.outbox.clear()
    account_change_notices.send_account_notices(timezone.now() + after)
    return sorted(message.to[0].partition("@")[0] for message in mail.outbox)


def rename(user: User, name: str = "Another") -> None:
    user.first_name = name
    user.save(update_fields=["first_name"])


def test_changes_are_reported_together_when_no_more_follow(people: cast.Staff) -> None:
    with acting_as(people.admin):
        User.objects.create_user("dana", "dana@office.example.org")
    assert send() == []
    with acting_as(people.admin):
        rename(people.writer)
    assert send(QUIET - MINUTE) == []
    assert send(QUIET + MINUTE) == ["approver", "writer"]
    (to_approver,) = (message.body for message in mail.outbox if "approver@" in message.to[0])
    assert "dana" in to_approver and "Another" in to_approver
    assert send(2 * LONGEST) == []


def test_changes_that_do_not_end_are_reported_after_an_hour(people: cast.Staff) -> None:
    rename(people.writer)
    AccountChange.objects.bulk_create(
        [AccountChange(user=people.writer, what="name", at=timezone.now() + LONGEST)]
    )
    assert send(LONGEST - MINUTE) == []
    assert "approver" in send(LONGEST + MINUTE)


@pytest.mark.parametrize(
    ("who", "role", "at_once"),
    [
        ("admin", "Approvers", True),
        ("admin", "Admins", True),
        ("admin", "Viewers", False),
        ("", "Admins", True),
        # A command on the server, which makes the first approver.
        ("", "Approvers", False),
    ],
)
def test_the_power_to_approve_or_to_change_accounts_is_reported_at_once(
    people: cast.Staff, who: str, role: str, at_once: bool
) -> None:
    groups = set_up_role_groups()
    account_change_notices.mark_account_changes_notified(timezone.now())
    if who:
        with acting_as(people.admin):
            people.writer.groups.add(groups[role])
    else:
        people.writer.groups.add(groups[role])
    assert ("approver" in send()) == at_once


def test_who_made_a_change_gets_no_email_about_it_unless_it_is_urgent(people: cast.Staff) -> None:
    with acting_as(people.admin):
        User.objects.create_user("dana", "dana@office.example.org")
    assert send(QUIET + MINUTE) == ["approver"]
    with acting_as(people.admin):
        people.writer.is_superuser = True
        people.writer.save()
    assert send() == ["admin", "approver", "writer"]


def test_the_owner_hears_of_a_password_at_once_and_once(people: cast.Staff) -> None:
    with acting_as(people.writer):
        people.writer.set_password("another long password")
        people.writer.save()
    assert send() == ["writer"]
    assert send() == []
    assert send(QUIET + MINUTE) == ["admin", "approver"]
    assert not StaffNotice.objects.exists()


def test_who_has_not_joined_and_who_joined_later_hear_of_nothing(people: cast.Staff) -> None:
    approvers = set_up_role_groups()["Approvers"]
    account_change_notices.mark_account_changes_notified(timezone.now())
    rename(people.writer)
    invited = User.objects.create_user("timur", "timur@office.example.org")
    invited.groups.add(approvers)
    later = User.objects.create_user("later", "later@office.example.org", "a long password")
    later.date_joined = timezone.now() + MINUTE
    later.save()
    later.groups.add(approvers)
    sent = send(QUIET + 2 * MINUTE)
    assert "timur" not in sent and sent.count("later") == 1
    assert next(one.subject for one in mail.outbox if "later@" in one.to[0]).startswith("Your account")


def test_following_an_invitation_is_no_change_to_report(people: cast.Staff) -> None:
    invited = User.objects.create_user("timur", "timur@office.example.org")
    invited.set_password("a long password")
    invited.save()
    account_change_notices.skip_owner_notice_of_new_account(invited, timezone.now())
    assert "timur" not in send() and "timur" not in send(QUIET + MINUTE)
    (body,) = {message.body for message in mail.outbox}
    assert "password" not in body and "timur" in body


def test_only_changes_by_colleagues_bar_from_approving(people: cast.Staff) -> None:
    def bodies() -> str:
        send(QUIET + MINUTE)
        return "".join(one.body for one in mail.outbox if "approver@" in one.to[0])

    rename(people.writer)
    assert "30 days" not in bodies()
    with acting_as(people.admin):
        rename(people.writer, "Yet another")
    assert "30 days" in bodies()


@pytest.mark.parametrize(("active", "verb"), [(False, "deactivated the account"), (True, "reactivated")])
def test_an_account_is_deactivated_and_reactivated(people: cast.Staff, active: bool, verb: str) -> None:
    User.objects.filter(pk=people.writer.pk).update(is_active=not active)
    with acting_as(people.admin):
        User.objects.filter(pk=people.writer.pk).update(is_active=active)
    last = AccountChange.objects.filter(what="active").latest("pk")
    with translation.override("en"):
        described = account_change_notices.describe_change(last)
    assert verb in described and "→" not in described


def test_a_draft_is_no_email_for_who_assembled_it_nor_for_approvers(people: cast.Staff) -> None:
    invited = User.objects.create_user("dana", "dana@office.example.org")
    invited.user_permissions.set(people.writer.user_permissions.all())
    edition = cast.december()
    first = edition.revisions.earliest("pk")
    first.user = people.admin
    first.save()
    new_draft_and_approval_request_emails.send_edition_notices(cast.NOW)
    assert [message.to[0].partition("@")[0] for message in mail.outbox] == ["writer"]
    assert people.approver.notifications.filter(event="assembled").exists()


def test_a_new_office_gets_one_email_about_its_accounts(people: cast.Staff) -> None:
    """The admin invites a writer, a command makes an approver, and both choose their passwords."""
    groups = set_up_role_groups()
    account_change_notices.mark_account_changes_notified(timezone.now())
    User.objects.filter(pk=people.approver.pk).update(is_active=False)
    account_change_notices.mark_account_changes_notified(timezone.now())
    with acting_as(people.admin):
        dana = User.objects.create_user("dana", "dana@office.example.org")
        dana.groups.add(groups["Writers"])
    timur = User.objects.create_user("timur", "timur@office.example.org")
    timur.groups.add(groups["Approvers"])
    for user in (dana, timur):
        assert send() == []
        user.set_password("a long password")
        user.save()
        account_change_notices.skip_owner_notice_of_new_account(user, timezone.now())
    assert send() == []
    assert send(QUIET + MINUTE) == ["admin"]
    (message,) = mail.outbox
    assert "timur" in message.body and "dana" not in message.body
