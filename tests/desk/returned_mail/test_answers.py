"""Answers to messages of subscribers."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from mailer.feedback import ingest_returned_mail
from mailer.feedback.models import ReplyAnswer, ReturnedMessage
from subscribers.privacy import erasure
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page
from tests.feedback.parsing.test_parse import sample


def received(*lines: str) -> ReturnedMessage:
    return ingest_returned_mail.ingest_message("\n".join(lines).encode(), timezone.now()).message


@pytest.fixture
def question(desk: Desk) -> ReturnedMessage:
    """What a subscriber asks, in a thread."""
    return received(
        f"From: Aigul <{desk.reader.email}>",
        "Subject: Where is the office?",
        "Message-ID: <two@example.net>",
        "References: <one@example.net>",
        "",
        "I would like to visit.",
    )


def page(message: ReturnedMessage) -> str:
    return reverse("desk_reply_answer", args=[message.pk])


def send(desk: Desk, message: ReturnedMessage, user: User, **changes: str) -> Page:
    values = {
        "newsletter": str(desk.edition.newsletter_id),
        "subject": "Re: Where is the office?",
        "body": "In Almaty.",
    }
    return Page(as_user(user).post(page(message), {**values, **changes}, follow=True))


def test_an_approver_answers_from_the_newsletters_address_in_the_same_thread(
    desk: Desk, question: ReturnedMessage
) -> None:
    assert page(question) in Page(as_user(desk.approver).get(reverse("desk_reply", args=[question.pk]))).links
    shown = send(desk, question, desk.approver)
    (sent,) = mail.outbox
    newsletter = desk.edition.newsletter
    assert sent.to == [desk.reader.email] and newsletter.sender_email in sent.from_email
    headers = sent.extra_headers
    assert headers["In-Reply-To"] == "<two@example.net>"
    assert headers["References"] == "<one@example.net> <two@example.net>"
    assert headers["Auto-Submitted"] == "no"
    question.refresh_from_db()
    assert question.triaged_by == "timur" and "In Almaty." in shown.text
    assert ReplyAnswer.objects.get().recipient == desk.reader.email


def test_a_second_press_sends_nothing_and_another_answer_is_sent(
    desk: Desk, question: ReturnedMessage
) -> None:
    send(desk, question, desk.approver)
    send(desk, question, desk.approver)
    assert len(mail.outbox) == ReplyAnswer.objects.count() == 1
    send(desk, question, desk.approver, body="Come on Friday.")
    assert len(mail.outbox) == ReplyAnswer.objects.count() == 2


def test_the_subject_is_suggested_once_marked_as_a_reply(desk: Desk, question: ReturnedMessage) -> None:
    form = as_user(desk.admin).get(page(question)).context["form"]
    assert form["subject"].value() == "Re: Where is the office?"
    again = received("From: a@example.net", "Subject: Re: Hello", "Message-ID: <x@example.net>", "", "Hi")
    assert as_user(desk.admin).get(page(again)).context["form"]["subject"].value() == "Re: Hello"


def test_a_subject_with_a_line_break_adds_no_header(desk: Desk, question: ReturnedMessage) -> None:
    send(desk, question, desk.admin, subject="Hello\r\nBcc: all@example.net")
    (sent,) = mail.outbox
    assert sent.recipients() == [desk.reader.email] and "Bcc" not in sent.message()


def test_nobody_answers_a_machine_or_without_the_permission(desk: Desk, question: ReturnedMessage) -> None:
    bounce = ingest_returned_mail.ingest_message(sample("away-en.eml"), timezone.now()).message
    ReturnedMessage.objects.filter(pk=bounce.pk).update(kind="bounce")
    assert as_user(desk.admin).get(page(bounce)).status_code == 404
    as_user(desk.writer).post(page(question), {"body": "x"})
    assert not mail.outbox and not ReplyAnswer.objects.exists()


def test_an_erasure_takes_the_answers_with_it(desk: Desk, question: ReturnedMessage) -> None:
    send(desk, question, desk.admin)
    erasure.erase_and_suppress(desk.reader.email, timezone.now())
    assert not ReplyAnswer.objects.exists()


def test_who_may_not_read_messages_answers_none(desk: Desk, question: ReturnedMessage) -> None:
    desk.stranger.user_permissions.add(
        *Permission.objects.filter(codename__in=["access_admin", "add_replyanswer"])
    )
    answer = as_user(desk.stranger).get(page(question))
    # Wagtail leads who lacks a permission to the home page.
    assert answer.status_code == 302 and answer["Location"] == reverse("wagtailadmin_home")
    send(desk, question, desk.stranger)
    assert not ReplyAnswer.objects.exists() and not mail.outbox
