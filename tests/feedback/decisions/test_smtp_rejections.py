"""What servers refuse while we send goes by the same rules as what comes back."""

from __future__ import annotations

import pytest
from django.db import connection

from mailer.delivery.models import Delivery
from mailer.feedback.decisions import smtp_rejections
from mailer.feedback.models import FeedbackEvent, ReturnedMessage, Verdict
from subscribers.models import Subscriber
from tests.feedback import cast
from tests.feedback.cast import NOW, ago, stopped, verdict

pytestmark = pytest.mark.django_db
UNKNOWN = "550 5.1.1 <reader@example.net>: Recipient address rejected: User unknown"
FULL = "552 5.2.2 mailbox full"


@pytest.fixture
def aigerim() -> Subscriber:
    return cast.reader()


def refused(person: Subscriber, reply: str, **columns: object) -> Delivery:
    columns = {"state": "refused", "reason": "refused", "accepted_at": None, "reply": reply, **columns}
    return cast.copy(person, NOW, **columns)


def test_an_address_that_the_server_does_not_know_is_stopped_with_the_servers_words(
    aigerim: Subscriber,
) -> None:
    delivery = refused(aigerim, UNKNOWN)
    assert smtp_rejections.read_new(NOW) == 1
    event = FeedbackEvent.objects.get()
    assert (event.identity, event.bounce_class, event.reason) == ("session", "hard", "unknown_user")
    assert (event.delivery, event.mailing, event.message) == (delivery, delivery.mailing, None)
    assert (event.provider, event.diagnostic) == ("example.net", UNKNOWN)
    assert verdict(aigerim).suppression.evidence.count("User unknown") == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.bounced_at) == ("refused", None)


def test_each_refusal_is_read_once(aigerim: Subscriber) -> None:
    refused(aigerim, UNKNOWN)
    assert [smtp_rejections.read_new(NOW) for _ in range(3)] == [1, 0, 0]
    assert FeedbackEvent.objects.count() == 1


def test_a_crash_in_the_middle_loses_none_and_repeats_none(
    aigerim: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(aigerim, UNKNOWN)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr("mailer.feedback.decisions.evaluate.judge", crash)
        smtp_rejections.read_new(NOW)
    assert not FeedbackEvent.objects.exists()
    assert smtp_rejections.read_new(NOW) == 1
    assert (FeedbackEvent.objects.count(), stopped(aigerim)) == (1, True)


def test_many_are_read_in_batches_and_two_copies_of_one_reader_are_one_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp_rejections, "_BATCH", 3)
    people = [cast.reader(f"reader{number}@example{number}.net") for number in range(5)]
    for person in people:
        refused(person, UNKNOWN)
        refused(person, UNKNOWN)
    assert smtp_rejections.read_new(NOW) == 10
    assert all(map(stopped, people))
    assert Verdict.objects.count() == 5


def test_a_stop_is_heard_between_two_batches(aigerim: Subscriber) -> None:
    refused(aigerim, UNKNOWN)
    assert smtp_rejections.read_new(NOW, lambda: True) == 0


@pytest.mark.parametrize(
    "reply, bounce_class", [("554 5.7.1 blocked using zen.spamhaus.org", "block"), (FULL, "soft")]
)
def test_a_block_or_a_full_mailbox_stops_nobody(aigerim: Subscriber, reply: str, bounce_class: str) -> None:
    refused(aigerim, reply)
    smtp_rejections.read_new(NOW)
    assert FeedbackEvent.objects.get().bounce_class == bounce_class
    assert not stopped(aigerim)


def test_what_no_server_said_is_held_against_nobody(aigerim: Subscriber) -> None:
    refused(aigerim, "the connection broke off", reason="expired")
    assert smtp_rejections.read_new(NOW) == 1
    assert not FeedbackEvent.objects.exists()


def test_five_mailings_that_expired_at_a_full_mailbox_stop_the_address(aigerim: Subscriber) -> None:
    for days in (40, 30, 20, 10, 0):
        refused(aigerim, "452 4.2.2 mailbox full", reason="expired")
        smtp_rejections.read_new(ago(days=days))
    assert (verdict(aigerim).rule, stopped(aigerim)) == ("soft_bounces", True)


def test_what_a_colleague_refuses_in_a_rehearsal_says_nothing(aigerim: Subscriber) -> None:
    delivery = refused(aigerim, UNKNOWN)
    type(delivery.mailing).objects.filter(pk=delivery.mailing_id).delete()
    rehearsal = cast.mailing(dry_run_to="team@office.example.org")
    Delivery.objects.create(mailing=rehearsal, subscriber=aigerim.pk, state="refused", reply=UNKNOWN)
    assert smtp_rejections.read_new(NOW) == 1
    assert not FeedbackEvent.objects.exists() and not stopped(aigerim)


def test_nothing_of_this_is_a_message_for_a_person(aigerim: Subscriber) -> None:
    refused(aigerim, UNKNOWN)
    smtp_rejections.read_new(NOW)
    assert not ReturnedMessage.objects.exists()


# PostgreSQL proves conditions by itself.
@pytest.mark.sqlite
def test_the_unread_ones_are_found_by_their_index_however_many_there_are(aigerim: Subscriber) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {smtp_rejections._TAKE}", [None, 1])
        plan = " ".join(row[3] for row in cursor.fetchall())
    assert "delivery_refusal_unread" in plan and "SCAN mailer_delivery " not in plan.replace(
        "SCAN mailer_delivery USING", ""
    )


@pytest.mark.parametrize(
    ("reply", "bounce_class", "reason"),
    [
        ("550 (in reply to RCPT TO command)", "soft", "unconfirmed_user"),
        ("550 (in reply to end of DATA command)", "block", "policy"),
        ("554 (in reply to end of DATA command)", "block", "policy"),
        ("550 5.1.1 (in reply to RCPT TO command)", "hard", "unknown_user"),
        # Filters say so after the message, of addresses that exist.
        ("550 user unknown (in reply to end of DATA command)", "soft", "unconfirmed_user"),
        ("550 user unknown (in reply to RCPT TO command)", "hard", "unknown_user"),
    ],
)
def test_a_code_without_a_word_is_judged_by_the_step_at_which_it_was_said(
    aigerim: Subscriber, reply: str, bounce_class: str, reason: str
) -> None:
    refused(aigerim, reply)
    smtp_rejections.read_new(NOW)
    event = FeedbackEvent.objects.get()
    assert (event.bounce_class, event.reason) == (bounce_class, reason)
