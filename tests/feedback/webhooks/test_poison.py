"""Events that no service documents: whatever they hold, those behind them are read."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.feedback.models import FeedbackEvent, WebhookPayload
from mailer.feedback.webhooks.process_payloads import RETRY, process_due
from tests.feedback.webhooks.documented import FULL, SERVICES, AmazonSes

pytestmark = pytest.mark.django_db
NOW = timezone.now()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
WHATS = ["bounced", "deferred", "delivered", "complained", "unsubscribed", "suppressed"]


def spoilt(draw, event):
    """The event with something else in one of its places, or without it."""
    places = list(_places(event, ()))
    *way, last = draw(st.sampled_from(places))
    spot = event
    for step in way:
        spot = spot[step]
    if isinstance(spot, dict) and draw(st.booleans()):
        del spot[last]
    else:
        spot[last] = draw(JSON)
    return event


def _places(value, way):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*way, key)
        yield from _places(inner, (*way, key))


@st.composite
def poison(draw, message):
    service = SERVICES[draw(st.sampled_from(sorted(SERVICES)))]()
    what = draw(st.sampled_from([what for what in WHATS if hasattr(service, what)]))
    make = getattr(service, what)
    event = make(message, FULL) if what == "bounced" else make(message)
    if isinstance(service, AmazonSes) and draw(st.booleans()):
        event["Message"] = json.dumps(spoilt(draw, json.loads(event["Message"])))
    else:
        event = spoilt(draw, event)
    return service.name, event


@settings(max_examples=24)
@given(data=st.data())
def test_a_malformed_event_delays_no_other_and_is_retried_to_an_end(postmark, message, data) -> None:
    name, event = data.draw(poison(message))
    good = postmark.post(postmark.bounced(message._replace(number=77), FULL), NOW).body
    with transaction.atomic():
        for service, body in ((name, json.dumps(event).encode()), ("postmark", good)):
            WebhookPayload.objects.create(service=service, body=body, received_at=NOW, due_at=NOW)
        assert process_due(NOW, lambda: False) == 2
        assert FeedbackEvent.objects.filter(source_key__startswith="postmark Bounce 4000077").exists()
        moment = NOW
        for seconds in RETRY.schedule:
            moment += timedelta(seconds=seconds)
            process_due(moment, lambda: False)
        assert not WebhookPayload.objects.exists()
        transaction.set_rollback(True)


def test_a_payload_is_not_processed_before_it_is_due(postmark, message) -> None:
    WebhookPayload.objects.create(
        service="postmark", body=b"{", received_at=NOW, due_at=NOW + timedelta(minutes=1)
    )
    assert process_due(NOW, lambda: False) == 0
