"""What a reader is given who asks for all that is kept about them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client

from mailer.delivery.models import Delivery, Mailing
from mailer.feedback.decisions.apply import apply
from mailer.feedback.parsing.records import EventSource, ParsedReturn, Recipient
from mailer.tracking.recording import event_buffer
from subscribers.models import Subscriber
from subscribers.privacy.data_access import collect
from tests.cast import NOW
from tests.tracking.conftest import Sent, by_consent

pytestmark = pytest.mark.both_databases

Mails = Callable[[str], Sent]


@by_consent
def test_clicks_by_name_are_exported(sent: Mails, phone: Client) -> None:
    reader = Subscriber.objects.get(email="reader-0@example.net")
    reader.tracking_consent_at = NOW
    reader.save()
    other = Subscriber.objects.get(email="reader-1@example.net")
    phone.get(sent("reader-0").links[0])
    phone.get(sent("reader-0").picture)
    event_buffer.flush()
    told = collect(reader)["tracking_events"]
    assert [(one["kind"], one["edition"]) for one in told] == [
        ("click", "silk-road-monthly-2021-12"),
        ("open", "silk-road-monthly-2021-12"),
    ]
    assert told[0]["link"].startswith("https://example.org/") and told[1]["link"] is None
    assert collect(other)["tracking_events"] == []


def test_deliveries_and_bounces_are_exported_as_json(mailing: Mailing) -> None:
    reader = Subscriber.objects.get(email="reader-0@example.net")
    snapshot = Delivery.objects.get(mailing=mailing, subscriber=reader.pk)
    Delivery.objects.filter(pk=snapshot.pk).update(state="accepted", accepted_at=NOW, reply="250 ok")
    words = Recipient(reader.email, status="5.1.1", diagnostic="550 5.1.1 nobody", bounce_class="hard")
    apply(
        ParsedReturn("bounce", (words,), delivery=snapshot.pk, identity="verp"),
        EventSource("mail 1", NOW),
        NOW,
    )
    told = json.loads(json.dumps(collect(reader)))
    assert [(one["state"], one["at"], one["reply"]) for one in told["deliveries"]] == [
        ("accepted", NOW.isoformat(timespec="seconds"), "250 ok")
    ]
    assert [(one["kind"], one["class"], one["diagnostic"]) for one in told["feedback"]] == [
        ("bounce", "hard", "550 5.1.1 nobody")
    ]
    assert [one["state"] for one in told["suppression_decisions"]] == ["applied"]
    assert told["subscriptions"] and told["email"] == reader.email
