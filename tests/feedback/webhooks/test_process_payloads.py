"""The worker reads what was posted: each event once, whatever else is in its post."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial

import pytest
from django.db import OperationalError
from django.utils import timezone

from mailer.feedback.decisions.apply_returned_mail import apply_all
from mailer.feedback.models import FeedbackEvent, ReturnedMessage, WebhookHeartbeat, WebhookPayload
from mailer.feedback.webhooks import process_payloads
from mailer.feedback.webhooks.process_payloads import RETRY, process_due
from subscribers import suppression
from subscribers.models import Suppression
from tests.feedback.webhooks.conftest import serve
from tests.feedback.webhooks.documented import FULL, UNKNOWN, Mailjet, SparkPost

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def never():
    return False


def keep(service, event, at=NOW):
    """A post as the web process leaves it."""
    return WebhookPayload.objects.create(
        service=service.name, body=service.post(event, at).body, received_at=at, due_at=at
    )


@pytest.mark.parametrize("what", ["bounced", "complained"])
def test_a_repeated_event_counts_once(esp, message, what) -> None:
    """Mailgun and Svix sign each attempt anew, so the posts themselves differ."""
    make_event = getattr(esp, what, None) or partial(esp.bounced, reply=UNKNOWN)
    event = esp.bounced(message, FULL) if what == "bounced" else make_event(message)
    for minutes in range(3):
        keep(esp, event, NOW + timedelta(minutes=minutes))
    assert process_due(NOW + timedelta(hours=1), never) == 3
    keep(esp, event)
    assert process_due(NOW, never) == 1
    heard = FeedbackEvent.objects.exclude(kind="unsubscribe")
    assert (heard.count(), ReturnedMessage.objects.count()) == (1, 1)
    assert not WebhookPayload.objects.exists()


def test_two_events_about_one_message_are_two(esp, message) -> None:
    for number in (1, 2):
        keep(esp, esp.bounced(message._replace(number=number), FULL, hard=False))
    process_due(NOW, never)
    assert FeedbackEvent.objects.count() == 2


def test_a_repeated_event_does_not_restore_a_removed_suppression(esp, message) -> None:
    event = esp.bounced(message, UNKNOWN)
    keep(esp, event)
    process_due(NOW, never)
    suppression.lift(Suppression.objects.get(), "admin", NOW)
    keep(esp, event)
    process_due(NOW, never)
    assert not suppression.is_suppressed(message.to)


def test_two_workers_process_a_payload_once(postmark, message) -> None:
    """Both have parsed it, and the second finds that the first was faster."""
    payload = keep(postmark, postmark.bounced(message, FULL))
    parsed = {payload.pk: list(process_payloads.acknowledge_and_parse_payload(payload))}
    assert process_payloads.apply_and_delete_payloads(parsed, NOW) == 1
    assert process_payloads.apply_and_delete_payloads(parsed, NOW) == 0
    assert FeedbackEvent.objects.count() == 1


def test_a_malformed_payload_is_retried_and_then_unclassified(esp) -> None:
    for body in (b"", b"\xff", b"7", b'"x"', b"null", b"[7]", b"[" * 50_000):
        WebhookPayload.objects.create(service=esp.name, body=body, received_at=NOW, due_at=NOW)
        moment = NOW
        for seconds in RETRY.schedule:
            assert process_due(moment, never) == 1
            assert process_due(moment, never) == 0, "it rests"
            assert not ReturnedMessage.objects.exists()
            moment += timedelta(seconds=seconds)
        assert process_due(moment, never) == 1
        kept = ReturnedMessage.objects.get()
        assert (kept.kind, kept.service) == ("other", esp.name)
        assert not WebhookPayload.objects.exists()
        kept.delete()


def test_an_irrelevant_event_stores_nothing(postmark) -> None:
    WebhookPayload.objects.create(
        service="postmark", body=b'{"RecordType": "Open"}', received_at=NOW, due_at=NOW
    )
    process_due(NOW, never)
    assert not ReturnedMessage.objects.exists() and not WebhookPayload.objects.exists()


@pytest.mark.parametrize("service", [Mailjet, SparkPost])
def test_one_malformed_event_of_a_list_delays_no_other(service, configure, monkeypatch, message) -> None:
    esp = serve(service(), configure, monkeypatch)
    one, another = (esp.bounced(message._replace(number=number), FULL, hard=False) for number in (1, 2))
    as_list = [*one, *another] if isinstance(one, list) else [one, another]
    as_list.insert(1, "no event")
    keep(esp, as_list)
    process_due(NOW, never)
    assert FeedbackEvent.objects.count() == 2
    left = WebhookPayload.objects.get()
    assert (json.loads(bytes(left.body)), left.attempts) == (as_list[1], 1)
    assert left.due_at == NOW + timedelta(seconds=RETRY.delay(1))


def test_an_event_that_cannot_be_applied_delays_no_other_and_is_retried(postmark, message) -> None:
    def fail_for_the_first(readings, now):
        # After all of it is done.
        apply_all(readings, now)
        if any(origin.key.endswith("1") for _, origin in readings):
            raise LookupError("unforeseen")

    keep(postmark, postmark.bounced(message._replace(number=1), FULL, hard=False))
    keep(postmark, postmark.bounced(message._replace(number=2), FULL, hard=False))
    process_due(NOW, never, fail_for_the_first)
    assert FeedbackEvent.objects.count() == ReturnedMessage.objects.count() == 1
    process_due(NOW + timedelta(seconds=RETRY.delay(1)), never)
    assert FeedbackEvent.objects.count() == 2


def test_a_database_error_undoes_the_whole_batch(postmark, message) -> None:
    def locked(*_):
        raise OperationalError("database is locked")

    keep(postmark, postmark.bounced(message, FULL))
    with pytest.raises(OperationalError):
        process_due(NOW, never, locked)
    left = WebhookPayload.objects.get()
    assert (left.attempts, ReturnedMessage.objects.count()) == (0, 0)
    process_due(NOW, never)
    assert FeedbackEvent.objects.count() == 1


def test_processing_stops_when_asked_to(postmark, message) -> None:
    keep(postmark, postmark.bounced(message, FULL))
    assert process_due(NOW, lambda: True) == 0
    assert WebhookPayload.objects.exists()


def test_characters_that_no_database_takes_are_removed(postmark, message) -> None:
    keep(postmark, postmark.bounced(message, "550 5.1.1 User\0 unknown \ud800"))
    process_due(NOW, never)
    assert FeedbackEvent.objects.get().reason == "unknown_user"


@pytest.mark.parametrize("days", [1, -400])
def test_an_impossible_date_is_replaced_by_the_time_of_receipt(esp, message, days) -> None:
    keep(esp, esp.bounced(message._replace(at=NOW + timedelta(days=days)), FULL))
    process_due(NOW, never)
    assert FeedbackEvent.objects.get().at == NOW


def test_an_event_with_an_invalid_date_resolves_a_delivery_in_doubt(postmark, message, delivery) -> None:
    delivery.state, delivery.accepted_at, delivery.doubts = "in_doubt", None, 1
    delivery.save()
    keep(postmark, postmark.delivered(message) | {"DeliveredAt": "0001-01-01T00:00:00+14:00"})
    process_due(NOW, never)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.accepted_at) == ("accepted", NOW)


def test_processing_records_a_heartbeat(postmark, message) -> None:
    for minutes in (5, 0):
        keep(postmark, postmark.delivered(message), NOW + timedelta(minutes=minutes))
    process_due(NOW + timedelta(minutes=5), never)
    contact = WebhookHeartbeat.objects.get()
    assert (contact.service, contact.payload_count, contact.last_received_at) == (
        "postmark",
        2,
        NOW + timedelta(minutes=5),
    )


def test_failures_are_logged_without_the_body(postmark, message, caplog) -> None:
    WebhookPayload.objects.create(
        service="postmark", body=json.dumps([message.to]).encode(), received_at=NOW, due_at=NOW
    )
    process_due(NOW, never)
    assert "action=webhook_event_failed service=postmark" in caplog.text
    assert message.to not in caplog.text
