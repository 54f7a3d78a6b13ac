"""Feedback about subscribers who changed their address, were merged, were erased, or export their data."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from mailer.delivery.models import Delivery, OutboxMessage
from mailer.delivery.outbox import outbox
from mailer.feedback import ingest_returned_mail, subscriber_signal_receivers
from mailer.feedback.decisions.apply_returned_mail import apply_one
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from mailer.feedback.parsing.parsed_message import EventSource, ParsedReturnedMessage
from subscribers import former_addresses_and_merged_ids, merge
from subscribers.models import Subscriber
from subscribers.privacy.data_access import collect_data
from subscribers.privacy.erasure import erase_and_suppress
from subscribers.suppression import is_suppressed
from tests.feedback.cast import NOW, accepted_delivery, ago, bounce, mailing, reader, recipient, returned

pytestmark = pytest.mark.django_db


def move(person: Subscriber, to: str, **before: float) -> None:
    old = bytes(person.address_hash)
    person.email = to
    person.save()
    former_addresses_and_merged_ids.record_former_address(person, old, ago(**before))


def complain(about: Delivery) -> None:
    reading = ParsedReturnedMessage(
        "complaint", (recipient("x@example.net"),), delivery=about.pk, identity="verp"
    )
    apply_one(reading, EventSource("complaint 1", NOW), NOW)


def test_a_bounce_of_a_former_address_does_not_count_for_the_new_one() -> None:
    person = reader("old@example.net")
    sent, sent_later = accepted_delivery(person, ago(days=3)), accepted_delivery(person, ago(hours=1))
    move(person, "new@example.net", days=2)
    bounce(sent)
    assert not is_suppressed(person)
    bounce(sent_later)
    assert is_suppressed(person)


def test_a_complaint_counts_for_the_person_at_any_address() -> None:
    person = reader("old@example.net")
    sent = accepted_delivery(person, ago(days=3))
    move(person, "new@example.net", days=2)
    complain(sent)
    assert is_suppressed("new@example.net")


@pytest.mark.parametrize(("kind", "stopped"), [("complaint", True), ("bounce", False)])
def test_a_service_event_about_a_former_address_counts_only_as_complaint(kind: str, stopped: bool) -> None:
    person = reader("old@example.net")
    move(person, "new@example.net", days=2)
    named = recipient("old@example.net")
    apply_one(ParsedReturnedMessage(kind, (named,), identity="service"), EventSource("1", NOW), NOW)  # type: ignore[arg-type]
    assert is_suppressed("new@example.net") is stopped


def test_a_merge_moves_deliveries_and_keeps_complaints() -> None:
    subscriber_signal_receivers.connect_signals()
    kept, gone = reader("kept@example.net"), reader("gone@example.net")
    shared = mailing()
    both = [
        Delivery.objects.create(mailing=shared, subscriber=person.pk, state="planned")
        for person in (kept, gone)
    ]
    alone = accepted_delivery(gone, ago(days=2))
    merge.merge(kept, gone, NOW)
    alone.refresh_from_db()
    assert alone.subscriber == kept.pk
    # What is said about the second copy is still said about the person.
    Delivery.objects.filter(pk=both[1].pk).update(state="accepted", accepted_at=NOW - timedelta(hours=1))
    complain(both[1])
    assert FeedbackEvent.objects.get(kind="complaint").subscriber == kept.pk and is_suppressed(kept)


def receive(sender: str, subject: str) -> ReturnedMessage:
    raw = f"From: {sender}\nTo: b@bounces.example.org\nSubject: {subject}\n\nHello\n".encode()
    return ingest_returned_mail.ingest_message(raw, NOW).message


def test_erasure_deletes_their_messages_and_servers_replies() -> None:
    subscriber_signal_receivers.connect_signals()
    gone, stays = reader("aigerim@example.net"), reader("olga@example.net")
    returned(gone)
    returned(stays)
    receive("Aigerim <Aigerim@Example.net>", "On holiday until Monday")
    # Triaged by a colleague, who named the subscriber.
    about = receive("postmaster@provider.example", "No such person")
    ReturnedMessage.objects.filter(pk=about.pk).update(subscriber=gone.pk)
    kept = receive("Olga <olga@example.net>", "Thank you")
    # An address that only ends like it.
    longer = receive("Kaigerim <kaigerim@example.net>", "Thank you too")
    assert erase_and_suppress("aigerim@example.net", NOW)
    assert set(ReturnedMessage.objects.values_list("pk", flat=True)) == {kept.pk, longer.pk}
    words = dict(FeedbackEvent.objects.values_list("subscriber", "diagnostic"))
    assert words[gone.pk] == "" and words[stays.pk]


def test_erasure_deletes_mail_to_and_from_former_addresses_that_are_known_by_hash_alone() -> None:
    subscriber_signal_receivers.connect_signals()
    person, merged = reader("aigerim@example.net"), reader("a.bekova@example.net")
    before, person.email = bytes(person.address_hash), "aigerim.bekova@example.net"
    person.save()
    former_addresses_and_merged_ids.record_address_change(person, before, NOW)
    merge.merge(person, merged, NOW)
    receive("Aigerim <Aigerim@Example.net>", "On holiday until Monday")
    kept = receive("Olga <olga@example.net>", "Thank you")
    for address in ("aigerim@example.net", "a.bekova@example.net", "olga@example.net"):
        outbox.enqueue("news@example.org", address, b"Hello", NOW)
    assert erase_and_suppress(person.email, NOW)
    assert [one.recipient for one in OutboxMessage.objects.all()] == ["olga@example.net"]
    assert [one.pk for one in ReturnedMessage.objects.all()] == [kept.pk]


@pytest.mark.both_databases
def test_deliveries_and_bounces_are_exported_as_json() -> None:
    person = reader()
    sent = accepted_delivery(person, ago(days=1), reply="250 ok")
    bounce(sent)
    subscriber_signal_receivers.connect_signals()
    data = json.loads(json.dumps(collect_data(person)))
    assert [(one["state"], one["at"], one["reply"]) for one in data["deliveries"]] == [
        ("accepted", ago(days=1).isoformat(timespec="seconds"), "250 ok")
    ]
    assert [(one["kind"], one["class"], one["diagnostic"]) for one in data["feedback"]] == [
        ("bounce", "hard", recipient(person.email).diagnostic)
    ]
    assert [one["state"] for one in data["suppression_decisions"]] == ["applied"]
    assert data["transactional_emails"] == data["messages_from_you"] == []
    assert data["subscriptions"] and data["email"] == person.email


@pytest.mark.both_databases
def test_transactional_emails_and_what_they_wrote_are_exported_also_of_a_merged_subscriber() -> None:
    person, merged, other = (reader(f"{name}@example.net") for name in ("olga", "o.kim", "o.olga"))
    first = accepted_delivery(person, ago(days=2))
    for subscriber in (merged, other):
        Delivery.objects.create(
            mailing=first.mailing, subscriber=subscriber.pk, state="accepted", accepted_at=ago(days=2)
        )
    merge.merge(person, merged, NOW)
    outbox.enqueue("news@example.org", person.email, b"Subject: =?utf-8?b?0JTQsA==?=\r\n\r\nHello", NOW)
    outbox.enqueue("news@example.org", other.email, b"Subject: Theirs\r\n\r\nHello", NOW)
    receive(f"Olga <{person.email}>", "Thank you")
    receive(f"Olga <{other.email}>", "Theirs")
    subscriber_signal_receivers.connect_signals()
    data = json.loads(json.dumps(collect_data(person)))
    assert [(one["state"], one["subject"]) for one in data["transactional_emails"]] == [("waiting", "Да")]
    (written,) = data["messages_from_you"]
    assert "Subject: Thank you" in written["message"]
    assert len(data["deliveries"]) == 2
