"""Fixtures in the measured process: an approved edition of a given message size, subscribers, an import.

A large history, of editions sent to many subscribers, is inserted by SQL.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from mailer import link_tracking
from mailer.approval import snapshot_hashes, snapshot_state_changes, submit
from mailer.approval.models import Approval, Snapshot, SnapshotVariant
from mailer.bench import clicks, desk_history, page_load_times
from mailer.bench.desk_history import Amounts
from mailer.delivery.ledger.attempt_types_and_retry_schedule import ClaimedDelivery
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import advance_mailings
from mailer.delivery.smtp.envelope_and_commands import Envelope
from mailer.delivery.smtp.message_encoder import message_builder
from mailer.delivery.smtp.relays import Relay
from mailer.delivery.smtp.session_setup import open_session
from mailer.editions.assemble import create_edition_unless_exists
from mailer.editions.models import Edition, Newsletter, NewsletterText
from mailer.editions.rendering_input import content_of
from mailer.rendering import mime_encoding, variants
from mailer.rendering.edition_period import Period
from mailer.reports.models import MailingStats
from mailer.reports.stats import Stats, Totals
from mailer.stories.models import Story, StoryText
from mailer.tracking.models import DailyEventCount, VariantAudience
from subscribers import tokens
from subscribers.imports import job_lifecycle
from subscribers.models import MailingList, Subscriber
from subscribers.segments import segments
from subscribers.segments.models import Segment
from subscribers.segments.rule_format import Condition, Group

NOW = datetime(2021, 12, 3, 4, 0, tzinfo=UTC)
LANGUAGES = ("en", "ru", "kk")
_STORY_DAY = date(2021, 11, 20)
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
# A third of the subscribers use Gmail, half with the region's large providers, the rest in small domains.
_HISTORY_READERS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)
INSERT INTO subscribers_subscriber
    (id, email, address_hash, name, language, countries, created_at, updated_at)
SELECT i, 'reader-' || i || '@' || CASE i %% 10
        WHEN 0 THEN 'mail.ru' WHEN 1 THEN 'bk.ru' WHEN 2 THEN 'yandex.kz' WHEN 3 THEN 'yandex.ru'
        WHEN 4 THEN 'office-' || (i %% 3000) || '.example' WHEN 5 THEN 'umail.uz' WHEN 6 THEN 'outlook.com'
        ELSE 'gmail.com' END,
    {hash}, CASE i %% 3 WHEN 0 THEN '' WHEN 1 THEN 'Aigul ' || i ELSE 'Timur Nurlanov' END,
    CASE i %% 7 WHEN 0 THEN 'en' WHEN 1 THEN 'kk' ELSE 'ru' END,
    CASE i %% 5 WHEN 0 THEN '' WHEN 1 THEN 'UZ' WHEN 2 THEN 'KZ,UZ' ELSE 'KZ' END, %s, %s
FROM n
"""
# Of a thousand, five are pending and twenty unsubscribed; the other list has the first subscribers.
_INSERT_SUBSCRIPTIONS = """
INSERT INTO subscribers_subscription (subscriber_id, mailing_list_id, state, source, created_at, confirmed_at)
SELECT id, %s, CASE WHEN id %% 200 = 9 THEN 'pending' WHEN id %% 50 = 8 THEN 'unsubscribed'
    ELSE 'confirmed' END, 'bench', created_at, created_at FROM subscribers_subscriber
"""
_FIRST = """
INSERT INTO subscribers_subscription (subscriber_id, mailing_list_id, state, source, created_at, confirmed_at)
SELECT id, %s, 'confirmed', 'bench', created_at, created_at FROM subscribers_subscriber WHERE id * 10 <= %s
"""
_SUPPRESSIONS = """
INSERT INTO subscribers_suppression
    (address_hash, email, reason, evidence, created_at, lifted_by, reopened_by)
SELECT address_hash, email, 'hard_bounce', '550 5.1.1', created_at, '', '' FROM subscribers_subscriber
WHERE id % 100 = 7
"""
_DELIVERIES = """
INSERT INTO mailer_delivery (mailing_id, subscriber, state, variant_id, countries, reason, claimed_by,
    attempts, doubts, reply, accepted_at, bounced_at, complained_at)
SELECT %(mailing)s, id, state,
    CASE WHEN state <> 'excluded' THEN
        CASE language WHEN 'en' THEN %(en)s WHEN 'ru' THEN %(ru)s ELSE %(kk)s END END,
    countries, CASE state WHEN 'excluded' THEN 'suppressed' WHEN 'refused' THEN 'refused' ELSE '' END, '',
    CASE WHEN state = 'excluded' THEN 0 ELSE 1 END, 0,
    CASE state WHEN 'accepted' THEN '250 2.0.0 Ok: queued' WHEN 'refused'
        THEN '550 5.1.1 <reader-' || id || '@example.net>: user unknown' ELSE '' END,
    CASE WHEN state = 'accepted' THEN {after(id %% 9000)} END,
    CASE WHEN state = 'accepted' AND id %% 100 = 33 THEN {after(10800)} END,
    CASE WHEN state = 'accepted' AND id %% 2000 = 34 THEN {after(18000)} END
FROM (SELECT id, language, countries, CASE WHEN id %% 100 = 7 THEN 'excluded'
    WHEN id %% (250 + 40 * (%(mailing)s %% 4)) = 11 THEN 'refused' ELSE 'accepted' END AS state
    FROM subscribers_subscriber) p
"""
_BOUNCES = """
INSERT INTO mailer_feedbackevent (kind, bounce_class, reason, status, diagnostic, rule, identity, delivery_id,
    mailing_id, provider, subscriber, newsletter, at, source_key, reply_fingerprint)
SELECT 'bounce', CASE WHEN id %% 3 = 0 THEN 'soft' ELSE 'hard' END,
    CASE WHEN id %% 3 = 0 THEN 'mailbox_full' ELSE 'unknown_user' END, '', '', '', 'verp', id, mailing_id, '',
    subscriber, %(newsletter)s, bounced_at, 'bench ' || id, ''
FROM mailer_delivery WHERE mailing_id = %(mailing)s AND bounced_at IS NOT NULL
"""
_DEPARTURES = """
INSERT INTO mailer_feedbackevent (kind, bounce_class, reason, status, diagnostic, rule, identity, provider,
    subscriber, newsletter, at, reply_fingerprint)
SELECT 'unsubscribe', '', '', '', '', '', '', '', subscriber, %(newsletter)s,
    {after(86400)}, ''
FROM mailer_delivery WHERE mailing_id = %(mailing)s AND subscriber %% 500 = 5
"""


def prepare(readers: int, size: int) -> None:
    """Create tables, subscribers, and the scheduled edition; its message has about `size` octets."""
    call_command("migrate", verbosity=0)
    add_readers(readers)
    schedule(size)


def schedule(size: int, now: datetime = NOW) -> None:
    """Create and schedule the edition, due at `now`; its message has about `size` octets."""
    writer = User.objects.create_superuser("writer", "writer@example.org", "the writer's password")
    approver = User.objects.create_superuser("approver", "approver@example.org", "the approver's password")
    edition = _edition()
    _fill(edition, size)
    snapshot = submit.submit(edition, writer, now)
    snapshot_state_changes.approve(snapshot, approver, snapshot.sha256, now)
    snapshot_state_changes.schedule(snapshot, approver, now, now)


def add_readers(count: int) -> None:
    """Add confirmed subscribers of all countries to the one list."""
    chosen, _ = MailingList.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(adapt_sql_to_database(_READERS), [count, NOW, NOW])
        cursor.execute(_SUBSCRIPTIONS, [chosen.pk, NOW, NOW])
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE subscribers_subscriber, subscribers_subscription")


def plan() -> Mailing:
    """Start and plan the mailing."""
    (mailing,) = advance_mailings.create_and_start_or_hold_due_mailings(NOW)
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


def time_unsubscribe_page_during_sign_ins(
    port: int, clients: int, networks: str, seconds: float
) -> dict[str, float]:
    """Let clients post wrong passwords while a reader opens the unsubscribe page; its milliseconds."""
    subscriber, newsletter = Subscriber.objects.values_list("pk", flat=True)[0], Newsletter.objects.get()
    path = f"/unsubscribe/{tokens.make_token('unsubscribe', subscriber, newsletter.pk)}/"
    return asyncio.run(
        page_load_times.time_page_during_failed_sign_ins(port, path, clients, networks, seconds)
    )


async def _deliver(port: int, envelope: Envelope) -> None:
    session = await open_session(Relay("127.0.0.1", port))
    await session.deliver(envelope, lambda: None)
    await session.quit()


def _edition() -> Edition:
    newsletter = _newsletter(MailingList.objects.get(slug="bench"), ("KZ", "KG", "TJ", "TM", "UZ"), ("en",))
    _story("bench", "A year of work", ("en",))
    return create_edition_unless_exists(newsletter, "2021-12", NOW)


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
        mime_encoding.smaller_of_quoted_printable_and_base64(rendered.html).size
        + mime_encoding.smaller_of_quoted_printable_and_base64(rendered.text).size
        + _HEADERS
    )


def prepare_list() -> str:
    """Create tables and an empty list."""
    call_command("migrate", verbosity=0)
    return MailingList.objects.create(slug="bench", name="Bench").slug


def import_file(file: str) -> dict[str, Any]:
    """Import a file with its dry run; returns its figures and the seconds of each step."""
    options = job_lifecycle.ImportOptions(MailingList.objects.get(), "bench", "bench")
    marks = [time.perf_counter()]
    job = job_lifecycle.create(Path(file).name, options, timezone.now())
    with Path(file).open("rb") as stream:
        job_lifecycle.read_file(job, stream, timezone.now, with_dry_run=False)
    marks.append(time.perf_counter())
    job_lifecycle.dry_run(job)
    job.save()
    marks.append(time.perf_counter())
    job_lifecycle.start_apply(job, "bench", timezone.now())
    job_lifecycle.RUNNER.run(job, timezone.now, lambda: False)
    marks.append(time.perf_counter())
    steps = ("read", "compare", "apply")
    spent = {step: after - before for step, before, after in zip(steps, marks, marks[1:], strict=False)}
    # The figure `read` is the number of rows here.
    return {**{name: job.result[name] for name in ("added", "updated", "unchanged")}, **spent}


def fill(readers: int, mailings: int, amounts: Amounts = desk_history.FIVE_YEARS) -> list[Mailing]:
    """Create tables, subscribers and an office's history; the mailings with deliveries, newest first.

    Of so many editions, sent to all subscribers, there are deliveries; earlier ones have only figures.
    """
    call_command("migrate", verbosity=0)
    writer = User.objects.create_superuser("writer", "writer@example.org", "the writer's password")
    approver = User.objects.create_superuser("approver", "approver@example.org", "the approver's password")
    now = timezone.now()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # Durability does not matter here.
            cursor.execute("PRAGMA synchronous = OFF")
        if readers:
            cursor.execute(adapt_sql_to_database(_HISTORY_READERS), [readers, now, now])
        mailing_list = MailingList.objects.create(slug="bench", name="Bench")
        newsletter = _newsletter(mailing_list, desk_history.COUNTRIES, LANGUAGES)
        cursor.execute(_INSERT_SUBSCRIPTIONS, [mailing_list.pk])
        first = MailingList.objects.create(slug="first", name="The first readers")
        cursor.execute(_FIRST, [first.pk, readers])
        cursor.execute(_SUPPRESSIONS)
    _segment(mailing_list, now)
    stories = desk_history.add_stories(LANGUAGES, writer, amounts, now)
    sent = _history(newsletter, stories, writer, approver, readers, mailings, amounts, now)
    _open_editions(newsletter, stories, writer, approver, now)
    desk_history.add_sources(stories, now)
    desk_history.add_logs_imports_and_returned_mail(_run, writer, approver, amounts, now)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # As autovacuum does within minutes.
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("SELECT setval('subscribers_subscriber_id_seq', %s)", [max(1, readers)])
    return sent


def _run(statement: str, values: dict[str, Any]) -> None:
    """Run a statement with those of the values that it names."""
    text = adapt_sql_to_database(statement)
    with connection.cursor() as cursor:
        cursor.execute(text, {key: values[key] for key in values if f"%({key})s" in text})


def _history(
    newsletter: Newsletter,
    stories: list[Story],
    writer: User,
    approver: User,
    readers: int,
    mailings: int,
    amounts: Amounts,
    now: datetime,
) -> list[Mailing]:
    """An edition of each month before this one, sent to all subscribers; the mailings with deliveries."""
    last = Period.at(now, newsletter.zone).previous
    began = datetime(last.first_day.year, last.first_day.month, 3, 4, tzinfo=UTC)
    latest = submit.submit(_open_edition(newsletter, last, stories, writer, began), writer, began)
    copies = [latest, *(_earlier(latest, months) for months in range(1, amounts.months))]
    editions = [one.edition for one in copies]
    desk_history.fill_editions(editions[1:], stories, writer, now)
    sent = [_mailing(snapshot, approver, readers) for snapshot in copies]
    for mailing in sent[:mailings]:
        _add_deliveries(mailing, readers)
    totals = Totals(audience=readers, accepted=readers)
    stats = Stats(totals=totals)
    MailingStats.objects.bulk_create(
        MailingStats(
            mailing=mailing,
            stats=stats.as_dict(),
            totals=totals.as_dict(),
            unsubscribes=0,
            event_count=0,
            collected_at=now,
            collect_seconds=3,
        )
        for mailing in sent[mailings:]
    )
    return sent[:mailings]


def _open_edition(
    newsletter: Newsletter, period: Period, stories: list[Story], writer: User, now: datetime
) -> Edition:
    edition: Edition = Edition.objects.create(newsletter=newsletter, period=str(period), live=False)
    desk_history.fill_editions([edition], stories, writer, now)
    return edition


def _open_editions(
    newsletter: Newsletter, stories: list[Story], writer: User, approver: User, now: datetime
) -> None:
    """An approved edition, one that waits for approval, and a draft: in newsletters of their own."""
    for slug, steps in (("approved", 2), ("submitted", 1), ("draft", 0)):
        other = _newsletter(newsletter.lists.get(), desk_history.COUNTRIES, LANGUAGES, slug)
        edition = _open_edition(other, Period.at(now, other.zone), stories, writer, now)
        if steps:
            snapshot = submit.submit(edition, writer, now)
        if steps == 2:
            snapshot_state_changes.approve(snapshot, approver, snapshot.sha256, now)


def adapt_sql_to_database(statement: str) -> str:
    """The statement in the database's dialect; {hash} becomes 16 octets that are unique for each i."""
    if connection.vendor == "postgresql":
        unhash, after = (
            "decode(md5(i::text), 'hex')",
            r"CAST(%(began)s AS timestamptz) + (\1) * interval '1 s'",
        )
    else:
        unhash, after = "randomblob(16)", r"datetime(%(began)s, (\1) || ' seconds')"
    return re.sub(r"\{after\(([^)]*)\)\}", after, statement.replace("{hash}", unhash))


def _segment(mailing_list: MailingList, now: datetime) -> None:
    """Russian-speaking subscribers with three deliveries and no bounce."""
    rule = Group(
        "all",
        (
            Condition("list", "on", (mailing_list.pk,)),
            Condition("language", "one_of", ("ru",)),
            Condition("received", "at_least", (3,)),
            Condition("bounced", "never"),
        ),
    )
    segments.save(Segment(), "Faithful", rule, "writer", now)


def _newsletter(
    mailing_list: MailingList, countries: tuple[str, ...], languages: tuple[str, ...], slug: str = "bench"
) -> Newsletter:
    newsletter = Newsletter(
        slug=slug,
        name=f"{slug.title()} Monthly",
        office="Regional Office",
        postal_address="12 Example Street, Almaty",
        sender_name="Regional Office",
        sender_email="news@example.org",
        countries=countries,
        languages=languages,
        fallbacks=("en",),
        zone="Asia/Almaty",
    )
    newsletter.texts = [NewsletterText(language="en", tagline="News from these countries")]
    newsletter.save()
    newsletter.lists.add(mailing_list)
    return newsletter


def _story(key: str, headline: str, languages: tuple[str, ...], day: date = _STORY_DAY) -> None:
    story = Story(key=key, date=day, link=f"https://example.org/{key}")
    story.texts = [
        StoryText(language=code, headline=headline, summary="What was done.", body="<p>x</p>")
        for code in languages
    ]
    story.save()
    story.save_revision().publish()


def _earlier(latest: Snapshot, months: int) -> Snapshot:
    """The same snapshot as an edition of earlier months."""
    span = Period.parse(latest.edition.period)
    for _ in range(months):
        span = span.previous
    period = str(span)
    edition = Edition.objects.create(newsletter=latest.edition.newsletter, period=period)
    variants = list(latest.variants.all())
    snapshot = Snapshot.objects.get(pk=latest.pk)
    snapshot.pk, snapshot.edition, snapshot.sha256 = None, edition, snapshot_hashes.sha256_hex(period)
    snapshot.submitted_at = latest.submitted_at - timedelta(days=30 * months)
    snapshot.save(force_insert=True)
    for variant in variants:
        variant.pk, variant.snapshot = None, snapshot
    SnapshotVariant.objects.bulk_create(variants)
    return snapshot


def _mailing(snapshot: Snapshot, approver: User, readers: int) -> Mailing:
    """The finished mailing of the snapshot, without deliveries."""
    began = snapshot.submitted_at
    Approval.objects.create(snapshot=snapshot, sha256=snapshot.sha256, approver=approver, at=began)
    snapshot.state, snapshot.approved_at = Snapshot.State.SCHEDULED, began
    snapshot.save(update_fields=["state", "approved_at"])
    return Mailing.objects.create(
        snapshot=snapshot,
        edition=snapshot.edition,
        state=Mailing.State.DONE,
        audience=readers,
        created_at=began,
        planned_at=began,
        started_at=began,
        finished_at=began + timedelta(hours=3),
    )


def _add_deliveries(mailing: Mailing, readers: int) -> None:
    """The deliveries of the mailing to all subscribers, with bounces, unsubscribes and clicks."""
    snapshot, began = mailing.snapshot, mailing.created_at
    variants = dict(snapshot.variants.order_by("-pk").values_list("language", "pk"))
    values: dict[str, Any] = {"mailing": mailing.pk, "newsletter": snapshot.edition.newsletter_id}
    values |= {"began": f"{began:%Y-%m-%d %H:%M:%S}", **variants}
    for statement in (_DELIVERIES, _BOUNCES, _DEPARTURES):
        _run(statement, values)
    _clicks(variants.values(), readers, began)


def _clicks(variants: Collection[int], readers: int, began: datetime) -> None:
    """Clicks that decrease from link to link, a third of them by bots."""
    each = readers // len(variants)
    VariantAudience.objects.bulk_create(
        VariantAudience(variant_id=variant, recipients=each) for variant in variants
    )
    DailyEventCount.objects.bulk_create(
        DailyEventCount(
            variant_id=variant,
            kind="click",
            link_number=number,
            day=began.date(),
            is_bot=machine,
            count=each // (20 * number) // (2 if machine else 1),
        )
        for variant in variants
        for number in range(1, 13)
        for machine in (False, True)
    )
