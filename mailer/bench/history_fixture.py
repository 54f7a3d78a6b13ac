"""A large history: a newsletter and its editions sent to many subscribers, inserted by SQL."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from mailer.approval import approve, submit
from mailer.approval.models import Approval, Snapshot, SnapshotVariant
from mailer.delivery.models import Mailing
from mailer.editions.assemble import assemble
from mailer.editions.models import Edition, Newsletter, NewsletterText
from mailer.stories.models import Story, StoryText
from mailer.tracking.models import DailyEventCount, VariantAudience
from subscribers.models import MailingList
from subscribers.segments import store
from subscribers.segments.models import Segment
from subscribers.segments.rules import Condition, Group

NOW = datetime(2021, 12, 3, 4, 0, tzinfo=UTC)
LANGUAGES = ("en", "ru", "kk")

# A third of the subscribers use Gmail, half with the region's large providers, the rest in small domains.
_READERS = """
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
_SUBSCRIPTIONS = """
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
    mailing_id, provider, subscriber, newsletter, at, source_key)
SELECT 'bounce', CASE WHEN id %% 3 = 0 THEN 'soft' ELSE 'hard' END,
    CASE WHEN id %% 3 = 0 THEN 'mailbox_full' ELSE 'unknown_user' END, '', '', '', 'verp', id, mailing_id, '',
    subscriber, %(newsletter)s, bounced_at, 'bench ' || id
FROM mailer_delivery WHERE mailing_id = %(mailing)s AND bounced_at IS NOT NULL
"""
_DEPARTURES = """
INSERT INTO mailer_feedbackevent (kind, bounce_class, reason, status, diagnostic, rule, identity, provider,
    subscriber, newsletter, at)
SELECT 'unsubscribe', '', '', '', '', '', '', '', subscriber, %(newsletter)s,
    {after(86400)}
FROM mailer_delivery WHERE mailing_id = %(mailing)s AND subscriber %% 500 = 5
"""


def fill(readers: int, mailings: int) -> list[Mailing]:
    """Create tables, subscribers and an edition a month, each sent to all of them; newest mailing first."""
    call_command("migrate", verbosity=0)
    writer = User.objects.create_superuser("writer", "writer@example.org", "the writer's password")
    approver = User.objects.create_superuser("approver", "approver@example.org", "the approver's password")
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # Durability does not matter here.
            cursor.execute("PRAGMA synchronous = OFF")
        if readers:
            cursor.execute(execute(_READERS), [readers, NOW, NOW])
        newsletter = _newsletter()
        cursor.execute(_SUBSCRIPTIONS, [newsletter.lists.get().pk])
        first = MailingList.objects.create(slug="first", name="The first readers")
        cursor.execute(_FIRST, [first.pk, readers])
        cursor.execute(_SUPPRESSIONS)
    _segment(newsletter.lists.get())
    latest = submit.submit(assemble(newsletter, f"{NOW:%Y-%m}", NOW), writer, NOW)
    copies = [latest, *(_earlier(latest, months) for months in range(1, mailings))]
    sent = [_sent(snapshot, approver, readers) for snapshot in copies]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # As autovacuum does within minutes.
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("SELECT setval('subscribers_subscriber_id_seq', %s)", [max(1, readers)])
    return sent


def execute(statement: str) -> str:
    """The statement in the database's dialect; {hash} becomes 16 octets that are unique for each i."""
    if connection.vendor == "postgresql":
        unhash, after = (
            "decode(md5(i::text), 'hex')",
            r"CAST(%(began)s AS timestamptz) + (\1) * interval '1 s'",
        )
    else:
        unhash, after = "randomblob(16)", r"datetime(%(began)s, '+' || (\1) || ' seconds')"
    return re.sub(r"\{after\(([^)]*)\)\}", after, statement.replace("{hash}", unhash))


def _segment(mailing_list: MailingList) -> None:
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
    store.save(Segment(), "Faithful", rule, "writer", NOW)


def _newsletter() -> Newsletter:
    newsletter = Newsletter(
        slug="bench",
        name="Bench Monthly",
        office="Regional Office",
        postal_address="12 Example Street, Almaty",
        sender_name="Regional Office",
        sender_email="news@example.org",
        countries=("KZ", "UZ"),
        languages=LANGUAGES,
        fallbacks=("en",),
        zone="Asia/Almaty",
    )
    newsletter.texts = [NewsletterText(language="en", tagline="News from two countries")]
    newsletter.save()
    newsletter.lists.add(MailingList.objects.create(slug="bench", name="Bench"))
    for number in range(12):
        _story(f"bench-{number}", f"A year of work in {number + 3} villages")
    return newsletter


def _story(key: str, headline: str) -> None:
    story = Story(key=key, date=date(2021, 11, 20), link=f"https://example.org/{key}")
    story.texts = [
        StoryText(language=code, headline=headline, summary="What was done.", body="<p>x</p>")
        for code in LANGUAGES
    ]
    story.save()
    story.save_revision().publish()


def _earlier(latest: Snapshot, months: int) -> Snapshot:
    """The same snapshot as an edition of earlier months."""
    number = NOW.year * 12 + NOW.month - 1 - months
    period = f"{number // 12}-{number % 12 + 1:02d}"
    edition = Edition.objects.create(newsletter=latest.edition.newsletter, period=period)
    variants = list(latest.variants.all())
    snapshot = Snapshot.objects.get(pk=latest.pk)
    snapshot.pk, snapshot.edition, snapshot.sha256 = None, edition, approve.digest(period)
    snapshot.submitted_at = latest.submitted_at - timedelta(days=30 * months)
    snapshot.save(force_insert=True)
    for variant in variants:
        variant.pk, variant.snapshot = None, snapshot
    SnapshotVariant.objects.bulk_create(variants)
    return snapshot


def _sent(snapshot: Snapshot, approver: User, readers: int) -> Mailing:
    """The mailing of the snapshot to all subscribers, with bounces and unsubscribes."""
    began = snapshot.submitted_at
    Approval.objects.create(snapshot=snapshot, sha256=snapshot.sha256, approver=approver, at=began)
    snapshot.state = Snapshot.State.SCHEDULED
    snapshot.save(update_fields=["state"])
    mailing = Mailing.objects.create(
        snapshot=snapshot,
        edition=snapshot.edition,
        state=Mailing.State.DONE,
        audience=readers,
        created_at=began,
        planned_at=began,
        started_at=began,
        finished_at=began + timedelta(hours=3),
    )
    variants = dict(snapshot.variants.order_by("-pk").values_list("language", "pk"))
    values: dict[str, Any] = {"mailing": mailing.pk, "newsletter": snapshot.edition.newsletter_id}
    values |= {"began": f"{began:%Y-%m-%d %H:%M:%S}", **variants}
    with connection.cursor() as cursor:
        for statement in map(execute, (_DELIVERIES, _BOUNCES, _DEPARTURES)):
            cursor.execute(statement, {key: values[key] for key in values if f"%({key})s" in statement})
    _clicks(variants.values(), readers, began)
    return mailing


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
