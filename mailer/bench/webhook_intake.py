"""What services tell, measured: posted, kept and read, over deliveries that were planned before."""

from __future__ import annotations

from django.utils import timezone

from mailer.bench import poster
from mailer.bench.webhooks import SECRET
from mailer.delivery.esp import message
from mailer.delivery.models import Delivery
from mailer.feedback.webhooks.models import ServicePost
from mailer.feedback.webhooks.process import work_off


def accept() -> int:
    """Every delivery left."""
    return Delivery.objects.update(state=Delivery.State.ACCEPTED, accepted_at=timezone.now())


def commit(rows: str) -> int:
    """Keep so many posts one by one, and throw them away again."""
    for _ in range(int(rows)):
        ServicePost.objects.create(service="postmark", body=b"x" * 400)
    ServicePost.objects.all().delete()
    return int(rows)


def post(port: str, count: str, connections: str) -> dict[str, float]:
    """Post so many events; how many were taken, and how long one took."""
    tokens = [message.delivery_token(number) for number in Delivery.objects.values_list("pk", flat=True)]
    posted = poster.post(int(port), SECRET, tokens, int(count), int(connections))
    took = sorted(posted.seconds)
    return {
        "done": posted.taken,
        "p50_ms": took[len(took) // 2] * 1000,
        "p95_ms": took[len(took) * 95 // 100] * 1000,
    }


def read() -> int:
    """Put all of it into effect."""
    return work_off(timezone.now(), lambda: False)
