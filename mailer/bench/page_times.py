"""Times the desk's pages in one process, as a member of staff."""

from __future__ import annotations

import time
from statistics import median, quantiles
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Max
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from mailer.delivery.models import Mailing
from subscribers.models import MailingList, Subscriber
from subscribers.segments.models import Segment


def time_pages(rounds: int) -> list[dict[str, Any]]:
    """Milliseconds, queries and size of each page about subscribers and the latest mailing."""
    browser = Client(SERVER_NAME="127.0.0.1")
    browser.force_login(User.objects.get(username="writer"))
    return [{"what": name, **_measured(browser, address, rounds)} for name, address in _pages()]


def _pages() -> list[tuple[str, str]]:
    mailing = Mailing.objects.select_related("edition").latest("started_at")
    unreached = reverse("desk_edition:not_delivered", args=[mailing.edition_id])
    people = reverse("desk_subscribers:index")
    half = (Subscriber.objects.aggregate(last=Max("pk"))["last"] or 0) // 2
    first = MailingList.objects.get(slug="first").pk
    asked = {
        "subscribers": "",
        "in their middle": f"after={half}",
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
        "all of these": f"q=gmail&list={first}&state=confirmed&language=ru&country=KZ",
    }
    return [
        *((name, f"{people}?{query}") for name, query in asked.items()),
        ("person", reverse("desk_subscribers:edit", args=[half])),
        ("lists", reverse("desk_lists:index")),
        ("segment, estimated", reverse("desk_segments:edit", args=[Segment.objects.get().pk])),
        ("suppressed addresses", reverse("desk_suppressions:index")),
        ("desk", reverse("wagtailadmin_home")),
        ("report", reverse("desk_edition:report", args=[mailing.edition_id])),
        ("who was not reached", unreached),
        ("the last page of it", f"{unreached}?p=1000000"),
        ("of one reason", f"{unreached}?reason=suppressed"),
        ("edition by edition", reverse("desk_trend", args=[mailing.edition.newsletter_id])),
    ]


def _measured(browser: Client, address: str, rounds: int) -> dict[str, Any]:
    # The first request loads templates and other things that are loaded once.
    browser.get(address)
    with CaptureQueriesContext(connection) as asked:
        answer = browser.get(address)
        queries = len(asked)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")
    busy = time.process_time()
    taken = [_milliseconds(browser, address) for _ in range(rounds)]
    busy = (time.process_time() - busy) * 1000
    return {
        "p50_ms": round(median(taken)),
        "p95_ms": round(quantiles(taken, n=20)[-1]),
        "cpu_ms": round(busy / rounds),
        "queries": queries,
        "kilobytes": len(answer.content) // 1024,
    }


def _milliseconds(browser: Client, address: str) -> float:
    started = time.perf_counter()
    browser.get(address)
    return (time.perf_counter() - started) * 1000
