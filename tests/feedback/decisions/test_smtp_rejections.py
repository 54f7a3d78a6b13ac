"""Rejections in our own sessions follow the same rules as bounces."""

from __future__ import annotations

import pytest
from django.db import connection

from mailer.delivery.models import Delivery
from mailer.feedback.decisions import smtp_rejections
from mailer.feedback.models import FeedbackEvent, ReturnedMessage, SuppressionDecision
from subscribers.models import Subscriber
from tests.feedback import cast
from tests.feedback.cast import NOW, ago, latest_decision, stopped

pytestmark = pytest.mark.django_db
UNKNOWN = "550 5.1.1 <reader@example.net>: Recipient address rejected: User unknown"
FULL = "552 5.2.2 mailbox full"


@pytest.fixture
def aigerim() -> Subscriber:
    return cast.reader()


def refused(person: Subscriber, reply: str, **columns: object) -> Delivery:
    columns = {"state": "refused", "reason": "refused", "accepted_at": None, "reply": reply, **columns}
    return cast.accepted_delivery(person, NOW, **columns)


def test_an_unknown_user_is_suppressed_with_the_servers_reply(
    aigerim: Subscriber,
) -> None:
    delivery = refused(aigerim, UNKNOWN)
    assert smtp_rejections.process_new(NOW) == 1
    event = FeedbackEvent.objects.get()
    assert (event.identity, event.bounce_class, event.reason) == ("session", "hard", "unknown_user")
    assert (event.delivery, event.mailing, event.message) == (delivery, delivery.mailing, None)
    assert (event.provider, event.diagnostic) == ("example.net", UNKNOWN)
    assert latest_decision(aigerim).suppression.evidence.count("User unknown") == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.bounced_at) == ("refused", None)


def test_each_rejection_is_processed_once(aigerim: Subscriber) -> None:
    refused(aigerim, UNKNOWN)
    assert [smtp_rejections.process_new(NOW) for _ in range(3)] == [1, 0, 0]
    assert FeedbackEvent.objects.count() == 1


def test_a_crash_loses_and_repeats_nothing(aigerim: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(aigerim, UNKNOWN)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr("mailer.feedback.decisions.evaluate.evaluate", crash)
        smtp_rejections.process_new(NOW)
    assert not FeedbackEvent.objects.exists()
    assert smtp_rejections.process_new(NOW) == 1
    assert (FeedbackEvent.objects.count(), stopped(aigerim)) == (1, True)


def test_rejections_are_processed_in_batches_with_one_decision_per_address() -> None:
    people = [cast.reader(f"reader{number}@example{number}.net") for number in range(5)]
    for person in people:
        refused(person, UNKNOWN)
        refused(person, UNKNOWN)
    assert smtp_rejections.process_new(NOW, batch_size=3) == 10
    assert all(map(stopped, people))
    assert SuppressionDecision.objects.count() == 5


def test_stop_is_checked_between_batches(aigerim: Subscriber) -> None:
    refused(aigerim, UNKNOWN)
    assert smtp_rejections.process_new(NOW, lambda: True) == 0


@pytest.mark.parametrize(
    "reply, bounce_class", [("554 5.7.1 blocked using zen.spamhaus.org", "block"), (FULL, "soft")]
)
def test_a_block_or_a_full_mailbox_does_not_suppress(
    aigerim: Subscriber, reply: str, bounce_class: str
) -> None:
    refused(aigerim, reply)
    smtp_rejections.process_new(NOW)
    assert FeedbackEvent.objects.get().bounce_class == bounce_class
    assert not stopped(aigerim)


def test_a_failure_without_a_server_reply_is_no_event(aigerim: Subscriber) -> None:
    refused(aigerim, "the connection broke off", reason="expired")
    assert smtp_rejections.process_new(NOW) == 1
    assert not FeedbackEvent.objects.exists()


def test_five_expired_deliveries_suppress_the_address(aigerim: Subscriber) -> None:
    for days in (40, 30, 20, 10, 0):
        refused(aigerim, "452 4.2.2 mailbox full", reason="expired")
        smtp_rejections.process_new(ago(days=days))
    assert (latest_decision(aigerim).rule, stopped(aigerim)) == ("soft_bounces", True)


def test_rejections_in_a_dry_run_are_no_events(aigerim: Subscriber) -> None:
    delivery = refused(aigerim, UNKNOWN)
    type(delivery.mailing).objects.filter(pk=delivery.mailing_id).delete()
    rehearsal = cast.mailing(dry_run_to="team@office.example.org")
    Delivery.objects.create(mailing=rehearsal, subscriber=aigerim.pk, state="refused", reply=UNKNOWN)
    assert smtp_rejections.process_new(NOW) == 1
    assert not FeedbackEvent.objects.exists() and not stopped(aigerim)


def test_rejections_create_no_returned_message(aigerim: Subscriber) -> None:
    refused(aigerim, UNKNOWN)
    smtp_rejections.process_new(NOW)
    assert not ReturnedMessage.objects.exists()


# PostgreSQL proves conditions by itself.
@pytest.mark.sqlite
def test_unprocessed_rejections_are_found_by_their_index(aigerim: Subscriber) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {smtp_rejections.CLAIM_UNREAD}", [None, 1])
        plan = " ".join(row[3] for row in cursor.fetchall())
    assert "delivery_unprocessed_refusal" in plan and "SCAN mailer_delivery " not in plan.replace(
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
def test_a_code_without_text_is_classified_by_stage(
    aigerim: Subscriber, reply: str, bounce_class: str, reason: str
) -> None:
    refused(aigerim, reply)
    smtp_rejections.process_new(NOW)
    event = FeedbackEvent.objects.get()
    assert (event.bounce_class, event.reason) == (bounce_class, reason)
