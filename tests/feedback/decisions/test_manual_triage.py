"""Triage by staff is applied, and undone, like the result of a rule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mailer.delivery import message_identifiers
from mailer.delivery.models import Delivery
from mailer.feedback import ingest_returned_mail, subscriber_signal_receivers
from mailer.feedback.decisions import manual_triage
from mailer.feedback.decisions.manual_triage import TriageError
from mailer.feedback.models import FeedbackEvent, ReturnedMessage, SuppressionDecision
from subscribers import suppression
from subscribers.models import ConsentRecord, MailingList, Subscriber, Subscription, Suppression
from tests.reports import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW + timedelta(days=1)
LATER = NOW + timedelta(minutes=5)
READER = "aigerim@readers.example.net"


@pytest.fixture(autouse=True)
def _departures_are_heard() -> None:
    subscriber_signal_receivers.connect_signals()


@pytest.fixture
def aigerim() -> Subscriber:
    """A confirmed reader of two lists."""
    person = Subscriber.objects.create(email=READER)
    for slug in ("monthly", "weekly"):
        Subscription.objects.create(
            subscriber=person,
            mailing_list=MailingList.objects.create(slug=slug, name=slug),
            state="confirmed",
            confirmed_at=cast.NOW - timedelta(days=30),
        )
    return person


@pytest.fixture
def delivery(aigerim: Subscriber) -> Delivery:
    """Her copy of an edition, accepted by the next server."""
    mailing = cast.mailing(cast.snapshot(cast.edition()), audience=1)
    return Delivery.objects.create(
        mailing=mailing, subscriber=aigerim.pk, state="accepted", accepted_at=cast.NOW
    )


def received(*lines: str) -> ReturnedMessage:
    """A message that no rule understands."""
    message = ingest_returned_mail.ingest_message("\n".join(lines).encode(), NOW).message
    assert message.kind == "other"
    return message


@pytest.fixture
def letter(aigerim: Subscriber) -> ReturnedMessage:
    return received(f"From: Aigerim <{READER}>", "Subject: Hello", "", "I have left the ministry.")


def lists() -> list[str]:
    return sorted(Subscription.objects.values_list("state", flat=True))


def collect() -> dict[str, Any]:
    """What sorting may change, as far as it must come back."""
    return {
        "lists": lists(),
        "stopped": suppression.is_suppressed(READER),
        "events": FeedbackEvent.objects.count(),
        "verdicts": SuppressionDecision.objects.count(),
        "marks": list(Delivery.objects.values_list("bounced_at", "complained_at")),
        "waiting": ReturnedMessage.objects.unclassified().count(),
    }


def test_the_sender_is_the_first_candidate(aigerim: Subscriber) -> None:
    bek = Subscriber.objects.create(email="bek@readers.example.net")
    message = received(
        f"From: {READER}", "", "Please write to bek@readers.example.net, not x@elsewhere.example"
    )
    assert manual_triage.candidate_subscribers(message) == [aigerim, bek]


def test_a_token_determines_the_candidate(aigerim: Subscriber, delivery: Delivery) -> None:
    Subscriber.objects.create(email="bek@readers.example.net")
    answered = received(
        "From: bek@readers.example.net",
        f"To: {message_identifiers.envelope_sender(delivery.pk)}",
        "",
        "Hello",
    )
    name = message_identifiers.message_id(delivery.pk, "example.org")
    quoted = received("From: bek@readers.example.net", "", f"You wrote in {name}:")
    assert (
        manual_triage.candidate_subscribers(answered)
        == manual_triage.candidate_subscribers(quoted)
        == [aigerim]
    )


def test_no_action_only_closes_the_message(letter: ReturnedMessage) -> None:
    manual_triage.triage(letter, "nothing", None, "lola", NOW)
    assert (letter.triaged_by, letter.triaged_at, letter.triage_result) == ("lola", NOW, "nothing")
    assert not ReturnedMessage.objects.unclassified().exists()
    assert (lists(), FeedbackEvent.objects.count()) == (["confirmed", "confirmed"], 0)


def test_a_bounce_by_triage_suppresses_with_evidence(aigerim: Subscriber, letter: ReturnedMessage) -> None:
    manual_triage.triage(letter, "bounce", aigerim, "lola", NOW)
    row = Suppression.objects.get()
    assert row.reason == "hard_bounce"
    assert "rule: triaged by lola" in row.evidence and f"Hello (Aigerim <{READER}>)" in row.evidence
    event = FeedbackEvent.objects.get()
    assert (event.identity, event.bounce_class, event.message) == ("person", "hard", letter)
    assert lists() == ["confirmed", "confirmed"]


def test_a_triaged_bounce_counts_for_the_mailing_of_its_token(
    aigerim: Subscriber, delivery: Delivery
) -> None:
    message = received(
        f"To: {message_identifiers.envelope_sender(delivery.pk)}", "", "She works here no more."
    )
    manual_triage.triage(message, "bounce", aigerim, "lola", NOW)
    delivery.refresh_from_db()
    assert (delivery.bounced_at, FeedbackEvent.objects.get().mailing) == (NOW, delivery.mailing)


def test_another_subscriber_than_the_token_names_counts_for_no_mailing(
    aigerim: Subscriber, delivery: Delivery
) -> None:
    bek = Subscriber.objects.create(email="bek@readers.example.net")
    message = received(
        f"To: {message_identifiers.envelope_sender(delivery.pk)}", "", "Bek works here no more."
    )
    manual_triage.triage(message, "bounce", bek, "lola", NOW)
    assert suppression.is_suppressed(bek) and not suppression.is_suppressed(aigerim)
    delivery.refresh_from_db()
    assert delivery.bounced_at is None


def test_a_triaged_complaint_suppresses_and_unsubscribes(
    aigerim: Subscriber, letter: ReturnedMessage
) -> None:
    manual_triage.triage(letter, "complaint", aigerim, "lola", NOW)
    assert Suppression.objects.get().reason == "complaint"
    assert lists() == ["unsubscribed", "unsubscribed"]


def test_a_triaged_unsubscribe_ends_every_subscription(aigerim: Subscriber, letter: ReturnedMessage) -> None:
    manual_triage.triage(letter, "unsubscribe", aigerim, "lola", NOW)
    assert lists() == ["unsubscribed", "unsubscribed"]
    assert not suppression.is_suppressed(aigerim)
    word = ConsentRecord.objects.filter(subscriber=aigerim).latest("pk")
    assert (word.event, word.channel, word.attested_by) == ("unsubscribed", "email", "lola")


@pytest.mark.parametrize("kind", ["nothing", "bounce", "complaint", "unsubscribe"])
@pytest.mark.parametrize("with_copy", [True, False])
def test_undo_reverts_every_triage_result(
    aigerim: Subscriber, delivery: Delivery, kind: str, with_copy: bool
) -> None:
    to = message_identifiers.envelope_sender(delivery.pk) if with_copy else "office@example.org"
    message = received(f"From: {READER}", f"To: {to}", "", "Hello")
    before = collect()
    manual_triage.triage(message, kind, None if kind == "nothing" else aigerim, "lola", NOW)
    assert collect() != before
    manual_triage.undo(message, "lola", LATER)
    assert collect() == before
    # And it may be sorted anew, otherwise or the same.
    manual_triage.triage(message, "bounce", aigerim, "lola", LATER)
    assert suppression.is_suppressed(aigerim)


def test_undo_keeps_an_earlier_suppression(aigerim: Subscriber, letter: ReturnedMessage) -> None:
    suppression.suppress(aigerim, "manual", "asked by telephone", cast.NOW)
    for kind in ("bounce", "complaint"):
        manual_triage.triage(letter, kind, aigerim, "lola", NOW)
        manual_triage.undo(letter, "lola", LATER)
        assert suppression.is_suppressed(aigerim)


def test_undo_does_not_resubscribe_earlier_unsubscribes(aigerim: Subscriber, letter: ReturnedMessage) -> None:
    weekly = Subscription.objects.get(mailing_list__slug="weekly")
    weekly.state, weekly.ended_at = "unsubscribed", cast.NOW
    weekly.save()
    manual_triage.triage(letter, "unsubscribe", aigerim, "lola", NOW)
    manual_triage.undo(letter, "lola", LATER)
    assert lists() == ["confirmed", "unsubscribed"]


def test_a_second_triage_or_undo_is_rejected(aigerim: Subscriber, letter: ReturnedMessage) -> None:
    seen_by_timur = ReturnedMessage.objects.get(pk=letter.pk)
    manual_triage.triage(letter, "nothing", None, "lola", NOW)
    with pytest.raises(TriageError, match="already classified"):
        manual_triage.triage(seen_by_timur, "complaint", aigerim, "timur", LATER)
    assert lists() == ["confirmed", "confirmed"]
    seen_by_timur.refresh_from_db()
    manual_triage.undo(letter, "lola", LATER)
    with pytest.raises(TriageError, match="already undone"):
        manual_triage.undo(seen_by_timur, "timur", LATER)


def test_classified_messages_cannot_be_triaged(aigerim: Subscriber, letter: ReturnedMessage) -> None:
    ReturnedMessage.objects.update(kind="bounce")
    with pytest.raises(TriageError):
        manual_triage.triage(letter, "nothing", None, "lola", NOW)


def test_triage_requires_a_subscriber_exactly_when_it_acts(
    aigerim: Subscriber, letter: ReturnedMessage
) -> None:
    for kind, about in (("bounce", None), ("nothing", aigerim)):
        with pytest.raises(TriageError, match="Choose the subscriber"):
            manual_triage.triage(letter, kind, about, "lola", NOW)
