"""Posts that are repeated, mixed up and read in pieces lead to the same state as one clean run.

Services offer a post again for a day at most, so events of one edition are mixed up, and editions are not.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.delivery.esp.message_parts_encoder import delivery_token
from mailer.delivery.models import Delivery
from mailer.feedback.models import FeedbackEvent, ReturnedMessage, SuppressionDecision, WebhookPayload
from mailer.feedback.webhooks.process_payloads import process_due
from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from tests import cast as everyone
from tests.feedback.webhooks.documented import FULL, SERVICES, SPAM, UNKNOWN, Message
from tests.reports import cast

pytestmark = pytest.mark.django_db
BEGINNING = cast.NOW
READERS, EDITIONS = 2, 6
# Tried against each reader's copies of six editions.
SAID = [FULL, SPAM, UNKNOWN, ""]
WHATS = ["bounced", "deferred", "delivered", "complained", "unsubscribed"]


class Told:
    """One event about one reader's copy of one edition."""

    def __init__(self, service, edition, reader, what, reply, hard, minutes, number) -> None:
        self.service = SERVICES[service]()
        self.snapshot = (edition, reader)
        self.what = what if hasattr(self.service, what) else "deferred"
        self.reply, self.hard, self.number = reply, hard, number
        self.at = BEGINNING + timedelta(days=30 * edition, minutes=minutes)
        self.bodies: dict[str, bytes] = {}

    def body(self, token: str) -> bytes:
        # The same each time that it is posted: Mailgun signs each request with a random token.
        return self.bodies.setdefault(token, self._body(token))

    def _body(self, token: str) -> bytes:
        message = Message(token, "", self.at, self.number)
        make = getattr(self.service, self.what)
        event = make(message, self.reply, self.hard) if self.what == "bounced" else make(message)
        return self.service.post(event, self.at).body

    def __repr__(self) -> str:
        return f"{self.service.name} {self.what} {self.reply[:9]!r} {self.snapshot}"


@st.composite
def stories(draw):
    """Events, the order and the repeats in which they are posted, and where the worker reads meanwhile."""
    services = draw(st.lists(st.sampled_from(sorted(set(SERVICES) - {"amazon_ses"})), min_size=1, max_size=2))
    events = [
        Told(
            draw(st.sampled_from(services)),
            draw(st.integers(0, EDITIONS - 1)),
            draw(st.integers(0, READERS - 1)),
            # Mostly bounces, of which it takes many.
            draw(st.sampled_from([*WHATS, "bounced", "bounced", "bounced"])),
            draw(st.sampled_from(SAID)),
            draw(st.booleans()),
            draw(st.integers(0, 600)),
            number,
        )
        for number in range(draw(st.integers(1, 10)))
    ]
    repeats = draw(st.lists(st.sampled_from(events), max_size=5))
    return events, draw(st.permutations(events + repeats)), draw(st.sets(st.integers(0, len(events))))


@pytest.fixture
def copies(db):
    """Each reader's copy of each edition; of the last one, nobody knows whether it left."""
    people = [everyone.reader(f"reader-{number}") for number in range(READERS)]
    monthly = MailingList.objects.get()
    made = {}
    for number in range(EDITIONS):
        edition = cast.edition(f"2022-{number + 1:02}")
        edition.newsletter.lists.set([monthly])
        edition.newsletter.save()
        mailing = cast.mailing(cast.snapshot(edition), audience=READERS)
        for reader, person in enumerate(people):
            last = number == EDITIONS - 1
            made[number, reader] = Delivery.objects.create(
                mailing=mailing,
                subscriber=person.pk,
                state="in_doubt" if last else "accepted",
                doubts=int(last),
                accepted_at=None if last else BEGINNING + timedelta(days=30 * number),
            )
    return made


def run(order, cuts, copies):
    """Post them in this order, edition by edition, the worker reading at the cuts; the state in the end."""
    with transaction.atomic():
        for edition in range(EDITIONS):
            now = BEGINNING + timedelta(days=30 * edition + 1)
            for place, event in enumerate(order):
                if event.snapshot[0] == edition:
                    body = event.body(delivery_token(copies[event.snapshot].pk))
                    name = event.service.name
                    WebhookPayload.objects.create(service=name, body=body, received_at=now, due_at=now)
                if place in cuts:
                    process_due(now, lambda: False)
            process_due(now, lambda: False)
        assert not WebhookPayload.objects.exists()
        found = state()
        transaction.set_rollback(True)
    return found


def state():
    events = FeedbackEvent.objects.exclude(kind="unsubscribe")
    return {
        "deliveries": list(
            Delivery.objects.order_by("pk").values_list("pk", "state", "bounced_at", "complained_at")
        ),
        "events": sorted(
            events.values_list(
                "source_key", "kind", "bounce_class", "reason", "delivery", "subscriber", "identity", "at"
            )
        ),
        "kept": sorted(ReturnedMessage.objects.values_list("sha256", "kind", "raw")),
        "unsubscribed": FeedbackEvent.objects.filter(kind="unsubscribe").count(),
        "subscriptions": list(Subscription.objects.order_by("pk").values_list("pk", "state")),
        "suppressed": sorted(Suppression.objects.values_list("address_hash", "reason", "lifted_at")),
        "decisions": sorted(SuppressionDecision.objects.values_list("subscriber", "rule", "state")),
        "readers": Subscriber.objects.count(),
    }


@settings(max_examples=18)
@given(story=stories())
def test_the_order_and_repeats_of_payloads_do_not_matter(copies, story) -> None:
    events, mixed, cuts = story
    clean = run(sorted(events, key=lambda one: one.at), set(), copies)
    assert run(mixed, cuts, copies) == clean
