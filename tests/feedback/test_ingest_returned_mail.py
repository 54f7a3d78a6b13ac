from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import DataError, OperationalError

from mailer.delivery import message_identifiers
from mailer.delivery.ledger import recover_and_finish
from mailer.delivery.models import Delivery, OutboxMessage
from mailer.feedback import ingest_returned_mail, subscriber_signal_receivers
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from subscribers import suppression
from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from tests.feedback.parsing.test_parse import sample
from tests.reports import cast

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = cast.NOW + timedelta(days=1)
READER = "aigerim@readers.example.net"


@pytest.fixture
def aigerim() -> Subscriber:
    """A confirmed reader of the newsletter's only list."""
    person = Subscriber.objects.create(email=READER)
    monthly = MailingList.objects.create(slug="monthly", name="Monthly")
    Subscription.objects.create(subscriber=person, mailing_list=monthly, state="confirmed")
    return person


@pytest.fixture
def delivery(aigerim: Subscriber) -> Delivery:
    """Her copy of an edition, accepted by the next server."""
    edition = cast.edition()
    edition.newsletter.lists.set(MailingList.objects.all())
    edition.newsletter.save()
    mailing = cast.mailing(cast.snapshot(edition), audience=1)
    return Delivery.objects.create(
        mailing=mailing, subscriber=aigerim.pk, state="accepted", accepted_at=cast.NOW
    )


def to(address: str, name: str) -> bytes:
    return f"Delivered-To: {address}\n".encode() + sample(name)


def test_a_signed_hard_bounce_suppresses_with_evidence(delivery: Delivery) -> None:
    received = ingest_returned_mail.ingest_message(
        to(message_identifiers.envelope_sender(delivery.pk), "postfix-unknown.eml"), NOW
    )
    delivery.refresh_from_db()
    assert (delivery.state, delivery.bounced_at) == ("accepted", NOW)
    event = FeedbackEvent.objects.get()
    assert (event.kind, event.bounce_class, event.identity) == ("bounce", "hard", "verp")
    assert (event.subscriber, event.newsletter) == (
        delivery.subscriber,
        delivery.mailing.edition.newsletter_id,
    )
    evidence = Suppression.objects.get().evidence
    for part in (
        "User unknown",
        "5.1.1",
        "rule: unknown user",
        NOW.date().isoformat(),
        received.message.sha256,
    ):
        assert part in evidence
    assert Suppression.objects.get().reason == "hard_bounce"


def test_a_bounce_without_a_token_suppresses_and_marks_nothing(delivery: Delivery) -> None:
    ingest_returned_mail.ingest_message(sample("postfix-unknown.eml"), NOW)
    delivery.refresh_from_db()
    assert delivery.bounced_at is None
    assert FeedbackEvent.objects.get().identity == "recipient"
    assert not suppression.is_suppressed(READER)


def test_a_soft_bounce_marks_the_delivery_only(delivery: Delivery) -> None:
    ingest_returned_mail.ingest_message(
        to(message_identifiers.envelope_sender(delivery.pk), "postfix-full-under-5.1.1.eml"), NOW
    )
    delivery.refresh_from_db()
    assert delivery.bounced_at == NOW
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    "name",
    ["spamhaus-refused.eml", "dmarc-refused.eml", "delay-report.eml", "report-of-success.eml", "away-ru.eml"],
)
def test_blocks_delays_receipts_and_auto_replies_never_suppress(delivery: Delivery, name: str) -> None:
    ingest_returned_mail.ingest_message(to(message_identifiers.envelope_sender(delivery.pk), name), NOW)
    assert not Suppression.objects.exists()


def test_a_delay_marks_nothing(delivery: Delivery) -> None:
    ingest_returned_mail.ingest_message(
        to(message_identifiers.envelope_sender(delivery.pk), "delay-report.eml"), NOW
    )
    delivery.refresh_from_db()
    assert delivery.bounced_at is None
    assert not FeedbackEvent.objects.exists()


def test_a_bounce_of_a_refused_delivery_is_stored_without_a_mark(delivery: Delivery) -> None:
    Delivery.objects.update(state="refused")
    ingest_returned_mail.ingest_message(
        to(message_identifiers.envelope_sender(delivery.pk), "postfix-unknown.eml"), NOW
    )
    delivery.refresh_from_db()
    assert (delivery.state, delivery.bounced_at) == ("refused", None)
    assert FeedbackEvent.objects.count() == 1


def test_a_bounce_proves_that_a_delivery_in_doubt_was_accepted(delivery: Delivery) -> None:
    Delivery.objects.update(state="in_doubt", accepted_at=None)
    ingest_returned_mail.ingest_message(
        to(message_identifiers.envelope_sender(delivery.pk), "postfix-unknown.eml"), NOW
    )
    recover_and_finish.settle_or_resend_in_doubt(NOW)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.bounced_at, delivery.accepted_at) == ("accepted", NOW, NOW)


def test_five_monthly_soft_bounces_suppress_the_address(aigerim: Subscriber) -> None:
    for month in range(1, 6):
        mailing = cast.mailing(cast.snapshot(cast.edition(f"2021-{month:02}")), audience=1)
        moment = NOW + timedelta(days=30 * month)
        copy = Delivery.objects.create(
            mailing=mailing, subscriber=aigerim.pk, state="accepted", accepted_at=moment
        )
        ingest_returned_mail.ingest_message(
            to(message_identifiers.envelope_sender(copy.pk), "postfix-full-under-5.1.1.eml"), moment
        )
        assert suppression.is_suppressed(READER) is (month == 5)
    assert Suppression.objects.get().reason == "soft_bounces"


def test_a_signed_complaint_suppresses_and_unsubscribes(aigerim: Subscriber, delivery: Delivery) -> None:
    ingest_returned_mail.ingest_message(
        to(message_identifiers.envelope_sender(delivery.pk), "arf-abuse.eml"), NOW
    )
    delivery.refresh_from_db()
    assert delivery.complained_at == NOW
    assert Suppression.objects.get().reason == "complaint"
    assert Subscription.objects.get().state == "unsubscribed"


@pytest.mark.parametrize("name", ["arf-not-spam.eml", "arf-auth-failure.eml", "arf-virus.eml"])
def test_other_feedback_reports_change_nothing(delivery: Delivery, name: str) -> None:
    ingest_returned_mail.ingest_message(to(message_identifiers.envelope_sender(delivery.pk), name), NOW)
    assert not Suppression.objects.exists()
    assert Subscription.objects.get().state == "confirmed"


def test_mail_to_the_unsubscribe_address_unsubscribes_and_records_an_event(
    aigerim: Subscriber, delivery: Delivery
) -> None:
    subscriber_signal_receivers.connect_signals()
    newsletter = delivery.mailing.edition.newsletter_id
    raw = (
        f"From: {READER}\nTo: {message_identifiers.unsubscribe_address(aigerim.pk, newsletter)}\n\n".encode()
    )
    ingest_returned_mail.ingest_message(raw, NOW)
    assert Subscription.objects.get().state == "unsubscribed"
    event = FeedbackEvent.objects.get()
    assert (event.kind, event.subscriber, event.newsletter) == ("unsubscribe", aigerim.pk, newsletter)
    assert not Suppression.objects.exists()


def test_the_same_message_with_other_line_ends_is_stored_once(delivery: Delivery) -> None:
    raw = to(message_identifiers.envelope_sender(delivery.pk), "postfix-unknown.eml")
    assert ingest_returned_mail.ingest_message(raw, NOW).new
    assert not ingest_returned_mail.ingest_message(raw.replace(b"\n", b"\r\n"), NOW).new
    assert (ReturnedMessage.objects.count(), FeedbackEvent.objects.count()) == (1, 1)


def test_the_same_message_does_not_renew_a_lifted_suppression(delivery: Delivery) -> None:
    raw = to(message_identifiers.envelope_sender(delivery.pk), "postfix-unknown.eml")
    ingest_returned_mail.ingest_message(raw, NOW)
    suppression.lift(Suppression.objects.get(), "admin", NOW)
    ingest_returned_mail.ingest_message(raw, NOW)
    assert not suppression.is_suppressed(READER)


def test_a_bounce_of_an_erased_subscriber_is_stored_under_their_id(
    aigerim: Subscriber, delivery: Delivery
) -> None:
    number = aigerim.pk
    aigerim.delete()
    ingest_returned_mail.ingest_message(
        to(message_identifiers.envelope_sender(delivery.pk), "postfix-unknown.eml"), NOW
    )
    assert FeedbackEvent.objects.get().subscriber == number
    assert not Suppression.objects.exists()


def test_a_message_that_cannot_be_applied_is_stored_as_unclassified(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(reading: Any, *_: Any) -> None:
        if reading.kind != "other":
            raise LookupError("nobody thought of this")

    monkeypatch.setattr(ingest_returned_mail, "apply_one", stumble)
    received = ingest_returned_mail.ingest_message(sample("postfix-unknown.eml"), NOW)
    assert received.message.kind == "other"


def test_one_message_to_two_addresses_is_two(delivery: Delivery) -> None:
    other = Delivery.objects.create(mailing=delivery.mailing, subscriber=4711, state="accepted")
    raw = sample("postfix-unknown.eml")
    for copy in (delivery, other, delivery):
        ingest_returned_mail.ingest_message(raw, NOW, message_identifiers.envelope_sender(copy.pk))
    assert set(FeedbackEvent.objects.values_list("delivery", flat=True)) == {delivery.pk, other.pk}
    assert ReturnedMessage.objects.count() == 2


def test_the_envelope_recipient_is_stored_and_cannot_inject_a_field() -> None:
    message = ingest_returned_mail.ingest_message(
        b"Subject: x\r\n\r\n", NOW, "b+1@example.org\r\nX-Other: 1"
    ).message
    assert bytes(message.raw) == b"Delivered-To: b+1@example.orgX-Other: 1\nSubject: x\r\n\r\n"


def test_sender_and_subject_are_stored_decoded() -> None:
    head = b"From: =?utf-8?b?0JTQsNC90LA=?= <dana@ministry.example>\n"
    raw = head + b"Subject: =?utf-8?q?Danke=0A=E2=80=AEfdp?=\n\n"
    message = ingest_returned_mail.ingest_message(raw, NOW).message
    assert (message.sender, message.subject) == ("Дана <dana@ministry.example>", "Danke  fdp")


def test_a_subject_that_names_no_charset_is_stored_as_it_was_written() -> None:
    raw = b"From: dana@ministry.example\nSubject: " + "Письмо не доставлено".encode("cp1251") + b"\n\n\xff"
    assert ingest_returned_mail.ingest_message(raw, NOW).message.subject == "Письмо не доставлено"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\n",
        b"Subject: " + b"x" * 100_000,
        b"From: =?x?b?%%?=\n\n",
        b"Subject: =?utf-8?b?a?=\n\n",
    ],
)
def test_any_input_is_stored(raw: bytes) -> None:
    assert ingest_returned_mail.ingest_message(raw, NOW).message.kind == "other"


def test_a_database_outage_stores_nothing(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("the connection is closed")

    with monkeypatch.context() as broken, pytest.raises(OperationalError):
        broken.setattr(ingest_returned_mail, "apply_one", away)
        ingest_returned_mail.ingest_message(
            to(message_identifiers.envelope_sender(delivery.pk), "postfix-unknown.eml"), NOW
        )
    assert not ReturnedMessage.objects.exists()


def test_a_bounce_that_the_database_rejects_is_stored_as_unclassified(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = ingest_returned_mail.apply_one

    def refused(reading: Any, *rest: Any) -> None:
        if reading.kind == "bounce":
            raise DataError("value too long")
        genuine(reading, *rest)

    monkeypatch.setattr(ingest_returned_mail, "apply_one", refused)
    received = ingest_returned_mail.ingest_message(
        to(message_identifiers.envelope_sender(delivery.pk), "postfix-unknown.eml"), NOW
    )
    assert received.message.kind == "other"


def test_no_message_is_ever_answered(delivery: Delivery) -> None:
    for name in ("letter.eml", "challenge.eml", "away-en.eml", "read-receipt.eml", "postfix-unknown.eml"):
        ingest_returned_mail.ingest_message(to(message_identifiers.envelope_sender(delivery.pk), name), NOW)
    assert mail.outbox == []
    assert not OutboxMessage.objects.exists()
