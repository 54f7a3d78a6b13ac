"""How messages are delivered: signed, retried, given up; and where they are never sent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from mailer.delivery.models import Alert
from mailer.outgoing_webhooks import deliver, endpoints, events
from mailer.outgoing_webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from tests.logs import note_secrets
from tests.outgoing_webhooks.conftest import Receiver

pytestmark = pytest.mark.django_db


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def made(receiver: Receiver) -> tuple[WebhookEndpoint, str]:
    endpoint, secret = endpoints.create("CRM", receiver.url, ["mailing.finished"], "lola", timezone.now())
    note_secrets([secret])
    return endpoint, secret


def run(clock: Clock, later: timedelta = timedelta()) -> int:
    clock.now += later
    return deliver.deliver_due(clock, lambda: False)


def test_a_message_is_signed_so_that_the_schemes_own_library_accepts_it(
    receiver: Receiver, clock: Clock
) -> None:
    endpoint, secret = made(receiver)
    events.queue_messages("mailing.finished", [{"mailing": 7}], clock.now)
    assert run(clock) == 1
    ((headers, body),) = receiver.requests
    found = Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    assert (found["type"], found["data"]) == ("mailing.finished", {"mailing": 7})
    assert headers["webhook-id"] == WebhookMessage.objects.get().message_id
    assert secret.encode() not in bytes(endpoint.secret)
    assert run(clock, timedelta(days=1)) == 0
    assert len(receiver.requests) == 1


def test_a_replaced_secret_signs_for_a_day_beside_the_new_one(receiver: Receiver, clock: Clock) -> None:
    endpoint, old = made(receiver)
    new = endpoints.rotate_secret(endpoint, clock.now)
    note_secrets([new])
    assert new != old
    for later, old_works in ((timedelta(), True), (timedelta(hours=25), False)):
        deliver.queue_test_message(endpoint, clock.now)
        # The library refuses times that are not now, so that only the signature's secrets differ here.
        clock.now += later
        run(clock)
        headers, body = receiver.requests[-1]
        sent = {name.lower(): value for name, value in headers.items()}
        signatures = sent["webhook-signature"].split()
        assert len(signatures) == (2 if old_works else 1)
        if old_works:
            for secret in (old, new):
                Webhook(secret).verify(body, sent)
            with pytest.raises(WebhookVerificationError):
                Webhook(old).verify(body + b" ", sent)


def test_failures_are_retried_for_three_days_and_then_given_up(receiver: Receiver, clock: Clock) -> None:
    endpoint, _ = made(receiver)
    receiver.status = 500
    events.queue_messages("mailing.finished", [{"mailing": 7}], clock.now)
    began, one = clock.now, WebhookMessage.objects.get()
    for _ in range(40):
        run(clock, timedelta(hours=2))
        one.refresh_from_db()
        if one.state == WebhookMessage.State.FAILED:
            break
    assert one.attempts == len(receiver.requests) == WebhookAttempt.objects.count()
    assert timedelta(days=3) < clock.now - began < timedelta(days=5)
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    assert {attempt.status for attempt in one.log.all()} == {500}
    receiver.status = 200
    deliver.requeue(one, clock.now)
    assert run(clock) == 1
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since) == (0, None)


def test_an_endpoint_does_not_wait_for_all_messages_of_another(
    receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "_BATCH", 4)
    made(receiver)
    events.queue_messages("mailing.finished", [{"mailing": number} for number in range(9)], clock.now)
    other, _ = made(receiver)
    deliver.queue_test_message(other, clock.now)
    assert run(clock) == 4
    delivered = WebhookMessage.objects.filter(state=WebhookMessage.State.DELIVERED)
    assert delivered.filter(endpoint=other).count() == 1
    bodies = [json.loads(body)["data"].get("mailing") for _, body in receiver.requests]
    assert [one for one in bodies if one is not None] == [0, 1, 2]
    assert [run(clock), run(clock), run(clock)] == [4, 2, 0]


def test_messages_of_a_failing_endpoint_wait_and_others_do_not(receiver: Receiver, clock: Clock) -> None:
    failing, _ = made(receiver)
    # The discard port, where nothing listens.
    failing.url = "http://127.0.0.1:9/"
    failing.save()
    working, _ = made(receiver)
    events.queue_messages("mailing.finished", [{"mailing": number} for number in range(3)], clock.now)
    assert run(clock) == 3
    assert WebhookAttempt.objects.filter(message__endpoint=failing).count() == 1
    assert WebhookAttempt.objects.filter(message__endpoint=failing, status=None).exists()
    assert run(clock) == 0
    assert working.messages.filter(state="delivered").count() == 3


def test_an_endpoint_that_fails_for_days_is_deactivated(receiver: Receiver, clock: Clock) -> None:
    endpoint, _ = made(receiver)
    receiver.status = 503
    for _ in range(8):
        events.queue_messages("mailing.finished", [{"mailing": 7}], clock.now)
        run(clock, timedelta(days=1))
    endpoint.refresh_from_db()
    assert not endpoint.active
    alert = Alert.objects.get(kind=f"webhook_endpoint_{endpoint.pk}")
    assert alert.path == f"/desk/webhooks/{endpoint.pk}/"
    receiver.status = 200
    waiting = endpoint.messages.filter(state="waiting").count()
    assert waiting > 0
    assert run(clock, timedelta(days=1)) == 0
    endpoints.set_active(endpoint, active=True)
    assert run(clock) == waiting


def test_gone_deactivates_at_once(receiver: Receiver, clock: Clock) -> None:
    endpoint, _ = made(receiver)
    receiver.status = 410
    deliver.queue_test_message(endpoint, clock.now)
    run(clock)
    endpoint.refresh_from_db()
    assert not endpoint.active


def test_no_redirect_is_followed(receiver: Receiver, clock: Clock) -> None:
    endpoint, _ = made(receiver)
    receiver.status, receiver.location = 302, receiver.url
    deliver.queue_test_message(endpoint, clock.now)
    assert run(clock) == 0
    assert [attempt.status for attempt in WebhookAttempt.objects.all()] == [302]
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example.org/",
        "https://user:pass@crm.example.org/",
        "https://crm.example.org:8443/",
        "https:///path",
        "ftp://crm.example.org/",
        "https://[::1",
        "javascript:alert(1)",
    ],
)
def test_only_plain_https_addresses_are_accepted(url: str) -> None:
    with pytest.raises(endpoints.InvalidUrl):
        endpoints.create("CRM", url, ["mailing.finished"], "lola", timezone.now())
    assert not WebhookEndpoint.objects.exists()


def test_nothing_is_sent_into_the_offices_own_network(clock: Clock) -> None:
    endpoint, _ = endpoints.create("CRM", "https://127.0.0.1/", ["mailing.finished"], "lola", clock.now)
    deliver.queue_test_message(endpoint, clock.now)
    assert run(clock) == 0
    attempt = WebhookAttempt.objects.get()
    assert attempt.status is None
    assert "public" in attempt.error


def test_old_messages_are_deleted_with_their_attempts(receiver: Receiver, clock: Clock) -> None:
    endpoint, _ = made(receiver)
    deliver.queue_test_message(endpoint, clock.now)
    run(clock)
    deliver.queue_test_message(endpoint, clock.now)
    assert deliver.delete_old(clock.now + timedelta(days=31)) == 2
    assert [one.state for one in WebhookMessage.objects.all()] == ["waiting"]
    assert json.loads(WebhookMessage.objects.get().body)["type"] == "test"
    # No server waits for the messages of an endpoint that was deactivated.
    endpoints.set_active(endpoint, False)
    assert deliver.delete_old(clock.now + timedelta(days=29)) == 0
    assert deliver.delete_old(clock.now + timedelta(days=31)) == 1


def test_two_workers_send_no_message_twice(receiver: Receiver, clock: Clock, monkeypatch: Any) -> None:
    endpoint, _ = made(receiver)
    deliver.queue_test_message(endpoint, clock.now)
    claim = deliver._claim

    def claimed_by_another(one: WebhookMessage, now: datetime) -> bool:
        assert claim(WebhookMessage.objects.get(pk=one.pk), now)
        return claim(one, now)

    monkeypatch.setattr(deliver, "_claim", claimed_by_another)
    assert run(clock) == 0
    assert receiver.requests == []


def test_a_secret_that_cannot_be_decrypted_is_a_failed_attempt_with_its_reason(
    receiver: Receiver, clock: Clock
) -> None:
    endpoint, _ = made(receiver)
    broken, _ = made(receiver)
    WebhookEndpoint.objects.filter(pk=broken.pk).update(secret=b"of other keys")
    for one in (broken, endpoint):
        deliver.queue_test_message(one, clock.now)
    assert run(clock) == 1
    attempt = WebhookAttempt.objects.get(message__endpoint=broken)
    assert attempt.status is None and attempt.error
    # A new secret helps, though the old one, which signs beside it for a day, cannot be decrypted.
    broken.refresh_from_db()
    note_secrets([endpoints.rotate_secret(broken, clock.now)])
    assert run(clock, timedelta(hours=1)) == 1
