"""Readers who moved, or became one with another: what comes back reaches the right address."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailer.delivery.models import Delivery
from mailer.feedback.decisions.apply import apply
from mailer.feedback.models import FeedbackEvent
from mailer.feedback.parsing.records import Origin, Reading
from mailer.feedback.signals import on_merge
from subscribers import merge
from subscribers.models import Subscriber
from subscribers.suppression import is_suppressed
from tests.feedback.cast import NOW, ago, bounce, copy, mailing, reader, recipient

pytestmark = pytest.mark.django_db


def move(person: Subscriber, to: str, **before: float) -> None:
    old = bytes(person.address_hash)
    person.email = to
    person.save()
    merge.add_alias(person, old, ago(**before))


def complain(about: Delivery) -> None:
    reading = Reading("complaint", (recipient("x@example.net"),), delivery=about.pk, identity="verp")
    apply(reading, Origin("complaint 1", NOW), NOW)


def test_a_bounce_from_the_address_before_says_nothing_about_the_next() -> None:
    person = reader("old@example.net")
    sent, sent_later = copy(person, ago(days=3)), copy(person, ago(hours=1))
    move(person, "new@example.net", days=2)
    bounce(sent)
    assert not is_suppressed(person)
    bounce(sent_later)
    assert is_suppressed(person)


def test_a_complaint_is_the_persons_wherever_the_copy_went() -> None:
    person = reader("old@example.net")
    sent = copy(person, ago(days=3))
    move(person, "new@example.net", days=2)
    complain(sent)
    assert is_suppressed("new@example.net")


@pytest.mark.parametrize(("kind", "stopped"), [("complaint", True), ("bounce", False)])
def test_a_service_that_names_the_address_before_speaks_of_the_person_or_of_the_mailbox(
    kind: str, stopped: bool
) -> None:
    person = reader("old@example.net")
    move(person, "new@example.net", days=2)
    told = recipient("old@example.net")
    apply(Reading(kind, (told,), identity="service"), Origin("1", NOW), NOW)  # type: ignore[arg-type]
    assert is_suppressed("new@example.net") is stopped


def test_copies_of_both_are_the_ones_who_stays_and_a_complaint_about_any_is_heard() -> None:
    on_merge.connect()
    kept, gone = reader("kept@example.net"), reader("gone@example.net")
    shared = mailing()
    both = [
        Delivery.objects.create(mailing=shared, subscriber=person.pk, state="planned")
        for person in (kept, gone)
    ]
    alone = copy(gone, ago(days=2))
    merge.merge(kept, gone, NOW)
    alone.refresh_from_db()
    assert alone.subscriber == kept.pk
    # What is said about the second copy is still said about the person.
    Delivery.objects.filter(pk=both[1].pk).update(state="accepted", accepted_at=NOW - timedelta(hours=1))
    complain(both[1])
    assert FeedbackEvent.objects.get(kind="complaint").subscriber == kept.pk and is_suppressed(kept)
