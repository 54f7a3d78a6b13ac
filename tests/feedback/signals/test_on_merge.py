"""Readers who moved, or became one with another: what comes back reaches the right address."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.delivery.models import Delivery
from mailer.feedback.decisions.apply import apply
from mailer.feedback.models import FeedbackEvent
from mailer.feedback.parsing.records import EventSource, ParsedReturn
from mailer.feedback.signals import on_merge
from subscribers import merge
from subscribers.models import Subscriber
from subscribers.suppression import is_suppressed
from tests.feedback.cast import NOW, accepted_delivery, ago, bounce, mailing, reader, recipient

pytestmark = pytest.mark.django_db


def move(person: Subscriber, to: str, **before: float) -> None:
    old = bytes(person.address_hash)
    person.email = to
    person.save()
    merge.add_alias(person, old, ago(**before))


def complain(about: Delivery) -> None:
    reading = ParsedReturn("complaint", (recipient("x@example.net"),), delivery=about.pk, identity="verp")
    apply(reading, EventSource("complaint 1", NOW), NOW)


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
    told = recipient("old@example.net")
    apply(ParsedReturn(kind, (told,), identity="service"), EventSource("1", NOW), NOW)  # type: ignore[arg-type]
    assert is_suppressed("new@example.net") is stopped


def test_a_merge_moves_deliveries_and_keeps_complaints() -> None:
    on_merge.connect()
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
