"""Senders and welcome texts of lists: in force only when a second person approved them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from mailer.approval import list_sender_and_welcome_approval
from mailer.approval.acting_user_of_account_changes import acting_as
from mailer.approval.list_sender_and_welcome_approval import ListEmails
from mailer.approval.models import AccountChange, ListChange
from mailer.approval.snapshot_state_changes import (
    AccountNotIndependent,
    AuthorMayNotApprove,
    NotPermitted,
    PreflightFailed,
    WrongState,
)
from mailer.approval.submit import submit
from mailer.editions import allowed_sender_domains
from mailer.editions.models import Edition, Newsletter
from subscribers.models import MailingList
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = cast.NOW
EMAILS = ListEmails("Road", "road@example.org", {"en": "Welcome!"})


@pytest.fixture
def monthly() -> MailingList:
    return MailingList.objects.create(slug="monthly", name="Monthly")


@pytest.fixture
def change(monthly: MailingList, people: cast.Staff) -> ListChange:
    return list_sender_and_welcome_approval.propose(monthly, EMAILS, people.admin, NOW)


def in_force(mailing_list: MailingList) -> ListEmails:
    mailing_list.refresh_from_db()
    return ListEmails.of(mailing_list)


def refused(words: str) -> AbstractContextManager[object]:
    return pytest.raises(DatabaseError, match=words)


def test_a_proposal_is_in_force_when_a_second_person_approved_it(
    monthly: MailingList, change: ListChange, people: cast.Staff
) -> None:
    assert [message.to for message in mail.outbox] == [[people.approver.email]]
    assert in_force(monthly) == ListEmails("", "", {})
    list_sender_and_welcome_approval.approve_list_change(change, people.approver, NOW)
    assert in_force(monthly) == EMAILS
    with pytest.raises(WrongState):
        list_sender_and_welcome_approval.reject_list_change(change, people.approver, NOW)


def test_neither_its_author_nor_a_writer_approves_it(
    monthly: MailingList, change: ListChange, people: cast.Staff
) -> None:
    with pytest.raises(AuthorMayNotApprove):
        list_sender_and_welcome_approval.approve_list_change(change, people.admin, NOW)
    with pytest.raises(NotPermitted):
        list_sender_and_welcome_approval.approve_list_change(change, people.writer, NOW)
    with acting_as(people.admin):
        User.objects.filter(pk=people.approver.pk).update(email="mine@example.net")
    with pytest.raises(AccountNotIndependent):
        list_sender_and_welcome_approval.approve_list_change(change, people.approver, NOW)
    assert in_force(monthly) == ListEmails("", "", {})


def test_who_created_the_account_of_its_author_does_not_approve_it(
    change: ListChange, people: cast.Staff
) -> None:
    AccountChange.objects.create(user=people.admin, actor=people.approver, what="created", at=timezone.now())
    with pytest.raises(AccountNotIndependent):
        list_sender_and_welcome_approval.approve_list_change(change, people.approver, NOW)
    row = ListChange.objects.filter(pk=change.pk)
    with refused("create the account"), transaction.atomic():
        row.update(state="approved", decided_by=people.approver, decided_at=NOW)


def test_a_later_proposal_replaces_an_earlier_one(
    monthly: MailingList, change: ListChange, people: cast.Staff
) -> None:
    later = list_sender_and_welcome_approval.propose(
        monthly, ListEmails("", "", {"en": "Hello"}), people.writer, NOW
    )
    with pytest.raises(WrongState):
        list_sender_and_welcome_approval.approve_list_change(change, people.approver, NOW)
    list_sender_and_welcome_approval.reject_list_change(later, people.writer, NOW)
    assert in_force(monthly) == ListEmails("", "", {})


def test_the_database_refuses_every_other_way(
    monthly: MailingList, change: ListChange, people: cast.Staff
) -> None:
    one = ListChange.objects.filter(pk=change.pk)
    now = timezone.now()
    with refused("sender and welcome texts"), transaction.atomic():
        MailingList.objects.update(sender_email="mine@example.org")
    with refused("sender and welcome texts"), transaction.atomic():
        MailingList.objects.update(welcome_texts={"en": "Send me your password"})
    with refused("a second person"), transaction.atomic():
        one.update(state="approved", decided_by=people.admin, decided_at=now)
    with refused("a second person"), transaction.atomic():
        one.update(state="approved")
    with refused("is never changed"), transaction.atomic():
        one.update(welcome_texts={"en": "Send me your password"})
    with refused("is never changed"), transaction.atomic():
        one.update(proposed_by=people.writer)
    with refused("is proposed first"), transaction.atomic():
        ListChange.objects.create(
            mailing_list=monthly,
            state="approved",
            proposed_by=people.writer,
            proposed_at=now,
            decided_by=people.admin,
        )
    with acting_as(people.admin):
        User.objects.filter(pk=people.approver.pk).update(email="mine@example.net")
    with refused("a second person"), transaction.atomic():
        one.update(state="approved", decided_by=people.approver, decided_at=now)
    list_sender_and_welcome_approval.reject_list_change(change, people.admin, NOW)
    with refused("is never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE mailer_listchange SET state = 'proposed'")


def test_other_settings_of_a_list_need_nobody(monthly: MailingList, change: ListChange) -> None:
    monthly.name, monthly.public = "Renamed", False
    monthly.save()
    assert MailingList.objects.get().name == "Renamed"


@pytest.mark.parametrize(
    ("site", "address", "allowed"),
    [
        ({"url": "http://localhost:8000"}, "news@anywhere.example", True),
        ({"url": "https://news.example.org"}, "news@example.org", True),
        ({"url": "https://news.example.org"}, "news@NEWS.example.org.", True),
        ({"url": "https://news.example.org"}, "news@other.example.org", False),
        ({"url": "https://news.example.org"}, "news@badexample.org", False),
        ({"url": "https://news.example.org"}, "news@org", False),
        ({"url": "https://news.example.org", "email": "office@example.net"}, "x@mail.example.net", True),
        ({"url": "https://news.example.org", "sender_domains": ("example.net",)}, "x@example.org", False),
        ({"url": "https://news.example.org", "sender_domains": ("example.net",)}, "x@a.Example.net", True),
        ({"url": "http://127.0.0.1:8000", "sender_domains": ("example.net",)}, "x@example.org", False),
    ],
)
def test_mail_is_sent_from_allowed_domains_only(
    configure: Callable[..., None], site: dict[str, Any], address: str, allowed: bool
) -> None:
    configure(site=site)
    assert allowed_sender_domains.is_allowed(address) is allowed
    if not allowed:
        with pytest.raises(ValidationError):
            allowed_sender_domains.validate_sender(address)


def test_an_edition_with_a_sender_of_another_domain_is_not_submitted(
    edition: Edition, people: cast.Staff, configure: Callable[..., None]
) -> None:
    configure(site={"sender_domains": ("example.org",)})
    Newsletter.objects.update(sender_email="news@elsewhere.example")
    edition.refresh_from_db()
    with pytest.raises(PreflightFailed, match="elsewhere"):
        submit(edition, people.writer, NOW)
