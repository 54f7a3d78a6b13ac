"""Returned mail: the list, safe display, classification by staff, and undoing it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from mailer.delivery import message_identifiers
from mailer.desk.returned_mail.views import headers_of, text_of
from mailer.feedback import ingest_returned_mail
from mailer.feedback.models import InboundSource, ReturnedMessage
from subscribers import suppression, tokens
from subscribers.models import Subscription
from tests.desk.cast import Desk, as_user
from tests.desk.page import Page
from tests.feedback.parsing.test_parse import SAMPLES, sample

INDEX = reverse("desk_replies:index")


def received(*lines: str) -> ReturnedMessage:
    return ingest_returned_mail.ingest_message("\n".join(lines).encode(), timezone.now()).message


@pytest.fixture
def letter(desk: Desk) -> ReturnedMessage:
    """A reply of a subscriber to the envelope sender."""
    return received(
        f"From: Aigul <{desk.reader.email}>", "Subject: Thank you", "", "I am leaving the office."
    )


@pytest.fixture
def lola(desk: Desk) -> Client:
    """The admin’s browser."""
    return as_user(desk.admin)


def page_of(browser: Client, message: ReturnedMessage) -> Page:
    return Page(browser.get(reverse("desk_reply", args=[message.pk])))


def listed(browser: Client, **query: str) -> Page:
    return Page(browser.get(INDEX, query))


def classify(browser: Client, message: ReturnedMessage, kind: str, email: str = "") -> Page:
    form = {"kind": kind, "subscriber": email}
    return Page(browser.post(reverse("desk_reply", args=[message.pk]), form, follow=True))


def reopen(browser: Client, message: ReturnedMessage) -> Page:
    return Page(browser.post(reverse("desk_reply_reopen", args=[message.pk]), follow=True))


def test_the_list_shows_unclassified_replies_and_the_rest_with_a_filter(
    lola: Client, letter: ReturnedMessage
) -> None:
    done = received("From: a@example.net", "Subject: Old news", "", "words")
    classify(lola, done, "nothing")
    away = ingest_returned_mail.ingest_message(sample("away-en.eml"), timezone.now()).message

    def messages(**query: str) -> set[int]:
        links = listed(lola, **query).links
        return {one.pk for one in (letter, done, away) if reverse("desk_reply", args=[one.pk]) in links}

    assert messages() == {letter.pk}
    assert messages(state="done") == {done.pk}
    assert messages(state="all") == {letter.pk, done.pk, away.pk}
    assert messages(kind="auto_reply") == {away.pk}
    assert "lola" in listed(lola, state="all").text


def test_a_message_is_found_by_sender_and_subject(lola: Client, letter: ReturnedMessage) -> None:
    received("From: Дана <dana@ministry.example>", "Subject: Вопрос", "", "words")
    assert "Вопрос" in listed(lola, q="Дана").text and "Thank you" not in listed(lola, q="Дана").text
    assert "Thank you" in listed(lola, q="thank").text
    assert "Thank you" not in listed(lola, q="nowhere").text


def test_an_empty_list_says_so(lola: Client) -> None:
    assert "desk-empty" in listed(lola).classes


def test_a_message_shows_its_text_its_header_and_its_classification(
    lola: Client, letter: ReturnedMessage
) -> None:
    page = page_of(lola, letter)
    assert "I am leaving the office." in page.text and "Subject: Thank you" in page.text
    assert "kind" in page.names and page.response.context["events"] == []
    bounce = ingest_returned_mail.ingest_message(sample("postfix-unknown.eml"), timezone.now()).message
    page = page_of(lola, bounce)
    (event,) = page.response.context["events"]
    assert (event["event"].reason, event["subscriber"]) == ("unknown_user", None)
    assert "5.1.1" in page.text and "kind" not in page.names


def test_a_message_cannot_inject_html_or_scripts(lola: Client) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    message = received(f"From: {evil}", f"Subject: {evil}", f"X-Evil: {evil}", "", evil, "\u202egnp.exe")
    raw = lola.get(reverse("desk_reply", args=[message.pk])).content.decode()
    assert "<script>alert" not in raw and "<img src=x" not in raw and "\u202e" not in raw
    source = lola.get(reverse("desk_reply_source", args=[message.pk]))
    assert source["Content-Disposition"].startswith("attachment")
    assert source["Content-Type"] == "application/octet-stream"
    assert source.content == bytes(message.raw)


def test_html_without_plain_text_is_shown_as_text() -> None:
    raw = b"Content-Type: text/html\n\n<p>I <b>wish</b> to leave</p><style>p{}</style>"
    assert text_of(raw) == "\nI wish to leave\n"
    both = (
        b"Content-Type: multipart/alternative; boundary=b\n\n"
        b"--b\nContent-Type: text/html\n\n<p>html</p>\n--b\nContent-Type: text/plain\n\nplain\n--b--\n"
    )
    assert text_of(both) == "plain"


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe\x00: \r\n=?x?b?%%?=", b"x" * 3_000_000, b"\n" * 100_000])
def test_malformed_messages_are_shown_too(raw: bytes) -> None:
    assert len(text_of(raw)) <= 20_000 and len(headers_of(raw)) <= 20_000


def test_every_kind_of_message_opens(lola: Client) -> None:
    for file in sorted(SAMPLES.glob("*.eml"))[::4]:
        page_of(lola, ingest_returned_mail.ingest_message(file.read_bytes(), timezone.now()).message)
    event = ReturnedMessage.objects.create(sha256="f" * 64, kind="other", raw=b'{"a": 1}', service="postmark")
    assert "Postmark" in page_of(lola, event).response.context["title"]
    assert ".json" in lola.get(reverse("desk_reply_source", args=[event.pk]))["Content-Disposition"]


def test_the_sender_is_suggested_as_the_subscriber(lola: Client, letter: ReturnedMessage, desk: Desk) -> None:
    assert ("subscriber", desk.reader.email) in page_of(lola, letter).controls


def test_an_unsubscribe_request_is_carried_out_logged_and_undone(
    lola: Client, letter: ReturnedMessage, desk: Desk
) -> None:
    page = classify(lola, letter, "unsubscribe", f" {desk.reader.email.upper()} ")
    assert page.messages == ["success"] and page.response.context["subscriber"] == desk.reader
    assert Subscription.objects.get(subscriber=desk.reader).state == "unsubscribed"
    page = reopen(lola, letter)
    assert page.messages == ["success"] and "kind" in page.names
    assert Subscription.objects.get(subscriber=desk.reader).state == "confirmed"
    entries = ModelLogEntry.objects.filter(action__startswith="desk.reply").order_by("pk")
    assert [(entry.action, entry.user) for entry in entries] == [
        ("desk.reply_unsubscribe", desk.admin),
        ("desk.reply_reopen", desk.admin),
    ]


@pytest.mark.parametrize("kind", ["bounce", "complaint"])
def test_an_invalid_address_and_a_complaint_suppress_the_address(
    lola: Client, letter: ReturnedMessage, desk: Desk, kind: str
) -> None:
    assert desk.reader.email in classify(lola, letter, kind, desk.reader.email).text
    assert suppression.is_suppressed(desk.reader)
    reopen(lola, letter)
    assert not suppression.is_suppressed(desk.reader)


@pytest.mark.parametrize("email", ["", "nobody@example.net", "no address"])
def test_an_unknown_subscriber_is_an_error_of_the_form(
    lola: Client, letter: ReturnedMessage, email: str
) -> None:
    page = classify(lola, letter, "unsubscribe", email)
    assert set(page.response.context["form"].errors) == {"subscriber"} and 'aria-invalid="true"' in page.html
    letter.refresh_from_db()
    assert letter.triaged_at is None


def test_a_message_is_classified_and_reopened_only_once(lola: Client, letter: ReturnedMessage) -> None:
    assert classify(lola, letter, "nothing").messages == ["success"]
    assert classify(lola, letter, "nothing").messages == ["error"]
    assert reopen(lola, letter).messages == ["success"]
    assert reopen(lola, letter).messages == ["error"]


def test_several_messages_are_marked_as_done_after_a_confirmation(
    lola: Client, letter: ReturnedMessage
) -> None:
    other = received("From: a@example.net", "Subject: Offer", "", "Buy")
    bounce = ingest_returned_mail.ingest_message(sample("postfix-unknown.eml"), timezone.now()).message
    action = reverse("wagtail_bulk_action", args=["mailer", "returnedmessage", "done"])
    selected = f"{action}?id={letter.pk}&id={other.pk}&id={bounce.pk}&next={INDEX}"
    question = lola.get(selected)
    assert {one["item"] for one in question.context["items"]} == {letter, other}
    assert len(question.context["items_with_no_access"]) == 1
    assert ReturnedMessage.objects.unclassified().count() == 2
    assert Page(lola.post(selected, follow=True)).messages == ["success"]
    assert not ReturnedMessage.objects.unclassified().exists()
    assert ModelLogEntry.objects.filter(action="desk.reply_done").count() == 2


def test_an_approver_reads_replies_and_classifies_none(letter: ReturnedMessage, desk: Desk) -> None:
    timur = as_user(desk.approver)
    page = page_of(timur, letter)
    assert "I am leaving the office." in page.text and "kind" not in page.names
    assert "data-object-id" not in listed(timur).html
    timur.post(reverse("desk_reply", args=[letter.pk]), {"kind": "nothing", "subscriber": ""})
    action = reverse("wagtail_bulk_action", args=["mailer", "returnedmessage", "done"])
    timur.post(f"{action}?id={letter.pk}")
    assert ReturnedMessage.objects.unclassified().exists()
    classify(as_user(desk.admin), letter, "nothing")
    timur.post(reverse("desk_reply_reopen", args=[letter.pk]))
    assert not ReturnedMessage.objects.unclassified().exists()


def test_a_writer_sees_no_returned_mail(letter: ReturnedMessage, desk: Desk) -> None:
    source = reverse("desk_reply_source", args=[letter.pk])
    for page in (INDEX, reverse("desk_reply", args=[letter.pk]), source):
        assert as_user(desk.approver if page != source else desk.admin).get(page).status_code == 200
        answer = as_user(desk.writer).get(page)
        assert answer.status_code in (302, 403) and b"leaving" not in answer.content


def test_get_requests_change_nothing(lola: Client, letter: ReturnedMessage) -> None:
    assert lola.get(reverse("desk_reply_reopen", args=[letter.pk])).status_code == 405
    lola.get(reverse("desk_reply", args=[letter.pk]), {"kind": "nothing"})
    letter.refresh_from_db()
    assert letter.triaged_at is None


def test_a_failing_source_of_returned_mail_is_shown_in_the_list_and_on_the_home_page(
    lola: Client, settings: Any
) -> None:
    config = settings.CONFIG
    there = replace(config.bounces, imap_host="mail.example.org", imap_username="b")
    settings.CONFIG = replace(config, bounces=there)
    since = timezone.now() - timedelta(hours=1)
    InboundSource.objects.create(
        url="imap://b@mail.example.org:993/INBOX",
        failing_since=since,
        failures=9,
        error="The mail server mail.example.org:993 (IMAP) refuses our sign-in.",
    )
    for page in (INDEX, reverse("wagtailadmin_home")):
        shown = Page(lola.get(page))
        assert "desk-notice" in shown.classes and "refuses our sign-in" in shown.text


def test_an_event_of_an_esp_is_shown_as_indented_json(lola: Client) -> None:
    raw = '{"Type": "Unheard", "Details": "ящик \\u202e переполнен"}'.encode()
    event = ReturnedMessage.objects.create(sha256="e" * 64, kind="other", raw=raw, service="amazon_ses")
    page = page_of(lola, event)
    assert "Amazon SES" in page.response.context["title"] and not page.response.context.get("full_header")
    assert page.response.context["text"] == '{\n  "Type": "Unheard",\n  "Details": "ящик  переполнен"\n}'
    event.raw = b"[" * 100_000
    event.save()
    assert "[[[[" in page_of(lola, event).text


def test_tokens_in_a_message_are_shown_to_admins_only(desk: Desk, lola: Client) -> None:
    page_token = tokens.make_token("preferences", desk.reader.pk, 0)
    mail_token = message_identifiers.make_token("delivery", 7)
    raw = (
        f"From: a@example.net\r\nSubject: Fwd\r\nX-Delivery: {mail_token}\r\n\r\n"
        f"Look: https://news.example.org/preferences/{page_token}/ and b+{mail_token}@example.org\r\n"
    )
    ingest_returned_mail.ingest_message(raw.encode(), timezone.now())
    message = ReturnedMessage.objects.get(subject="Fwd")
    shown = {
        name: as_user(user).get(reverse("desk_reply", args=[message.pk])).content.decode()
        for name, user in (("admin", desk.admin), ("approver", desk.approver))
    }
    assert [token in shown["admin"] for token in (page_token, mail_token)] == [True, True]
    assert [token in shown["approver"] for token in (page_token, mail_token)] == [False, False]
    # Encoded parts of the source hold tokens as well.
    source = reverse("desk_reply_source", args=[message.pk])
    assert (lola.get(source).status_code, as_user(desk.approver).get(source).status_code) == (200, 302)
