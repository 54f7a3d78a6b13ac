"""Returned mail in the desk: found, read safely, sorted by a person, and taken back."""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.desk.replies.detail import head_of, text_of
from mailer.feedback.models import ReturnedMessage, WayIn
from mailer.feedback.sources import ingest
from subscribers.models import Subscription
from subscribers.suppression import suppression
from tests.desk.cast import Desk, as_user
from tests.feedback.parsing.test_parse import SAMPLES, sample

INDEX = reverse("desk_mailbox:index")


def received(*lines: str) -> ReturnedMessage:
    return ingest.receive("\n".join(lines).encode(), timezone.now()).message


@pytest.fixture
def letter(desk: Desk) -> ReturnedMessage:
    """A reader writes to the envelope sender."""
    return received(
        f"From: Aigul <{desk.reader.email}>", "Subject: Thank you", "", "I am leaving the office."
    )


@pytest.fixture
def lola(desk: Desk) -> Client:
    """The admin’s browser."""
    return as_user(desk.admin)


def page_of(browser: Client, message: ReturnedMessage) -> str:
    return html.unescape(browser.get(reverse("desk_message", args=[message.pk])).content.decode())


def listed(browser: Client, **question: str) -> str:
    return html.unescape(browser.get(INDEX, question).content.decode())


def sort(browser: Client, message: ReturnedMessage, kind: str, reader: str = "") -> str:
    answer = browser.post(
        reverse("desk_message", args=[message.pk]), {"kind": kind, "reader": reader}, follow=True
    )
    return html.unescape(answer.content.decode())


def test_the_list_shows_what_waits_and_the_rest_when_asked(lola: Client, letter: ReturnedMessage) -> None:
    done = received("From: a@example.net", "Subject: Old news", "", "words")
    sort(lola, done, "nothing")
    ingest.receive(sample("away-en.eml"), timezone.now())
    waiting, everything = listed(lola), listed(lola, state="all")
    assert "Thank you" in waiting and "Old news" not in waiting
    assert "Old news" in listed(lola, state="done") and "Thank you" not in listed(lola, state="done")
    assert "Done by lola" in everything and "Automatic answer" in everything
    assert "Automatic answer" in listed(lola, kind="auto_reply")


def test_a_message_is_found_by_who_wrote_it_and_about_what(lola: Client, letter: ReturnedMessage) -> None:
    received("From: Дана <dana@ministry.example>", "Subject: Вопрос", "", "words")
    assert "Вопрос" in listed(lola, q="Дана") and "Thank you" not in listed(lola, q="Дана")
    assert "Thank you" in listed(lola, q="thank")
    assert "No message matches" in listed(lola, q="nowhere")


def test_an_empty_mailbox_says_so(lola: Client) -> None:
    assert "No returned mail needs a person’s eyes." in listed(lola)


def test_a_message_shows_its_words_its_head_and_what_was_concluded(
    lola: Client, letter: ReturnedMessage
) -> None:
    page = page_of(lola, letter)
    for words in ("I am leaving the office.", "Subject: Thank you", "No rule understood it."):
        assert words in page
    bounce = ingest.receive(sample("postfix-unknown.eml"), timezone.now()).message
    page = page_of(lola, bounce)
    for words in (
        "It says that mail came back.",
        "the address does not exist",
        "5.1.1",
        "No reader was found",
    ):
        assert words in page
    assert "What is it?" not in page


def test_nothing_of_a_message_acts_in_the_page(lola: Client) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    message = received(f"From: {evil}", f"Subject: {evil}", f"X-Evil: {evil}", "", evil, "\u202egnp.exe")
    raw = lola.get(reverse("desk_message", args=[message.pk])).content.decode()
    assert "<script>alert" not in raw and "<img src=x" not in raw and "\u202e" not in raw
    source = lola.get(reverse("desk_message_source", args=[message.pk]))
    assert source["Content-Disposition"].startswith("attachment")
    assert source["Content-Type"] == "application/octet-stream"
    assert source.content == bytes(message.raw)


def test_html_alone_is_shown_as_words() -> None:
    raw = b"Content-Type: text/html\n\n<p>I <b>wish</b> to leave</p><style>p{}</style>"
    assert text_of(raw) == "\nI wish to leave\n"
    both = (
        b"Content-Type: multipart/alternative; boundary=b\n\n"
        b"--b\nContent-Type: text/html\n\n<p>html</p>\n--b\nContent-Type: text/plain\n\nplain\n--b--\n"
    )
    assert text_of(both) == "plain"


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe\x00: \r\n=?x?b?%%?=", b"x" * 3_000_000, b"\n" * 100_000])
def test_what_is_no_message_can_be_shown_all_the_same(raw: bytes) -> None:
    assert len(text_of(raw)) <= 20_000 and len(head_of(raw)) <= 20_000


def test_every_kind_of_message_opens(lola: Client) -> None:
    for file in sorted(SAMPLES.glob("*.eml"))[::4]:
        page_of(lola, ingest.receive(file.read_bytes(), timezone.now()).message)
    event = ReturnedMessage.objects.create(sha256="f" * 64, kind="other", raw=b'{"a": 1}', service="postmark")
    assert "An event of Postmark" in page_of(lola, event)
    assert ".json" in lola.get(reverse("desk_message_source", args=[event.pk]))["Content-Disposition"]


def test_the_reader_who_wrote_is_offered(lola: Client, letter: ReturnedMessage, desk: Desk) -> None:
    assert f'value="{desk.reader.email}"' in page_of(lola, letter)


def test_a_wish_to_leave_is_carried_out_noted_and_undone(
    lola: Client, letter: ReturnedMessage, desk: Desk
) -> None:
    page = sort(lola, letter, "leave", f" {desk.reader.email.upper()} ")
    assert f"{desk.reader.email} is on no list any more." in page
    assert "lola was done with it" in page.replace("<b>", "").replace("</b>", "")
    assert Subscription.objects.get(subscriber=desk.reader).state == "unsubscribed"
    page = html.unescape(
        lola.post(reverse("desk_message_take_back", args=[letter.pk]), follow=True).content.decode()
    )
    assert "waits for a person again" in page and "What is it?" in page
    assert Subscription.objects.get(subscriber=desk.reader).state == "confirmed"
    deeds = ModelLogEntry.objects.filter(action__startswith="desk.mail").order_by("pk")
    assert [(entry.action, entry.user) for entry in deeds] == [
        ("desk.mail_leave", desk.admin),
        ("desk.mail_take_back", desk.admin),
    ]


def test_a_dead_address_and_a_complaint_are_stopped(
    lola: Client, letter: ReturnedMessage, desk: Desk
) -> None:
    for kind, words in (("bounce", "No more mail goes to"), ("complaint", "no import brings it back")):
        assert words in sort(lola, letter, kind, desk.reader.email)
        assert suppression.is_suppressed(desk.reader)
        lola.post(reverse("desk_message_take_back", args=[letter.pk]))
        assert not suppression.is_suppressed(desk.reader)


@pytest.mark.parametrize("reader", ["", "nobody@example.net", "no address"])
def test_a_reader_who_is_not_there_is_told_beside_the_field(
    lola: Client, letter: ReturnedMessage, reader: str
) -> None:
    page = sort(lola, letter, "leave", reader)
    assert "No subscriber has this address." in page and 'aria-invalid="true"' in page
    letter.refresh_from_db()
    assert letter.done_at is None


def test_somebody_who_comes_second_is_told(lola: Client, letter: ReturnedMessage) -> None:
    sort(lola, letter, "nothing")
    assert "Somebody has sorted this message already." in sort(lola, letter, "nothing")
    lola.post(reverse("desk_message_take_back", args=[letter.pk]))
    again = lola.post(reverse("desk_message_take_back", args=[letter.pk]), follow=True)
    assert "Somebody has taken this back already." in again.content.decode()


def test_many_are_done_with_at_once_after_a_question(lola: Client, letter: ReturnedMessage) -> None:
    other = received("From: a@example.net", "Subject: Offer", "", "Buy")
    bounce = ingest.receive(sample("postfix-unknown.eml"), timezone.now()).message
    action = reverse("wagtail_bulk_action", args=["mailer", "returnedmessage", "done"])
    chosen = f"{action}?id={letter.pk}&id={other.pk}&id={bounce.pk}&next={INDEX}"
    asked = lola.get(chosen).content.decode()
    assert "Thank you" in asked and "Offer" in asked and "understood by a rule already" in asked
    assert ReturnedMessage.objects.for_a_person().count() == 2
    assert "2 messages done with." in lola.post(chosen, follow=True).content.decode()
    assert not ReturnedMessage.objects.for_a_person().exists()
    assert ModelLogEntry.objects.filter(action="desk.mail_nothing").count() == 2


def test_who_may_only_look_sorts_nothing(letter: ReturnedMessage, desk: Desk) -> None:
    timur = as_user(desk.approver)
    assert "I am leaving the office." in page_of(timur, letter)
    assert "What is it?" not in page_of(timur, letter) and "data-object-id" not in listed(timur)
    assert "you do not have permission" in sort(timur, letter, "nothing")
    action = reverse("wagtail_bulk_action", args=["mailer", "returnedmessage", "done"])
    timur.post(f"{action}?id={letter.pk}")
    assert ReturnedMessage.objects.for_a_person().exists()
    sort(as_user(desk.admin), letter, "nothing")
    timur.post(reverse("desk_message_take_back", args=[letter.pk]))
    assert not ReturnedMessage.objects.for_a_person().exists()


def test_a_writer_sees_no_returned_mail(letter: ReturnedMessage, desk: Desk) -> None:
    dana = as_user(desk.writer)
    pages = [reverse(name, args=[letter.pk]) for name in ("desk_message", "desk_message_source")]
    for page in (INDEX, *pages):
        answer = dana.get(page)
        assert answer.status_code in (302, 403) and b"leaving" not in answer.content


def test_looking_changes_nothing(lola: Client, letter: ReturnedMessage) -> None:
    assert lola.get(reverse("desk_message_take_back", args=[letter.pk])).status_code == 405
    lola.get(reverse("desk_message", args=[letter.pk]), {"kind": "nothing"})
    letter.refresh_from_db()
    assert letter.done_at is None


def test_a_mailbox_that_cannot_be_read_is_told_in_the_list_and_on_the_first_page(
    lola: Client, settings: Any
) -> None:
    config = settings.CONFIG
    there = replace(config.bounces, imap_host="mail.example.org", imap_username="b")
    settings.CONFIG = replace(config, bounces=there)
    since = timezone.now() - timedelta(hours=1)
    WayIn.objects.create(
        address="imap://b@mail.example.org:993/INBOX",
        failing_since=since,
        failures=9,
        trouble="The IMAP server mail.example.org:993 refuses our sign-in.",
    )
    for page in (INDEX, reverse("wagtailadmin_home")):
        words = lola.get(page).content.decode()
        assert "Returned mail has not been read since" in words and "refuses our sign-in" in words


def test_a_services_event_is_shown_with_its_fields_below_each_other(lola: Client) -> None:
    raw = '{"Type": "Unheard", "Details": "ящик \\u202e переполнен"}'.encode()
    event = ReturnedMessage.objects.create(sha256="e" * 64, kind="other", raw=raw, service="amazon_ses")
    page = page_of(lola, event)
    assert "An event of Amazon SES" in page and "All of its head" not in page
    assert '"Type": "Unheard",\n  "Details": "ящик  переполнен"' in page
    event.raw = b"[" * 100_000
    event.save()
    assert "[[[[" in page_of(lola, event)
