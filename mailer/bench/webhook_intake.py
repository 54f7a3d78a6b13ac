"""Webhook events in the measured process: posted, stored and processed."""

from __future__ import annotations

from django.utils import timezone

from mailer.bench import poster
from mailer.bench.webhooks import SECRET
from mailer.delivery.esp import message
from mailer.delivery.models import Delivery
from mailer.feedback.webhooks.models import WebhookPayload
from mailer.feedback.webhooks.process import process_due


def accept() -> int:
    """Mark every delivery as accepted."""
    return Delivery.objects.update(state=Delivery.State.ACCEPTED, accepted_at=timezone.now())


def commit(rows: str) -> int:
    """Store this many posts one by one, and delete them again."""
    for _ in range(int(rows)):
        WebhookPayload.objects.create(service="postmark", body=b"x" * 400)
    WebhookPayload.objects.all().delete()
    return int(rows)


def post(port: str, count: str, connections: str) -> dict[str, float]:
    """Post this many events; how many were accepted, and how long one took."""
    tokens = [message.delivery_token(number) for number in Delivery.objects.values_list("pk", flat=True)]
    posted = poster.post_events(int(port), SECRET, tokens, int(count), int(connections))
    took = sorted(posted.seconds)
    return {
        "done": posted.taken,
        "p50_ms": took[len(took) // 2] * 1000,
        "p95_ms": took[len(took) * 95 // 100] * 1000,
    }


def read() -> int:
    """Process all stored posts."""
    return process_due(timezone.now(), lambda: False)
