"""Measured operations: posting and processing webhook events, timing pages."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.models import Max
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailer.bench import feed_polling as feeds
from mailer.bench import webhooks
from mailer.bench.webhooks import SECRET
from mailer.delivery.esp import message_parts_encoder
from mailer.delivery.models import Delivery, Mailing
from mailer.editions.models import Edition, Newsletter
from mailer.feedback.models import ReturnedMessage, SuppressionDecision, WebhookPayload
from mailer.feedback.webhooks.process_payloads import process_due
from mailer.outgoing_webhooks.models import WebhookEndpoint
from mailer.stories.models import Story, StorySource, StorySourceItem
from subscribers.models import ImportJob, MailingList, Segment, Subscriber, Tag

# A page that takes so long in all is not requested again.
_LONGEST_MS = 20_000
# Newsletters with a draft, a submitted and an approved edition.
OPEN = ("draft", "submitted", "approved")


def mark_all_deliveries_accepted() -> int:
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
    tokens = [message_parts_encoder.delivery_token(delivery) for delivery in ids]
    posted = webhooks.post_events(int(port), SECRET, tokens, int(count), int(connections))
    took = sorted(posted.seconds)
    return {
        "done": posted.accepted,
        "p50_ms": took[len(took) // 2] * 1000,
        "p95_ms": took[len(took) * 95 // 100] * 1000,
    }


def process_stored_webhook_posts() -> int:
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
    """Name and address of every page that staff work with."""
    return [
        *_home_pages(),
        *_story_pages(),
        *_edition_pages(),
        *_mailing_pages(),
        *_subscriber_pages(),
        *_other_pages(),
    ]


def _with_queries(what: str, address: str, queries: dict[str, str]) -> list[tuple[str, str]]:
    return [(f"{what}{name}", f"{address}?{query}") for name, query in queries.items()]


def _home_pages() -> list[tuple[str, str]]:
    return [
        ("home page and checklist", reverse("wagtailadmin_home")),
        ("notifications", reverse("desk_notifications")),
        ("help", reverse("desk_help")),
    ]


def _story_pages() -> list[tuple[str, str]]:
    listed = reverse("desk_stories:list")
    month = f"{timezone.localdate():%Y-%m}"
    filters = {
        "": "",
        ", last page": "p=167",
        ", by kind": "kind=event",
        ", by month": f"period={month}",
        ", by country": "country=KZ",
        ", a translation missing": "translation=missing:ru",
        ", all translated": "translation=all",
        ", drafts": "ready=no",
        ", in an edition": "used=yes",
        ", in no edition": "used=no",
        ", search": "q=village",
        ", by headline": "ordering=__str__",
    }
    story = Story.objects.filter(live=True).exclude(picture=None)[0].pk
    return [
        *_with_queries("stories", listed, filters),
        ("story", reverse("desk_stories:edit", args=[story])),
        ("new story", reverse("desk_stories:add")),
        ("preview of a story", reverse("desk_story:preview", args=[story])),
        ("history of a story", reverse("desk_stories:history", args=[story])),
        ("pictures", reverse("wagtailimages:index")),
        ("sources", reverse("desk_sources")),
        ("source", reverse("desk_source", args=[StorySource.objects.order_by("pk")[0].pk])),
        ("suggestions", reverse("desk_story_suggestions")),
        ("emails with stories", reverse("desk_story_mail")),
        ("Word documents", reverse("desk_word_upload")),
    ]


def _edition_pages() -> list[tuple[str, str]]:
    draft, submitted, approved = (Newsletter.objects.get(slug=slug).editions.get().pk for slug in OPEN)
    schedule = reverse("desk_edition:schedule", args=[approved])
    block = Edition.objects.get(pk=draft).body.raw_data[0]["id"]

    def page(name: str, edition: int) -> str:
        return reverse(f"desk_edition:{name}", args=[edition])

    return [
        *_with_queries("editions", reverse("desk_editions:list"), {"": "", ", last page": "p=4"}),
        ("workbench", reverse("desk_editions:edit", args=[draft])),
        ("workbench, search", f"{reverse('desk_editions:edit', args=[draft])}?q=village"),
        ("workbench, checks", page("checks", draft)),
        ("settings of an edition", page("settings", draft)),
        ("new block", page("block_add", draft)),
        ("block", reverse("desk_edition:block_edit", args=[draft, block])),
        ("preview and matrix", page("variants", draft)),
        ("preview, one variant", f"{page('variants', draft)}?country=KZ&language=ru&as=phone"),
        ("submit", page("submit", draft)),
        ("review", page("review", submitted)),
        ("review: checks now", page("review_checks", submitted)),
        ("test emails", page("test", approved)),
        ("dry run", page("dry_run", approved)),
        ("schedule", schedule),
        ("schedule, confirmation", f"{schedule}?when=now"),
        ("newsletters", reverse("desk_newsletters:index")),
        ("newsletter", reverse("desk_newsletters:edit", args=[Newsletter.objects.get(slug="bench").pk])),
        ("glossary", reverse("desk_glossary", args=[Newsletter.objects.get(slug="bench").pk])),
        ("calendar", reverse("desk_calendar")),
        ("translations", page("translations", draft)),
        ("assemble", reverse("desk_assemble", args=[Newsletter.objects.get(slug="bench").pk])),
    ]


def _mailing_pages() -> list[tuple[str, str]]:
    mailing = Mailing.objects.select_related("edition").latest("started_at")
    first = Mailing.objects.earliest("started_at")
    edition, some = mailing.edition_id, _middle_subscriber()
    not_delivered = reverse("desk_edition:not_delivered", args=[edition])
    return [
        ("progress", reverse("desk_edition:progress", args=[edition])),
        ("as a subscriber got it", reverse("desk_edition:delivered_email", args=[edition, some])),
        ("report", reverse("desk_edition:report", args=[edition])),
        ("report, five years ago", reverse("desk_edition:report", args=[first.edition_id])),
        ("recipients not reached", not_delivered),
        ("recipients not reached, last page", f"{not_delivered}?p=1000000"),
        ("recipients not reached, one reason", f"{not_delivered}?reason=suppressed"),
        ("trend", reverse("desk_trend", args=[mailing.edition.newsletter_id])),
    ]


def _middle_subscriber() -> int:
    return (Subscriber.objects.aggregate(last=Max("pk"))["last"] or 0) // 2


def _subscriber_pages() -> list[tuple[str, str]]:
    subscribers = reverse("desk_subscribers:index")
    half = _middle_subscriber()
    first = MailingList.objects.get(slug="first").pk
    tag, segment = Tag.objects.get().pk, Segment.objects.get().pk
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
        "by tag": f"tag={tag}",
        "by segment": f"segment={segment}",
        "all filters": f"q=gmail&list={first}&state=confirmed&language=ru&country=KZ",
    }
    return [
        *_with_queries("", subscribers, filters),
        ("subscriber", reverse("desk_subscribers:edit", args=[half])),
        ("erase a subscriber", reverse("desk_erase", args=[half])),
        ("export of subscribers", reverse("desk_export")),
        ("merge a subscriber", reverse("desk_merge", args=[half])),
        ("lists", reverse("desk_lists:index")),
        ("list", reverse("desk_lists:edit", args=[first])),
        ("health of the lists", reverse("desk_list_health")),
        ("segments", reverse("desk_segments:index")),
        ("segment, estimated", reverse("desk_segments:edit", args=[segment])),
        ("tags", reverse("desk_tags:index")),
        ("custom fields", reverse("desk_fields:index")),
        ("bulk jobs", reverse("desk_bulk_jobs")),
        ("reconfirmations", reverse("desk_reconfirmations")),
        *_import_pages(),
        *_with_queries(
            "suppressed addresses",
            reverse("desk_suppressions:index"),
            {"": "", ", last page": "p=200", ", search": "q=reader-7"},
        ),
    ]


def _import_pages() -> list[tuple[str, str]]:
    waiting = ImportJob.objects.get(state=ImportJob.State.READY).pk
    applied = ImportJob.objects.filter(state=ImportJob.State.APPLIED)[0].pk
    unread = ImportJob.objects.get(state=ImportJob.State.MAPPING).pk
    return [
        ("imports", reverse("desk_imports:index")),
        ("new import", reverse("desk_imports:add")),
        ("import, columns", reverse("desk_import_columns", args=[unread])),
        ("import, dry run", reverse("desk_import", args=[waiting])),
        ("import, applied", reverse("desk_import", args=[applied])),
    ]


def _other_pages() -> list[tuple[str, str]]:
    replies, decisions = reverse("desk_replies:index"), reverse("desk_suppression_decisions:index")
    log = reverse("wagtailadmin_reports:site_history")
    message = ReturnedMessage.objects.filter(kind="other", triaged_at=None)[0].pk
    writer = User.objects.get(username="writer").pk
    return [
        *_with_queries(
            "returned messages", replies, {"": "", ", all": "show=all", ", search": "q=reader-77"}
        ),
        ("returned message", reverse("desk_reply", args=[message])),
        *_with_queries("suppression decisions", decisions, {"": "", ", held": "state=held"}),
        (
            "suppression decision",
            reverse("desk_suppression_decision", args=[SuppressionDecision.objects.latest("pk").pk]),
        ),
        *_with_queries(
            "audit log",
            log,
            {
                "": "",
                ", last page": "p=2000",
                ", one user": f"user={writer}",
                ", one action": "action=desk.submit",
            },
        ),
        ("webhooks", reverse("desk_webhooks")),
        ("webhook", reverse("desk_webhook", args=[WebhookEndpoint.objects.get().pk])),
        ("accounts", reverse("wagtailusers_users:index")),
        ("account", reverse("wagtailusers_users:edit", args=[writer])),
        ("roles", reverse("wagtailusers_groups:index")),
        ("API keys", reverse("desk_api_keys")),
        ("checks of the installation", reverse("desk_checks")),
        ("own account", reverse("wagtailadmin_account")),
        ("metrics", reverse("metrics")),
    ]


def _page_figures(browser: Client, address: str, rounds: int) -> dict[str, Any]:
    """The figures of a page; without rounds, only what one request shows."""
    if rounds:
        # The first request loads templates and other things that are loaded once.
        browser.get(address)
    with CaptureQueriesContext(connection) as captured:
        response = browser.get(address)
        queries = len(captured)
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}")
    figures = {"queries": queries, "kilobytes": len(response.content) // 1024}
    if not rounds:
        return figures
    busy = time.process_time()
    taken: list[float] = []
    while len(taken) < rounds and (len(taken) < 2 or sum(taken) < _LONGEST_MS):
        taken.append(_milliseconds(browser, address))
    busy = (time.process_time() - busy) * 1000
    return {
        "p50_ms": round(median(taken)),
        "p95_ms": round(quantiles(taken, n=20)[-1]),
        "cpu_ms": round(busy / len(taken)),
        **figures,
    }


def _milliseconds(browser: Client, address: str) -> float:
    started = time.perf_counter()
    browser.get(address)
    return (time.perf_counter() - started) * 1000


def add_sources(sources: str, entries_per_feed: str, port: str, entries_recorded: str) -> int:
    """Add this many feeds of the server at `port`; with `entries_recorded` "1" all entries are recorded."""
    from mailer.stories.draft_fields_from_source_entry import (
        digest_of,  # loads much that other measurements do without
    )
    from mailer.stories.sources.feed import parse
    from mailer.stories.sources.reader_interface import from_json

    call_command("migrate", verbosity=0)
    first, now = StorySource.objects.count(), timezone.now()
    for number in range(first, first + int(sources)):
        url = feeds.address(number, int(port))
        source = StorySource.objects.create(name=f"Office {number}", url=url, countries=("KZ",))
        if entries_recorded == "1":
            entries = parse(feeds.feed(number, int(entries_per_feed)), url=url, content_type=feeds.TYPE)[
                "items"
            ]
            StorySourceItem.objects.bulk_create(
                StorySourceItem(
                    source=source,
                    item_id=item.id,
                    digest=digest_of(item),
                    first_seen_at=now,
                    seen_at=now,
                    content={},
                    suggestion={},
                )
                for item in map(from_json, entries)
            )
    return int(sources)


def gather(how: str = "", port: str = "", give_up: str = "") -> dict[str, float]:
    """Poll every source, or those that were never polled; the memory of this process on the way.

    `how`: "no validators" asks for full answers again; "hangs" adds a source at `port` that never answers,
    and polls give up after so many seconds.
    """
    from mailer.stories.sources import polling
    from mailer.stories.sources.polite_fetch import PollLimits

    if how == "no validators":
        _forget_validators()
    sources = list(StorySource.objects.filter(last_success_at=None)) or list(StorySource.objects.all())
    limits, hanging = PollLimits(), None
    if how == feeds.HANGING:
        url = f"http://127.250.0.1:{port}/{feeds.HANGING}"
        hanging = StorySource.objects.create(name="A hanging source", url=url)
        limits = PollLimits(seconds=float(give_up))
        sources.insert(0, hanging)
    started = last = time.perf_counter()
    before, failed, resident = Story.objects.count(), 0, [0]
    for result in polling.poll(sources, timezone.now, limits, allow_loopback=True):
        if result.source == hanging:
            continue
        failed += bool(result.problem)
        resident.append(_resident_mb())
        last = time.perf_counter()
    done = len(resident) - 1
    return {
        "done": done,
        "failed": failed,
        "drafts": Story.objects.count() - before,
        "seconds_of_answers": last - started,
        "rss_quarter": max(resident[: done // 4 + 1]),
    }


def _forget_validators() -> None:
    """Let servers send their answers in full, which are the same as before."""
    for source in StorySource.objects.all():
        source.validators = {name: source.validators[name] for name in source.validators if name == "body"}
        source.save(update_fields=["validators"])


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() >> 20
