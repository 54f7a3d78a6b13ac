"""Five years of an office's work, for the page benchmark: stories, editions, imports, returned mail.

Rows are inserted in bulk, past signals and forms; only the editions that are not sent yet are made as staff
make them.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.serializers.json import DjangoJSONEncoder
from PIL import Image as Pixels
from wagtail.images import get_image_model
from wagtail.models import Revision
from wagtail.search.backends import get_search_backend

from mailer.editions.models import Edition, EditionText, GlossaryTerm
from mailer.outgoing_webhooks.models import WebhookEndpoint
from mailer.rendering.edition_period import Period
from mailer.stories.models import Story, StoryComment, StoryMail, StorySource, StorySourceItem, StoryText
from subscribers.imports import uploads_and_staging
from subscribers.imports.models import ImportJob
from subscribers.imports.row_types import ImportStats
from subscribers.models import CustomField, MailingList, Subscriber, Tag

COUNTRIES = ("KZ", "UZ", "KG", "TJ", "TM")
_PICTURES = 24
_STORIES_OF_EDITION = 12


class Amounts(NamedTuple):
    """How much there is beside subscribers and deliveries."""

    months: int = 60
    stories: int = 5_000
    log_entries: int = 100_000
    returned: int = 200_000
    import_rows: int = 200_000


class _Text(NamedTuple):
    headline: str
    summary: str
    paragraph: str


_TEXTS = {
    "en": _Text(
        "A school opened in village {}",
        "What was done in village {}, and what it means for its people.",
        "<p>It took a year, and everybody helped.</p>",
    ),
    "ru": _Text(
        "В селе {} открылась школа",
        "Что было сделано в селе {} и что это значит для его жителей.",
        "<p>На это ушёл год, и помогали все.</p>",
    ),
    "kk": _Text(
        "{} ауылында мектеп ашылды",
        "{} ауылында не істелді және бұл тұрғындар үшін нені білдіреді.",
        "<p>Бұған бір жыл кетті, бәрі көмектесті.</p>",
    ),
}

FIVE_YEARS = Amounts()
# For tests.
FEW = Amounts(months=3, stories=30, log_entries=200, returned=60, import_rows=50)

_LOG_ENTRIES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %(rows)s)
INSERT INTO wagtailcore_modellogentry
    (label, action, data, timestamp, content_changed, deleted, content_type_id, user_id, object_id)
SELECT 'A year of work ' || i, CASE i %% 4 WHEN 0 THEN 'wagtail.create' WHEN 1 THEN 'desk.submit'
        ELSE 'wagtail.edit' END, '{}',
    {after(i * -1500)}, i %% 2 = 0, false,
    CASE i %% 3 WHEN 0 THEN %(edition)s WHEN 1 THEN %(subscriber)s ELSE %(story)s END,
    CASE i %% 2 WHEN 0 THEN %(writer)s ELSE %(approver)s END, i %% 5000 + 1
FROM n
"""
_RETURNED = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %(rows)s)
INSERT INTO mailer_returnedmessage
    (sha256, kind, raw, service, received_at, sender, subject, triaged_at, triaged_by, triage_result)
SELECT 'bench ' || i, CASE i %% 20 WHEN 0 THEN 'other' WHEN 1 THEN 'auto_reply' WHEN 2 THEN 'complaint'
        ELSE 'bounce' END, %(raw)s, '', {after(i * -700)},
    'reader-' || i || '@gmail.com', 'Re: News ' || i, CASE WHEN i %% 40 = 0 THEN {after(i * -600)} END,
    CASE WHEN i %% 40 = 0 THEN 'writer' ELSE '' END, CASE WHEN i %% 40 = 0 THEN 'nothing' ELSE '' END
FROM n
"""
_DECISIONS = """
INSERT INTO mailer_suppressiondecision (subscriber, address_hash, domain, state, rule, reason, had_deliveries,
    created_at, applied_at, suppression_id, unsubscribed_lists, closed_by)
SELECT p.id, p.address_hash, 'gmail.com', CASE p.id %% 50 WHEN 7 THEN 'held' ELSE 'applied' END,
    'hard_bounce', 'The address does not exist.', true, s.created_at, s.created_at, s.id, '[]', ''
FROM subscribers_suppression s JOIN subscribers_subscriber p ON p.address_hash = s.address_hash
"""
_CONSENTS = """
INSERT INTO subscribers_consentrecord
    (subscriber_id, mailing_list_id, event, channel, at, source, attested_by, network, user_agent)
SELECT id, %(list)s, 'imported', 'import', created_at, 'A conference', 'writer', '', ''
FROM subscribers_subscriber
"""
_TAGGINGS = """
INSERT INTO subscribers_tagging (tag_id, subscriber_id)
SELECT %(tag)s, id FROM subscribers_subscriber WHERE id %% 10 = 3
"""
_IMPORT_ROWS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %(rows)s)
INSERT INTO subscribers_importrow
    (job_id, line, address_hash, email, name, language, countries, warning, attributes)
SELECT %(job)s, i, {hash}, 'import-' || i || '@example.net', 'Aigul ' || i, 'ru', 'KZ',
    CASE i %% 50 WHEN 0 THEN 'typo gmail.com' ELSE '' END, '' FROM n
"""
_REJECTED_ROWS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %(rows)s)
INSERT INTO subscribers_rejectedrow (job_id, line, kind, reason, status, cells)
SELECT %(job)s, i, 'invalid', 'there is no address', '', '["", "Aigul"]' FROM n
"""
_HOOK_MESSAGES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %(rows)s)
INSERT INTO mailer_webhookmessage
    (endpoint_id, message_id, event_type, body, state, attempts, due_at, created_at, delivered_at)
SELECT %(endpoint)s, 'msg_' || i, 'subscriber.confirmed', '{}', 'delivered', 1, {after(i * -100)},
    {after(i * -100)}, {after(i * -99)} FROM n
"""
_HOOK_ATTEMPTS = """
INSERT INTO mailer_webhookattempt (message_id, at, status, error, milliseconds)
SELECT id, created_at, 200, '', 30 FROM mailer_webhookmessage
"""
_NOTIFICATIONS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %(rows)s)
INSERT INTO mailer_notification (user_id, event, text, path, at, read_at)
SELECT %(writer)s, 'submitted', 'An edition is submitted', '/desk/', {after(i * -5000)},
    CASE WHEN i > 20 THEN {after(i * -4000)} END FROM n
"""


def add_logs_imports_and_returned_mail(
    run_statement: Any, writer: User, approver: User, amounts: Amounts, now: datetime
) -> None:
    """Add what the office's desk holds beside stories and editions.

    `run_statement`: runs a statement with the values of its placeholders that it has.
    """
    mailing_list = MailingList.objects.order_by("pk")[0]
    tag = Tag.objects.create(name="Conference")
    CustomField.objects.create(name="City")
    job = _imports(mailing_list, amounts, now)
    hook = WebhookEndpoint.objects.create(
        name="CRM", url="https://crm.example.org/", secret=b"x", created_at=now
    )
    types = {name: ContentType.objects.get_for_model(model).pk for name, model in _LOGGED.items()}
    values = {"writer": writer.pk, "approver": approver.pk, "began": f"{now:%Y-%m-%d %H:%M:%S}", **types}
    values |= {"raw": b"From: reader-1@gmail.com\r\n\r\nThank you."}
    values |= {"list": mailing_list.pk, "tag": tag.pk, "job": job.pk, "endpoint": hook.pk}
    for statement, rows in (
        (_LOG_ENTRIES, amounts.log_entries),
        (_RETURNED, amounts.returned),
        (_DECISIONS, 0),
        (_CONSENTS, 0),
        (_TAGGINGS, 0),
        (_IMPORT_ROWS, amounts.import_rows),
        (_REJECTED_ROWS, amounts.import_rows // 10),
        (_HOOK_MESSAGES, amounts.returned // 10),
        (_HOOK_ATTEMPTS, 0),
        (_NOTIFICATIONS, 500),
    ):
        run_statement(statement, {**values, "rows": rows})


def _imports(mailing_list: MailingList, amounts: Amounts, now: datetime) -> ImportJob:
    """An import a month that was applied, one whose columns wait to be mapped, and one that waits."""

    def job(days: int, state: str, rows: int) -> ImportJob:
        stats = ImportStats(
            read=rows + rows // 10, added=rows, refused=rows // 10, warnings={"typo": rows // 50}
        )
        figures = stats.as_dict()
        return ImportJob(
            file_name=f"conference-{days}.csv",
            sha256=f"{days}",
            mailing_list=mailing_list,
            source="A conference",
            language="en",
            state=state,
            created_by="writer",
            created_at=now - timedelta(days=days),
            applied_at=now - timedelta(days=days) if state == "applied" else None,
            expected=figures,
            result=figures if state == "applied" else {},
            samples={"new": list(range(1, 21)), "warnings": [50]},
            last_line=rows,
        )

    ImportJob.objects.bulk_create(job(30 * month, "applied", 1_000) for month in range(1, amounts.months))
    unread = job(0, "mapping", 0)
    unread.expected, unread.samples = {}, {}
    lines = (f"person-{number}@example.net,Aigul {number},KZ,ru\n".encode() for number in range(100))
    unread.upload, _size = uploads_and_staging.store_upload([b"email,name,country,language\n", *lines])
    unread.save()
    waiting = job(0, "ready", amounts.import_rows)
    waiting.save()
    return waiting


# Models that the log is about, by placeholder.
_LOGGED: dict[str, type[Any]] = {"edition": Edition, "story": Story, "subscriber": Subscriber}


def add_stories(languages: Sequence[str], writer: User, amounts: Amounts, now: datetime) -> list[Story]:
    """Add stories of all months, newest first, with texts, pictures, revisions and entries of the search.

    One in ten is a draft; one in three has a picture; not every story has a text in every language.
    """
    pictures = _add_pictures(writer)
    today = now.date()
    step = amounts.months * 30 / amounts.stories
    stories: list[Story] = Story.objects.bulk_create(
        Story(
            key=f"history-{number}",
            kind=("news", "news", "news", "event", "publication", "news")[number % 6],
            # Of an event, the day on which it takes place.
            date=today + timedelta(days=(60 if number % 6 == 3 else 0) - round(number * step)),
            countries=(COUNTRIES[number % 5],) if number % 4 else (),
            picture=pictures[number % len(pictures)] if number % 3 == 0 else None,
            link=f"https://example.org/history-{number}",
            live=number % 10 != 9,
            created_at=now - timedelta(days=round(number * step)),
        )
        for number in range(amounts.stories)
    )
    texts: dict[int, list[StoryText]] = {story.pk: [] for story in stories}
    for number, story in enumerate(stories):
        for place, code in enumerate(languages):
            if place and number % (place + 3) == 1:
                continue
            texts[story.pk].append(
                StoryText(
                    story=story,
                    language=code,
                    headline=_TEXTS[code].headline.format(number),
                    summary=_TEXTS[code].summary.format(number),
                    body=_TEXTS[code].paragraph * 10,
                    picture_alt="A school" if story.picture_id else "",
                )
            )
    StoryText.objects.bulk_create(text for found in texts.values() for text in found)
    for story in stories:
        story.texts = texts[story.pk]
    _add_revisions(stories, writer, now)
    get_search_backend().get_index_for_model(Story).add_items(Story, Story.objects.prefetch_related("texts"))
    StoryComment.objects.bulk_create(
        StoryComment(story=story, author=writer, text="Who took the picture?") for story in stories[:50]
    )
    return stories


def _add_pictures(writer: User) -> list[Any]:
    found = []
    for number in range(_PICTURES):
        file = io.BytesIO()
        Pixels.effect_noise((1280, 720), 20 + number).convert("RGB").save(file, "JPEG")
        content = ContentFile(file.getvalue(), name=f"school-{number}.jpg")
        found.append(
            get_image_model().objects.create(title=f"School {number}", file=content, uploaded_by_user=writer)
        )
    return found


def _add_revisions(rows: Sequence[Any], writer: User, now: datetime) -> None:
    model = type(rows[0])
    kind = ContentType.objects.get_for_model(model)
    revisions = Revision.objects.bulk_create(
        Revision(
            content_type=kind,
            base_content_type=kind,
            object_id=str(row.pk),
            created_at=now,
            user=writer,
            object_str=str(row),
            content=json.loads(json.dumps(row.serializable_data(), cls=DjangoJSONEncoder)),
        )
        for row in rows
    )
    for row, revision in zip(rows, revisions, strict=True):
        row.latest_revision = revision
    model.objects.bulk_update(rows, ["latest_revision"], batch_size=500)


def fill_editions(editions: Sequence[Edition], stories: Sequence[Story], writer: User, now: datetime) -> None:
    """Give each edition a revision, with the newest ready stories of its month or of those before it."""
    ready = [story for story in stories if story.live]
    for edition in editions:
        end = Period.parse(edition.period).end
        chosen = [story for story in ready if story.created_at.date() < end][:_STORIES_OF_EDITION]
        edition.body = json.dumps(
            [
                {"type": "story" if place else "lead", "value": story.pk, "id": str(uuid.uuid4())}
                for place, story in enumerate(chosen)
            ]
        )
        edition.texts = [
            EditionText(edition=edition, language=code, subject=f"{edition}, {code}")
            for code in edition.newsletter.languages
        ]
    Edition.objects.bulk_update(editions, ["body"])
    EditionText.objects.bulk_create(text for edition in editions for text in edition.texts.all())
    _add_revisions(editions, writer, now)


def add_sources(stories: Sequence[Story], now: datetime) -> None:
    """Add sources, which half of the stories came from, emails with stories, and a glossary.

    The suggestions for drafts wait for staff.
    """
    sources = StorySource.objects.bulk_create(
        StorySource(name=f"Office {number}", url=f"https://example.org/{number}/feed", last_success_at=now)
        for number in range(40)
    )
    StorySourceItem.objects.bulk_create(
        StorySourceItem(
            source=sources[number % len(sources)],
            item_id=f"history-{number}",
            digest=f"{number:064x}",
            story=story,
            link=f"https://example.org/history-{number}",
            language="en",
            published=story.created_at,
            first_seen_at=story.created_at,
            seen_at=now,
            suggestion={
                "countries": list(story.countries),
                "region": "",
                "reasons": [[code, "village", "headline"] for code in story.countries],
                "also_named": [],
                "kind": [story.kind, "", ""],
                "language": ["en", "source"],
                "date": "published",
            },
            reviewed_at=now if story.live else None,
        )
        for number, story in enumerate(stories)
        if number % 2
    )
    StoryMail.objects.bulk_create(
        StoryMail(
            sha256=f"{number:064x}",
            raw=b"",
            received_at=now - timedelta(hours=number),
            source=sources[number % len(sources)],
            state=StoryMail.State.ADDED if number % 4 else StoryMail.State.UNKNOWN,
            sender=f"office-{number % 9}@example.org",
            subject=f"Stories of week {number}",
        )
        for number in range(400)
    )
    GlossaryTerm.objects.bulk_create(
        GlossaryTerm(names={"en": [f"Project {number}"], "ru": [f"Проект {number}"]}) for number in range(300)
    )
