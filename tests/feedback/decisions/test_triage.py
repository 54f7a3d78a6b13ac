"""What a person says about a message is done, and undone, as if a rule had said it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mailer.delivery import identifiers
from mailer.delivery.models import Delivery
from mailer.feedback.decisions import triage
from mailer.feedback.decisions.triage import SortingError
from mailer.feedback.models import FeedbackEvent, ReturnedMessage, Verdict
from mailer.feedback.signals import on_unsubscribe
from mailer.feedback.sources import ingest
from subscribers import suppression
from subscribers.models import ConsentRecord, MailingList, Subscriber, Subscription, Suppression
from tests.reports import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW + timedelta(days=1)
LATER = NOW + timedelta(minutes=5)
READER = "aigerim@readers.example.net"


@pytest.fixture(autouse=True)
def _departures_are_heard() -> None:
    on_unsubscribe.connect()


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
    mailing = cast.mailing(cast.copy(cast.edition()), audience=1)
    return Delivery.objects.create(
        mailing=mailing, subscriber=aigerim.pk, state="accepted", accepted_at=cast.NOW
    )


def received(*lines: str) -> ReturnedMessage:
    """A message that no rule understands."""
    message = ingest.receive("\n".join(lines).encode(), NOW).message
    assert message.kind == "other"
    return message


@pytest.fixture
def letter(aigerim: Subscriber) -> ReturnedMessage:
    return received(f"From: Aigerim <{READER}>", "Subject: Hello", "", "I have left the ministry.")


def lists() -> list[str]:
    return sorted(Subscription.objects.values_list("state", flat=True))


def everything() -> dict[str, Any]:
    """What sorting may change, as far as it must come back."""
    return {
        "lists": lists(),
        "stopped": suppression.is_suppressed(READER),
        "events": FeedbackEvent.objects.count(),
        "verdicts": Verdict.objects.count(),
        "marks": list(Delivery.objects.values_list("bounced_at", "complained_at")),
        "waiting": ReturnedMessage.objects.for_a_person().count(),
    }


def test_who_wrote_is_offered_first_and_strangers_are_not(aigerim: Subscriber) -> None:
    bek = Subscriber.objects.create(email="bek@readers.example.net")
    message = received(
        f"From: {READER}", "", "Please write to bek@readers.example.net, not x@elsewhere.example"
    )
    assert triage.readers_in(message) == [aigerim, bek]


def test_a_token_of_ours_says_whom_it_is_about_whoever_writes(
    aigerim: Subscriber, delivery: Delivery
) -> None:
    Subscriber.objects.create(email="bek@readers.example.net")
    answered = received(
        "From: bek@readers.example.net", f"To: {identifiers.envelope_sender(delivery.pk)}", "", "Hello"
    )
    name = identifiers.message_id(delivery.pk, "example.org")
    quoted = received("From: bek@readers.example.net", "", f"You wrote in {name}:")
    assert triage.readers_in(answered) == triage.readers_in(quoted) == [aigerim]


def test_done_with_it_is_all_that_is_said_of_most(letter: ReturnedMessage) -> None:
    triage.sort(letter, "nothing", None, "lola", NOW)
    assert (letter.done_by, letter.done_at, letter.sorted_as) == ("lola", NOW, "nothing")
    assert not ReturnedMessage.objects.for_a_person().exists()
    assert (lists(), FeedbackEvent.objects.count()) == (["confirmed", "confirmed"], 0)


def test_an_address_that_a_person_says_is_dead_is_stopped_with_the_evidence(
    aigerim: Subscriber, letter: ReturnedMessage
) -> None:
    triage.sort(letter, "bounce", aigerim, "lola", NOW)
    row = Suppression.objects.get()
    assert row.reason == "hard_bounce"
    assert "rule: lola read it" in row.evidence and f"Hello (Aigerim <{READER}>)" in row.evidence
    event = FeedbackEvent.objects.get()
    assert (event.identity, event.bounce_class, event.message) == ("person", "hard", letter)
    assert lists() == ["confirmed", "confirmed"]


def test_where_the_copy_is_known_its_mailing_counts_the_bounce(
    aigerim: Subscriber, delivery: Delivery
) -> None:
    message = received(f"To: {identifiers.envelope_sender(delivery.pk)}", "", "She works here no more.")
    triage.sort(message, "bounce", aigerim, "lola", NOW)
    delivery.refresh_from_db()
    assert (delivery.bounced_at, FeedbackEvent.objects.get().mailing) == (NOW, delivery.mailing)


def test_another_reader_than_the_token_names_is_believed_and_no_mailing_counts_it(
    aigerim: Subscriber, delivery: Delivery
) -> None:
    bek = Subscriber.objects.create(email="bek@readers.example.net")
    message = received(f"To: {identifiers.envelope_sender(delivery.pk)}", "", "Bek works here no more.")
    triage.sort(message, "bounce", bek, "lola", NOW)
    assert suppression.is_suppressed(bek) and not suppression.is_suppressed(aigerim)
    delivery.refresh_from_db()
    assert delivery.bounced_at is None


def test_a_complaint_ends_everything(aigerim: Subscriber, letter: ReturnedMessage) -> None:
    triage.sort(letter, "complaint", aigerim, "lola", NOW)
    assert Suppression.objects.get().reason == "complaint"
    assert lists() == ["unsubscribed", "unsubscribed"]


def test_a_wish_to_leave_ends_every_subscription_in_the_readers_name(
    aigerim: Subscriber, letter: ReturnedMessage
) -> None:
    triage.sort(letter, "leave", aigerim, "lola", NOW)
    assert lists() == ["unsubscribed", "unsubscribed"]
    assert not suppression.is_suppressed(aigerim)
    word = ConsentRecord.objects.filter(subscriber=aigerim).latest("pk")
    assert (word.event, word.channel, word.attested_by) == ("unsubscribed", "email", "lola")


@pytest.mark.parametrize("kind", ["nothing", "bounce", "complaint", "leave"])
@pytest.mark.parametrize("with_copy", [True, False])
def test_whatever_was_said_is_taken_back_in_one_step_and_leaves_nothing(
    aigerim: Subscriber, delivery: Delivery, kind: str, with_copy: bool
) -> None:
    to = identifiers.envelope_sender(delivery.pk) if with_copy else "office@example.org"
    message = received(f"From: {READER}", f"To: {to}", "", "Hello")
    before = everything()
    triage.sort(message, kind, None if kind == "nothing" else aigerim, "lola", NOW)
    assert everything() != before
    triage.take_back(message, "lola", LATER)
    assert everything() == before
    # And it may be sorted anew, otherwise or the same.
    triage.sort(message, "bounce", aigerim, "lola", LATER)
    assert suppression.is_suppressed(aigerim)


def test_what_stopped_an_address_before_goes_on_stopping_it(
    aigerim: Subscriber, letter: ReturnedMessage
) -> None:
    suppression.suppress(aigerim, "manual", "asked by telephone", cast.NOW)
    for kind in ("bounce", "complaint"):
        triage.sort(letter, kind, aigerim, "lola", NOW)
        triage.take_back(letter, "lola", LATER)
        assert suppression.is_suppressed(aigerim)


def test_who_had_left_before_is_not_brought_back(aigerim: Subscriber, letter: ReturnedMessage) -> None:
    weekly = Subscription.objects.get(mailing_list__slug="weekly")
    weekly.state, weekly.ended_at = "unsubscribed", cast.NOW
    weekly.save()
    triage.sort(letter, "leave", aigerim, "lola", NOW)
    triage.take_back(letter, "lola", LATER)
    assert lists() == ["confirmed", "unsubscribed"]


def test_of_two_who_sort_at_once_one_is_told(aigerim: Subscriber, letter: ReturnedMessage) -> None:
    seen_by_timur = ReturnedMessage.objects.get(pk=letter.pk)
    triage.sort(letter, "nothing", None, "lola", NOW)
    with pytest.raises(SortingError, match="sorted this message already"):
        triage.sort(seen_by_timur, "complaint", aigerim, "timur", LATER)
    assert lists() == ["confirmed", "confirmed"]
    seen_by_timur.refresh_from_db()
    triage.take_back(letter, "lola", LATER)
    with pytest.raises(SortingError, match="taken this back already"):
        triage.take_back(seen_by_timur, "timur", LATER)


def test_what_a_rule_understood_is_not_sorted_by_hand(aigerim: Subscriber, letter: ReturnedMessage) -> None:
    ReturnedMessage.objects.update(kind="bounce")
    with pytest.raises(SortingError):
        triage.sort(letter, "nothing", None, "lola", NOW)


def test_a_reader_must_be_named_and_only_where_one_is_meant(
    aigerim: Subscriber, letter: ReturnedMessage
) -> None:
    for kind, about in (("bounce", None), ("nothing", aigerim)):
        with pytest.raises(SortingError, match="which reader"):
            triage.sort(letter, kind, about, "lola", NOW)
