"""Planning: freeze who is in a mailing, one row per reader of its audience, with the variant each will get.

The choice of a variant is made in Python once per distinct combination of countries and language; the rows
are made by one INSERT … SELECT, so that a million readers cost no more memory than ten.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.approval.send_time import local_send_time
from mailer.approval.submit import snapshot_variant
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.rollout import rollout
from mailer.editions.audience import Audience
from mailer.rendering import language as languages
from mailer.rendering import story_selection, variants
from mailer.rendering.records import Content, from_json
from subscribers.fields import split_codes
from subscribers.segments.audience import standing
from subscribers.segments.rules import BadRule

log = logging.getLogger(__name__)

# A difference from the count that the approver saw holds the mailing when it exceeds both.
_TOLERATED_SHARE = 0.05
_TOLERATED_READERS = 20
_TAKEN_BACK = "The submitted copy was changed or taken back before the rehearsal began."

# Around the ground's own statement of who stands how: {people} has id, countries, language and standing.
_COMBINATIONS = "SELECT DISTINCT p.countries, p.language FROM ({people}) p"
_CHOICES = """
CREATE TEMPORARY TABLE planning_choice (
    countries varchar(800) NOT NULL, language varchar(12) NOT NULL, variant_id bigint,
    due_at timestamp with time zone, PRIMARY KEY (countries, language)
)
"""
_INSERT = """
INSERT INTO mailer_delivery
    (mailing_id, subscriber, state, variant_id, countries, reason, due_at,
     claimed_by, attempts, doubts, reply)
WITH people AS MATERIALIZED ({people})
SELECT %s, r.id,
    CASE WHEN r.reason <> '' THEN 'excluded' WHEN r.due_at IS NULL THEN 'planned' ELSE 'deferred' END,
    CASE WHEN r.reason = '' THEN r.variant_id END, r.countries, r.reason,
    CASE WHEN r.reason = '' THEN r.due_at END, '', 0, 0, ''
FROM (
    SELECT p.id, p.countries, c.variant_id, c.due_at,
        CASE WHEN p.standing <> 'reachable' THEN p.standing
             WHEN c.variant_id IS NULL THEN 'no_stories'
             ELSE '' END AS reason
    FROM people p JOIN planning_choice c ON c.countries = p.countries AND c.language = p.language
) r {choice}
"""
_BY_NUMBER = "ORDER BY r.id"
# Spread over the list, so that the first step of a mailing is a fair sample of all its readers: an odd
# factor permutes the numbers below a power of two.
_SPREAD = "ORDER BY (r.id %% 1048576) * 648055 %% 1048576, r.id"
# Every variant has its turn before any has a second.
_SOME = """WHERE r.reason = ''
ORDER BY row_number() OVER (PARTITION BY r.variant_id ORDER BY r.id), r.id LIMIT {limit}"""


@dataclass(frozen=True)
class _Choice:
    """What readers of one combination get."""

    # As the subscriber's row has it.
    countries: str
    language: str
    # None: no story is for them.
    variant: int | None
    # When theirs may leave; None: at once.
    due_at: datetime | None


def plan(mailing: Mailing, now: datetime) -> Mailing:
    """Make the mailing's rows and count them, in one transaction; then it is sent, or held for a person.

    Does nothing to a mailing that is planned already.
    """
    with transaction.atomic():
        found = Mailing.objects.select_for_update(of=("self",)).select_related(
            "snapshot__edition__newsletter"
        )
        mailing = found.get(pk=mailing.pk)
        if mailing.state != Mailing.State.PLANNING:
            return mailing
        if mailing.rehearsal_to and mailing.snapshot.state not in Snapshot.OPEN:
            return _give_up(mailing, now, _TAKEN_BACK)
        try:
            _insert(mailing, now)
        except BadRule as gone:
            return _give_up(mailing, now, f"Whom it is for cannot be told any more. {gone}")
        mailing.audience = Delivery.objects.filter(mailing=mailing).count()
        mailing.planned_at = now
        reachable = _reachable(mailing)
        mailing.reason = "" if mailing.rehearsal_to else _why_held(mailing.snapshot, reachable)
        mailing.state = Mailing.State.HELD if mailing.reason else Mailing.State.SENDING
        mailing.started_at = None if mailing.reason else now
        mailing.expires_at = expiry(mailing, now)
        if _in_steps(mailing):
            mailing.step, mailing.released_up_to = 0, rollout.bound(mailing, 0)
        mailing.save()
    log.info(
        "action=mailing_planned mailing=%d audience=%d reachable=%d state=%s",
        mailing.pk,
        mailing.audience,
        reachable,
        mailing.state,
    )
    return mailing


def expiry(mailing: Mailing, now: datetime) -> datetime:
    """When trying again ends for a mailing that begins now: counted from the last reader's hour."""
    last = Delivery.objects.filter(mailing=mailing, state=Delivery.State.DEFERRED).aggregate(Max("due_at"))
    begins = max(now, last["due_at__max"] or now)
    return begins + timedelta(hours=settings.CONFIG.sending.expire_after_hours)


def _give_up(mailing: Mailing, now: datetime, because: str) -> Mailing:
    mailing.state, mailing.finished_at, mailing.audience = Mailing.State.CANCELLED, now, 0
    mailing.reason = because[:300]
    mailing.save()
    return mailing


def _in_steps(mailing: Mailing) -> bool:
    """A rehearsal has no readers to protect, and local hours are a slow beginning of their own."""
    local = mailing.snapshot.local_hour is not None
    return bool(settings.CONFIG.sending.steps) and not mailing.rehearsal_to and not local


def _insert(mailing: Mailing, now: datetime) -> None:
    # Annotated with a column that its type does not tell.
    people: Any = standing(Audience.from_dict(mailing.snapshot.audience, now).segment(), now).order_by()
    columns = people.values("id", "countries", "language", "standing")
    statement, parameters = columns.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_COMBINATIONS.format(people=statement), parameters)
        wanted = cursor.fetchall()
        choices = [
            (one.countries, one.language, one.variant, connection.ops.adapt_datetimefield_value(one.due_at))
            for one in _choices(mailing, wanted)
        ]
        cursor.execute(_CHOICES)
        cursor.executemany("INSERT INTO planning_choice VALUES (%s, %s, %s, %s)", choices)
        cursor.execute(_INSERT.format(people=statement, choice=_who(mailing)), [*parameters, mailing.pk])
        cursor.execute("DROP TABLE planning_choice")
        if connection.vendor == "postgresql":
            # Claiming starts at once, before the server would count the new rows by itself.
            cursor.execute("ANALYZE mailer_delivery")


def _who(mailing: Mailing) -> str:
    """Which of the readers, and in which order they come."""
    if mailing.rehearsal_limit is not None:
        return _SOME.format(limit=int(mailing.rehearsal_limit))
    return _SPREAD if _in_steps(mailing) else _BY_NUMBER


def _choices(mailing: Mailing, wanted: list[tuple[str, str]]) -> Iterator[_Choice]:
    snapshot = mailing.snapshot
    content = from_json(snapshot.content)
    known = dict(SnapshotVariant.objects.filter(snapshot=snapshot).values_list("key", "pk"))
    for countries, language in wanted:
        codes = split_codes(countries)
        variant = _variant(snapshot, content, known, codes, language)
        yield _Choice(countries, language, variant, _due(mailing, codes))


def _due(mailing: Mailing, countries: tuple[str, ...]) -> datetime | None:
    """The reader's own hour, and never after the window that was approved."""
    snapshot = mailing.snapshot
    if snapshot.local_hour is None or snapshot.send_at is None or mailing.rehearsal_to:
        return None
    zone = ZoneInfo(snapshot.edition.newsletter.zone)
    return min(local_send_time(countries, snapshot.send_at, snapshot.local_hour, zone), snapshot.window_until)


def _variant(
    snapshot: Snapshot, content: Content, known: dict[str, int], countries: tuple[str, ...], language: str
) -> int | None:
    """The variant for a combination; made from the snapshot alone where it was not stored with it."""
    head = content.masthead
    spoken = languages.resolve_language(language, head.languages, head.fallbacks)
    stories = story_selection.story_set(content, countries)
    if not stories:
        return None
    key = story_selection.variant_key(stories, spoken)
    if key not in known:
        late = snapshot_variant(snapshot, variants.render(content, countries, spoken))
        late.save()
        known[key] = late.pk
    return known[key]


def _reachable(mailing: Mailing) -> int:
    """Readers the mailing could reach, counted as the approver's number was: also those whom no story is for,
    and those who paused."""
    rows = Delivery.objects.filter(mailing=mailing)
    return (
        rows.filter(state__in=[Delivery.State.PLANNED, Delivery.State.DEFERRED]).count()
        + rows.filter(state=Delivery.State.EXCLUDED, reason__in=["no_stories", "paused"]).count()
    )


def _why_held(snapshot: Snapshot, reachable: int) -> str:
    difference = abs(reachable - snapshot.audience_count)
    if difference <= _TOLERATED_READERS or difference <= snapshot.audience_count * _TOLERATED_SHARE:
        return ""
    return (
        f"The audience has {reachable} readers now; {snapshot.audience_count} were counted when the edition "
        "was submitted. Confirm the new number, or cancel."
    )
