"""Fixtures in the measured process: an approved edition of a given message size, subscribers, an import."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from mailer import link_tracking
from mailer.approval import approve, submit
from mailer.bench import clicks, history_fixture
from mailer.delivery.ledger.attempts import ClaimedDelivery
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import jobs
from mailer.delivery.smtp.connect import open_session
from mailer.delivery.smtp.envelope import Envelope
from mailer.delivery.smtp.message import message_builder
from mailer.delivery.smtp.relays import Relay
from mailer.editions.assemble import assemble
from mailer.editions.contents import content_of
from mailer.editions.models import Edition, Newsletter, NewsletterText
from mailer.rendering import transfer_encoding, variants
from mailer.stories.models import Story, StoryText
from subscribers.imports import jobs as import_jobs
from subscribers.models import MailingList

NOW = datetime(2021, 12, 3, 4, 0, tzinfo=UTC)
# Inserted by SQL, because a million rows are needed.
_READERS = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %s)
INSERT INTO subscribers_subscriber (email, address_hash, name, language, countries, created_at, updated_at)
SELECT 'reader-' || i || '@example.net', {hash}, '', 'en', '', %s, %s FROM n
"""
_SUBSCRIPTIONS = """
INSERT INTO subscribers_subscription (subscriber_id, mailing_list_id, state, source, created_at, confirmed_at)
SELECT id, %s, 'confirmed', '', %s, %s FROM subscribers_subscriber
"""
# Approximate octets of all headers and boundaries.
_HEADERS = 1_500
_SENTENCE = "Representatives of five countries met, and agreed on what is to be done next year. "


def prepare(readers: int, size: int) -> None:
    """Create tables, subscribers, and the scheduled edition; its message has about `size` octets."""
    call_command("migrate", verbosity=0)
    add_readers(readers)
    writer = User.objects.create_superuser("writer", "writer@example.org", "the writer's password")
    approver = User.objects.create_superuser("approver", "approver@example.org", "the approver's password")
    edition = _edition()
    _fill(edition, size)
    snapshot = submit.submit(edition, writer, NOW)
    approve.approve(snapshot, approver, snapshot.sha256, NOW)
    approve.schedule(snapshot, approver, NOW, NOW)


def add_readers(count: int) -> None:
    """Add confirmed subscribers of all countries to the one list."""
    chosen, _ = MailingList.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(history_fixture.execute(_READERS), [count, NOW, NOW])
        cursor.execute(_SUBSCRIPTIONS, [chosen.pk, NOW, NOW])
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE subscribers_subscriber, subscribers_subscription")


def plan() -> Mailing:
    """Start and plan the mailing."""
    (mailing,) = jobs.start_due(NOW)
    return mailing


def clock() -> Callable[[], datetime]:
    """A clock that continues from the mailing's start."""
    started = time.monotonic()
    return lambda: NOW + timedelta(seconds=time.monotonic() - started)


def hand_over_one(port: int) -> None:
    """Send the first message to a server on loopback, without a change of the ledger."""
    row = Delivery.objects.order_by("pk")[0]
    assert row.variant_id is not None
    claimed = ClaimedDelivery(
        row.pk, row.mailing_id, 1, row.variant_id, row.subscriber, "reader-0@example.net", "", ()
    )
    (make,) = message_builder().messages(row.mailing, [claimed], NOW)
    asyncio.run(_deliver(port, make()))


def follow_link(port: int, requests: int, connections: int) -> int:
    """Follow a link of the message this many times on a web process; returns the number of redirects."""
    variant = Delivery.objects.values_list("variant", flat=True)[0]
    assert variant is not None
    return asyncio.run(clicks.follow(port, link_tracking.link_path(variant, 1), requests, connections))


async def _deliver(port: int, envelope: Envelope) -> None:
    session = await open_session(Relay("127.0.0.1", port))
    await session.deliver(envelope, lambda: None)
    await session.quit()


def _edition() -> Edition:
    newsletter = Newsletter(
        slug="bench",
        name="Bench Monthly",
        office="Regional Office",
        postal_address="12 Example Street, Almaty",
        sender_name="Regional Office",
        sender_email="news@example.org",
        countries=("KZ", "KG", "TJ", "TM", "UZ"),
        languages=("en",),
        fallbacks=("en",),
        zone="Asia/Almaty",
        assemble_day=3,
    )
    newsletter.texts = [NewsletterText(language="en", tagline="News from five countries")]
    newsletter.save()
    newsletter.lists.add(MailingList.objects.get(slug="bench"))
    story = Story(key="bench", date=date(2021, 11, 20), link="https://example.org/bench")
    story.texts = [
        StoryText(language="en", headline="A year of work", summary="What was done.", body="<p>x</p>")
    ]
    story.save()
    story.save_revision().publish()
    return assemble(newsletter, "2021-12", NOW)


def _fill(edition: Edition, size: int) -> None:
    """Lengthen the story until the message has the size."""
    story = Story.objects.get(key="bench")
    (short, few), (long, many) = ((_size(edition, story, count), count) for count in (10, 110))
    _size(edition, story, few + round((size - short) * (many - few) / (long - short)))


def _size(edition: Edition, story: Story, sentences: int) -> int:
    text = story.texts.get()
    text.body = f"<p>{_SENTENCE * 4}</p>" * (sentences // 4)
    story.texts = [text]
    story.save()
    story.save_revision().publish()
    rendered = variants.render(content_of(edition), (), "en")
    return (
        transfer_encoding.smallest(rendered.html).size
        + transfer_encoding.smallest(rendered.text).size
        + _HEADERS
    )


def prepare_list() -> str:
    """Create tables and an empty list."""
    call_command("migrate", verbosity=0)
    return MailingList.objects.create(slug="bench", name="Bench").slug


def import_file(file: str) -> dict[str, Any]:
    """Import a file with its dry run; returns its figures and the seconds of each step."""
    options = import_jobs.ImportOptions(MailingList.objects.get(), "bench", "bench")
    marks = [time.perf_counter()]
    job = import_jobs.create(Path(file).name, options, timezone.now())
    with Path(file).open("rb") as stream:
        import_jobs.read_file(job, stream, timezone.now, with_dry_run=False)
    marks.append(time.perf_counter())
    import_jobs.dry_run(job)
    job.save()
    marks.append(time.perf_counter())
    import_jobs.start_apply(job, "bench", timezone.now())
    import_jobs.RUNNER.run(job, timezone.now, lambda: False)
    marks.append(time.perf_counter())
    steps = ("read", "compare", "apply")
    spent = {step: after - before for step, before, after in zip(steps, marks, marks[1:], strict=False)}
    # The figure `read` is the number of rows here.
    return {**{name: job.result[name] for name in ("added", "updated", "unchanged")}, **spent}
