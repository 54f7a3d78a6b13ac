"""Long-standing subscribers get a probe before soft bounces suppress their address."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.delivery import message_identifiers
from mailer.delivery.models import OutboxMessage
from mailer.feedback import ingest_returned_mail
from mailer.feedback.decisions import evaluate_and_probe, suppression_decision_states
from mailer.feedback.models import BounceWave, FeedbackEvent, SuppressionDecision
from subscribers.models import Subscriber, Subscription
from tests.feedback import cast
from tests.feedback.cast import NOW, ago, latest_decision, stopped
from tests.feedback.parsing.test_parse import sample
from tests.recorded import recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked() -> Subscriber:
    return bounced_again_and_again()


@recorded
def bounced_again_and_again() -> Subscriber:
    """A reader for two years whose last five copies came back, and to whom a probe waits."""
    person = cast.reader()
    person.language = "ru"
    person.save()
    cast.arrived(person)
    fill(person)
    return person


def fill(person: Subscriber, at=NOW) -> None:
    for days in (40, 30, 20, 10, 0):
        cast.returned(person, "soft", at - timedelta(days=days))


def sent(at=NOW) -> OutboxMessage:
    """The probe left."""
    OutboxMessage.objects.update(state="sent", sent_at=at)
    return OutboxMessage.objects.get()


def test_the_probe_is_sent_once_in_the_subscribers_language(asked: Subscriber) -> None:
    assert (latest_decision(asked).state, stopped(asked)) == ("probing", False)
    probe = OutboxMessage.objects.get()
    assert (probe.recipient, message_identifiers.read_probe(probe.sender)) == (
        asked.email,
        latest_decision(asked).pk,
    )
    text = bytes(probe.message).decode()
    assert (
        f"Message-ID: {message_identifiers.probe_message_id(latest_decision(asked).pk, 'example.org')}"[:20]
        in text
    )
    assert "Auto-Submitted: auto-generated" in text and asked.email not in probe.sender
    cast.returned(asked, "soft", NOW + timedelta(days=1))
    assert OutboxMessage.objects.count() == 1


def test_a_bounced_probe_suppresses_and_is_evidence(asked: Subscriber) -> None:
    raw = f"Delivered-To: {sent().sender}\n".encode() + sample("postfix-full-under-5.1.1.eml")
    ingest_returned_mail.ingest_message(raw, NOW + timedelta(hours=1))
    assert (latest_decision(asked).state, stopped(asked)) == ("applied", True)
    assert latest_decision(asked).events.count() == 6
    assert FeedbackEvent.objects.filter(delivery=None, subscriber=asked.pk, identity="verp").count() == 1


def test_a_refused_probe_suppresses(asked: Subscriber) -> None:
    OutboxMessage.objects.update(state="refused", reply="550 5.1.1 User unknown")
    evaluate_and_probe.review_bounce_waves_and_probes(NOW + timedelta(minutes=5))
    assert stopped(asked)


@pytest.mark.parametrize("name", ["spamhaus-refused.eml", "delay-report.eml", "away-ru.eml"])
def test_replies_that_are_not_about_the_address_never_suppress(asked: Subscriber, name: str) -> None:
    raw = f"Delivered-To: {sent().sender}\n".encode() + sample(name)
    ingest_returned_mail.ingest_message(raw, NOW + timedelta(hours=1))
    assert latest_decision(asked).state == "probing"


@pytest.mark.parametrize(
    "reply",
    [
        "554 5.7.1 blocked using zen.spamhaus.org",
        # After days without success.
        "451 4.3.0 queue full, try again later",
        "421 connection refused",
        "The relay does not let us sign in.",
        "",
    ],
)
def test_a_probe_that_the_relay_did_not_take_dismisses_the_decision(asked: Subscriber, reply: str) -> None:
    OutboxMessage.objects.update(state="refused", reply=reply)
    evaluate_and_probe.review_bounce_waves_and_probes(NOW + timedelta(minutes=5))
    assert (latest_decision(asked).state, stopped(asked)) == ("dismissed", False)


def test_a_delivered_probe_resets_the_score(asked: Subscriber) -> None:
    sent()
    evaluate_and_probe.review_bounce_waves_and_probes(NOW + timedelta(days=5))
    assert latest_decision(asked).state == "probing"
    evaluate_and_probe.review_bounce_waves_and_probes(NOW + timedelta(days=7))
    assert latest_decision(asked).state == "dismissed"
    cast.returned(asked, "soft", NOW + timedelta(days=8))
    assert latest_decision(asked).state == "dismissed" and not stopped(asked)


def test_further_bounces_after_a_probe_suppress_without_another(asked: Subscriber) -> None:
    sent()
    evaluate_and_probe.review_bounce_waves_and_probes(NOW + timedelta(days=7))
    fill(asked, NOW + timedelta(days=60))
    assert stopped(asked)
    assert OutboxMessage.objects.count() == 1


def test_a_hard_bounce_suppresses_while_a_probe_is_pending(asked: Subscriber) -> None:
    cast.returned(asked, "hard", NOW + timedelta(days=1))
    assert (latest_decision(asked).rule, stopped(asked)) == ("hard_bounce", True)
    assert SuppressionDecision.objects.count() == 1


def test_forged_bounces_lead_to_one_probe_and_no_suppression() -> None:
    person = cast.reader()
    for days in range(10):
        cast.bounce(person, "hard", NOW + timedelta(days=days))
    assert (latest_decision(person).state, latest_decision(person).rule) == ("probing", "two_hard_bounces")
    sent()
    evaluate_and_probe.review_bounce_waves_and_probes(NOW + timedelta(days=10))
    for days in range(11, 60):
        cast.bounce(person, "hard", NOW + timedelta(days=days))
    assert not stopped(person)
    assert OutboxMessage.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "state"), [("postfix-full-under-5.1.1.eml", "probing"), ("postfix-unknown.eml", "applied")]
)
def test_forged_bounces_are_confirmed_by_the_same_answer_alone(name: str, state: str) -> None:
    person = cast.reader()
    for days in range(2):
        cast.bounce(person, "hard", NOW + timedelta(days=days))
    raw = f"Delivered-To: {sent().sender}\n".encode() + sample(name)
    ingest_returned_mail.ingest_message(raw, NOW + timedelta(days=2))
    assert latest_decision(person).state == state


def test_forged_bounces_are_not_confirmed_by_a_full_mailbox_at_the_relay() -> None:
    person = cast.reader()
    for days in range(2):
        cast.bounce(person, "hard", NOW + timedelta(days=days))
    OutboxMessage.objects.update(state="refused", reply="552 5.2.2 mailbox full")
    evaluate_and_probe.review_bounce_waves_and_probes(NOW + timedelta(days=2))
    assert (latest_decision(person).state, stopped(person)) == ("dismissed", False)


def test_forged_bounces_do_not_answer_a_probe(asked: Subscriber) -> None:
    sent()
    cast.bounce(asked, "hard", NOW + timedelta(hours=1))
    cast.bounce(asked, "hard", NOW + timedelta(days=1))
    assert latest_decision(asked).state == "probing"


def test_unsubscribed_readers_get_no_probe() -> None:
    person = cast.reader()
    cast.arrived(person)
    Subscription.objects.update(state="unsubscribed")
    fill(person)
    assert not OutboxMessage.objects.exists() and not SuppressionDecision.objects.exists()


def test_a_subscriber_who_paused_gets_no_probe_before_the_end_of_the_pause() -> None:
    person = cast.reader()
    Subscriber.objects.update(paused_until=NOW + timedelta(days=1))
    cast.arrived(person)
    fill(person)
    assert not OutboxMessage.objects.exists() and not SuppressionDecision.objects.exists()


def test_a_reply_to_a_probe_can_unsubscribe(asked: Subscriber) -> None:
    raw = f"From: {asked.email}\nTo: {sent().sender}\nSubject: unsubscribe\n\n".encode()
    ingest_returned_mail.ingest_message(raw, NOW)
    assert Subscription.objects.get().state == "unsubscribed"


def test_staff_can_revert_while_a_probe_is_pending(asked: Subscriber) -> None:
    suppression_decision_states.revert(latest_decision(asked), "lola", NOW)
    raw = f"Delivered-To: {sent().sender}\n".encode() + sample("postfix-full-under-5.1.1.eml")
    ingest_returned_mail.ingest_message(raw, NOW + timedelta(hours=1))
    assert not stopped(asked)


def test_bounced_probes_at_one_domain_are_an_outage() -> None:
    people = [cast.reader(f"reader{number}@ministry.example") for number in range(4)]
    for person in people:
        cast.arrived(person)
        fill(person, ago(hours=1))
    OutboxMessage.objects.update(state="refused", reply="550 5.1.1 User unknown")
    evaluate_and_probe.review_bounce_waves_and_probes(NOW)
    assert {latest_decision(person).state for person in people} == {"held"}
    assert BounceWave.objects.get().state == "open"
