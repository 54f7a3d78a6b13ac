"""Mail to staff: who is told what, and that they are told once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from mailer.approval import account_change_notices, new_draft_and_approval_request_emails
from mailer.approval.submit import submit
from mailer.delivery.models import OutboxMessage
from mailer.desk.accounts.role_permissions_and_grantable_groups import set_up_role_groups
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = cast.NOW


@pytest.fixture(autouse=True)
def through_the_outbox(settings: Any) -> None:
    settings.EMAIL_BACKEND = "mailer.delivery.outbox.outbox.EmailBackend"


def staff() -> cast.Staff:
    """The accounts of the cast, who can all open the desk."""
    people = cast.staff()
    for user in (people.writer, people.approver):
        user.user_permissions.add(Permission.objects.get(codename="access_admin"))
    return people


def recipients() -> list[str]:
    return sorted(
        name.partition("@")[0] for name in OutboxMessage.objects.values_list("recipient", flat=True)
    )


def test_staff_who_can_act_are_notified_once_of_a_new_draft() -> None:
    staff()
    cast.december()
    assert new_draft_and_approval_request_emails.send_edition_notices(NOW) == 2
    assert new_draft_and_approval_request_emails.send_edition_notices(NOW + timedelta(minutes=1)) == 0
    assert recipients() == ["admin", "writer"]
    assert b"New draft" in bytes(OutboxMessage.objects.all()[0].message)


def test_an_external_approver_hears_of_no_draft() -> None:
    staff()
    minister = User.objects.create_user("minister", "minister@ministry.example")
    minister.groups.add(set_up_role_groups()["External approvers"])
    cast.december()
    new_draft_and_approval_request_emails.send_edition_notices(NOW)
    assert "minister" not in recipients()


def test_a_submitted_snapshot_notifies_approvers_who_are_no_authors() -> None:
    people = staff()
    edition = cast.december(by=people.writer)
    submit(edition, people.admin, NOW, note="The dates are new.")
    assert new_draft_and_approval_request_emails.send_edition_notices(NOW) == 1
    assert recipients() == ["approver"]
    (message,) = OutboxMessage.objects.all()
    assert f"/desk/editions/{edition.pk}/review/".encode() in bytes(message.message)
    assert b"The dates are new." in bytes(message.message)


def test_an_approver_who_comes_after_the_submission_is_notified_then() -> None:
    people = staff()
    people.approver.is_active = False
    people.approver.save()
    edition = cast.december(by=people.admin)
    submit(edition, people.writer, NOW)
    assert new_draft_and_approval_request_emails.send_edition_notices(NOW) == 0
    late = User.objects.create_user("late", "late@example.org")
    late.groups.add(set_up_role_groups()["Approvers"])
    assert new_draft_and_approval_request_emails.send_edition_notices(NOW) == 1
    assert recipients() == ["late"]


def test_a_second_snapshot_is_notified_again() -> None:
    people = staff()
    edition = cast.december(by=people.writer)
    submit(edition, people.writer, NOW)
    new_draft_and_approval_request_emails.send_edition_notices(NOW)
    submit(edition, people.writer, NOW + timedelta(hours=1))
    assert new_draft_and_approval_request_emails.send_edition_notices(NOW + timedelta(hours=1)) == 2


def test_an_office_without_addresses_is_no_error() -> None:
    people = staff()
    for user in (people.writer, people.approver, people.admin):
        user.email = ""
        user.save()
    cast.december()
    assert new_draft_and_approval_request_emails.send_edition_notices(NOW) == 0


def test_an_external_approver_hears_of_their_own_account_only_and_of_no_password() -> None:
    people = staff()
    minister = User.objects.create_user("minister", "minister@ministry.example")
    minister.groups.add(set_up_role_groups()["External approvers"])
    account_change_notices.mark_account_changes_notified(NOW)
    people.writer.first_name = "Another"
    people.writer.save()
    minister.email = "office@ministry.example"
    minister.save()
    account_change_notices.send_account_notices(timezone.now() + timedelta(hours=1))
    sent = {row.recipient: bytes(row.message) for row in OutboxMessage.objects.all()}
    assert {name.partition("@")[0] for name in sent} == {"writer", "admin", "approver", "minister", "office"}
    for address in ("minister@ministry.example", "office@ministry.example"):
        assert b"/accounts/password/" not in sent[address]
        assert people.writer.username.encode() not in sent[address]
