"""The personal data export: clicks and opens that are stored under a subscriber's name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from mailer.tracking.record_events import event_buffer
from subscribers.models import Subscriber
from subscribers.privacy.data_access import collect_data
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
    phone.get(sent("reader-0").pixel)
    event_buffer.flush()
    data = collect_data(reader)["tracking_events"]
    assert [(one["kind"], one["edition"]) for one in data] == [
        ("click", "silk-road-monthly-2021-12"),
        ("open", "silk-road-monthly-2021-12"),
    ]
    assert data[0]["link"].startswith("https://example.org/") and data[1]["link"] is None
    assert collect_data(other)["tracking_events"] == []
