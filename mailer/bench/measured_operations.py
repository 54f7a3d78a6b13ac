"""Measured operations: posting and processing webhook events, timing pages."""

from __future__ import annotations

import time
from statistics import median, quantiles
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Max
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailer.approval.models import Snapshot
from mailer.bench import webhooks
from mailer.bench.webhooks import SECRET
from mailer.delivery.esp import message_encoder
from mailer.delivery.models import Delivery, Mailing
from mailer.feedback.models import WebhookPayload
from mailer.feedback.webhooks.process_payloads import process_due
from subscribers.models import MailingList, Subscriber
from subscribers.segments.models import Segment


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
    ids = Delivery.objects.values_list("pk", flat=True)
    tokens = [message_encoder.delivery_token(delivery) for delivery in ids]
    posted = webhooks.post_events(int(port), SECRET, tokens, int(count), int(connections))
    took = sorted(posted.seconds)
    return {
        "done": posted.accepted,
        "p50_ms": took[len(took) // 2] * 1000,
        "p95_ms": took[len(took) * 95 // 100] * 1000,
    }


def read() -> int:
    """Process all stored posts."""
    return process_due(timezone.now(), lambda: False)


def time_pages(rounds: int) -> list[dict[str, Any]]:
    """Milliseconds, queries and size of each page about subscribers and the latest mailing."""
    browser, writer = Client(SERVER_NAME="127.0.0.1"), User.objects.get(username="writer")
    # The desk opens only to accounts with a second factor.
    Authenticator.objects.get_or_create(user=writer, type=Authenticator.Type.TOTP, defaults={"data": {}})
    browser.force_login(writer)
    return [{"what": name, **_page_figures(browser, address, rounds)} for name, address in _pages()]


def _pages() -> list[tuple[str, str]]:
    mailing = Mailing.objects.select_related("edition").latest("started_at")
    not_delivered = reverse("desk_edition:not_delivered", args=[mailing.edition_id])
    approved = Snapshot.objects.values_list("edition", flat=True).get(state=Snapshot.State.APPROVED)
    schedule = reverse("desk_edition:schedule", args=[approved])
    subscribers = reverse("desk_subscribers:index")
    half = (Subscriber.objects.aggregate(last=Max("pk"))["last"] or 0) // 2
    first = MailingList.objects.get(slug="first").pk
    filters = {
        "subscribers": "",
        "subscribers, middle page": f"after={half}",
        "part of an address, one": f"q=ader-{half}",
        "part of an address, many": "q=gmail",
        "part of a name, many": "q=nurlan",
        "two parts": "q=office-29+timur",
        "by list, the oldest": f"list={first}",
        "by state, few": "state=pending",
        "by state, many": "state=confirmed",
        "suppressed": "state=suppressed",
        "by language": "language=ru",
        "by country": "country=UZ",
        "all filters": f"q=gmail&list={first}&state=confirmed&language=ru&country=KZ",
    }
    return [
        *((name, f"{subscribers}?{query}") for name, query in filters.items()),
        ("subscriber", reverse("desk_subscribers:edit", args=[half])),
        ("lists", reverse("desk_lists:index")),
        ("segment, estimated", reverse("desk_segments:edit", args=[Segment.objects.get().pk])),
        ("suppressed addresses", reverse("desk_suppressions:index")),
        ("home page", reverse("wagtailadmin_home")),
        ("schedule", schedule),
        ("schedule, second step", f"{schedule}?when=now"),
        ("test emails", reverse("desk_edition:test", args=[approved])),
        ("progress", reverse("desk_edition:progress", args=[mailing.edition_id])),
        ("as a subscriber got it", reverse("desk_edition:delivered_email", args=[mailing.edition_id, half])),
        ("report", reverse("desk_edition:report", args=[mailing.edition_id])),
        ("recipients not reached", not_delivered),
        ("recipients not reached, last page", f"{not_delivered}?p=1000000"),
        ("recipients not reached, one reason", f"{not_delivered}?reason=suppressed"),
        ("trend", reverse("desk_trend", args=[mailing.edition.newsletter_id])),
        ("metrics", reverse("metrics")),
    ]


def _page_figures(browser: Client, address: str, rounds: int) -> dict[str, Any]:
    # The first request loads templates and other things that are loaded once.
    browser.get(address)
    with CaptureQueriesContext(connection) as captured:
        response = browser.get(address)
        queries = len(captured)
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}")
    busy = time.process_time()
    taken = [_milliseconds(browser, address) for _ in range(rounds)]
    busy = (time.process_time() - busy) * 1000
    return {
        "p50_ms": round(median(taken)),
        "p95_ms": round(quantiles(taken, n=20)[-1]),
        "cpu_ms": round(busy / rounds),
        "queries": queries,
        "kilobytes": len(response.content) // 1024,
    }


def _milliseconds(browser: Client, address: str) -> float:
    started = time.perf_counter()
    browser.get(address)
    return (time.perf_counter() - started) * 1000
