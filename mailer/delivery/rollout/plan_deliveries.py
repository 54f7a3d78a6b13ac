"""Planning: fix the audience of a mailing, with one delivery per subscriber and the variant each will get.

The order of the deliveries is the order of sending, and spread over the audience. A gradual rollout releases
them in steps, so its first 2 % are a sample of the audience.

The variant is chosen in Python, once per distinct combination of countries and language. One INSERT … SELECT
writes the deliveries, so a million subscribers need no more memory than ten.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Q

from mailer.approval.models import Snapshot, SnapshotVariant
from mailer.approval.send_time_in_reader_timezone import local_send_time
from mailer.approval.submit import variant_row
from mailer.config import section_reader
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.signals import mailing_changed
from mailer.editions.audience import Audience
from mailer.rendering import localization, story_selection, variants
from mailer.rendering.data_types import Content, from_json
from mailer.rendering.story_selection import SKIP_REASONS, Selection, SkipReason
from subscribers.code_list_field import split_codes
from subscribers.segments.mailing_audience_query import with_reachability
from subscribers.segments.rule_format import InvalidRule
from subscribers.translate_stored_texts import stored

log = logging.getLogger(__name__)

# A larger difference from the approved count, by both measures, holds the mailing.
_TOLERATED_SHARE = 0.05
_TOLERATED_COUNT = 20
_WITHDRAWN = stored("The submitted edition was changed or withdrawn before the full test began.")

# {people} is the subscribers' query of who can be reached: id, countries, language and reachability.
_COMBINATIONS = "SELECT DISTINCT p.countries, p.language FROM ({people}) p"
_CHOICES = """
CREATE TEMPORARY TABLE planning_choice (
    countries varchar(800) NOT NULL, language varchar(12) NOT NULL, variant_id bigint,
    skipped varchar(24) NOT NULL, due_at timestamp with time zone, PRIMARY KEY (countries, language)
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
        CASE WHEN p.reachability <> 'reachable' THEN p.reachability
             ELSE c.skipped END AS reason
    FROM people p JOIN planning_choice c ON c.countries = p.countries AND c.language = p.language
) r {choice}
"""
# Spread over the audience, so that what is sent first is a fair sample of it, and the dead addresses of one
# import do not come together: one subscriber from each slice of {width} ids in turn, and the slices in an
# order in which neighbours are far apart (648055 is odd, and the golden section of 1048576). The slices are
# few, and each is read in its order, so the database finds its pages in memory.
_SPREAD = "ORDER BY r.id %% {width}, (r.id / {width}) %% 1048576 * 648055 %% 1048576, r.id"
_SLICES = 128
# Beyond so many subscribers only a gradual rollout is spread: entries out of order double the time that the
# database takes to plan a million, and a stop rule sees far more than one import before it can act.
_SPREAD_UP_TO = 200_000
_BY_ID = "ORDER BY r.id"
# Every variant once before any comes twice.
_SAMPLE = """WHERE r.reason = ''
ORDER BY row_number() OVER (PARTITION BY r.variant_id ORDER BY r.id), r.id LIMIT {limit}"""


@dataclass(frozen=True)
class _VariantChoice:
    """What subscribers with one combination of countries and language get."""

    # As in the subscriber's row.
    countries: str
    language: str
    # None: they get no email.
    variant: int | None
    # Why they get none: a reason of `rendering.story_selection`.
    skipped: SkipReason
    # When it may be sent; None: at once.
    due_at: datetime | None


def plan_then_start_or_hold(mailing: Mailing, now: datetime) -> Mailing:
    """Write and count the mailing's deliveries in one transaction; then it is sent, or held for staff.

    Does nothing to a mailing that is already planned.
    """
    with transaction.atomic():
        found = Mailing.objects.select_for_update(of=("self",)).select_related(
            "snapshot__edition__newsletter"
        )
        mailing = found.get(pk=mailing.pk)
        if mailing.state != Mailing.State.PLANNING:
            return mailing
        if mailing.dry_run_to and mailing.snapshot.state not in Snapshot.OPEN:
            return _cancel(mailing, now, _WITHDRAWN)
        try:
            _insert_deliveries(mailing, now)
        except InvalidRule as error:
            return _cancel(
                mailing,
                now,
                stored("The audience of the edition cannot be determined. %(error)s", error=error),
            )
        mailing.audience = Delivery.objects.filter(mailing=mailing).count()
        mailing.planned_at = now
        reachable = _count_reachable(mailing)
        mailing.reason = "" if mailing.dry_run_to else _hold_reason(mailing.snapshot, reachable)
        mailing.state = Mailing.State.HELD if mailing.reason else Mailing.State.SENDING
        mailing.started_at = None if mailing.reason else now
        mailing.stopped_at = now if mailing.reason else None
        mailing.expires_at = retries_end_at(mailing, now)
        if _uses_steps(mailing):
            mailing.step, mailing.released_up_to = 0, last_delivery_id_of_step(mailing, 0)
        mailing.save()
        mailing_changed.send(Mailing, mailing_id=mailing.pk, event="held" if mailing.reason else "started")
    log.info(
        "action=mailing_planned mailing=%d audience=%d reachable=%d state=%s",
        mailing.pk,
        mailing.audience,
        reachable,
        mailing.state,
    )
    return mailing


def retries_end_at(mailing: Mailing, now: datetime) -> datetime:
    """When retries end for a mailing that begins now: counted from the last subscriber's local hour."""
    last = Delivery.objects.filter(mailing=mailing, state=Delivery.State.DEFERRED).aggregate(Max("due_at"))
    start = max(now, last["due_at__max"] or now)
    return start + timedelta(hours=settings.CONFIG.sending.expire_after_hours)


def _cancel(mailing: Mailing, now: datetime, reason: str) -> Mailing:
    mailing.state, mailing.finished_at, mailing.audience = Mailing.State.CANCELLED, now, 0
    mailing.reason = reason[:300]
    mailing.cancelled_unsent = not mailing.dry_run_to
    mailing.save()
    mailing_changed.send(Mailing, mailing_id=mailing.pk, event="cancelled")
    return mailing


def _uses_steps(mailing: Mailing) -> bool:
    """A dry run has no subscribers to protect, and local hours already spread the sending."""
    local = mailing.snapshot.local_hour is not None
    return bool(settings.CONFIG.sending.rollout_percentages) and not mailing.dry_run_to and not local


def _insert_deliveries(mailing: Mailing, now: datetime) -> None:
    # The annotated column is unknown to its type.
    people: Any = with_reachability(
        Audience.from_dict(mailing.snapshot.audience, now).segment(), now
    ).order_by()
    columns = people.values("id", "countries", "language", "reachability")
    statement, parameters = columns.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_COMBINATIONS.format(people=statement), parameters)
        combinations = cursor.fetchall()
        choices = [
            (
                one.countries,
                one.language,
                one.variant,
                one.skipped,
                connection.ops.adapt_datetimefield_value(one.due_at),
            )
            for one in _variant_choices(mailing, combinations)
        ]
        cursor.execute(_CHOICES)
        cursor.executemany("INSERT INTO planning_choice VALUES (%s, %s, %s, %s, %s)", choices)
        cursor.execute(
            _INSERT.format(people=statement, choice=_selection(mailing)), [*parameters, mailing.pk]
        )
        cursor.execute("DROP TABLE planning_choice")
        if connection.vendor == "postgresql":
            # Claiming starts before the server would update its statistics.
            cursor.execute("ANALYZE mailer_delivery")


def _selection(mailing: Mailing) -> str:
    """Which subscribers, and in which order."""
    if mailing.dry_run_limit is not None:
        return _SAMPLE.format(limit=int(mailing.dry_run_limit))
    # The size when it was approved: about so many slices are enough.
    audience = mailing.snapshot.audience_count
    if audience > _SPREAD_UP_TO and not _uses_steps(mailing):
        return _BY_ID
    return _SPREAD.format(width=max(1, audience // _SLICES))


def _variant_choices(mailing: Mailing, combinations: list[tuple[str, str]]) -> Iterator[_VariantChoice]:
    snapshot = mailing.snapshot
    content = from_json(snapshot.content)
    head = content.masthead
    selector = story_selection.Selector(content)
    known = dict(SnapshotVariant.objects.filter(snapshot=snapshot).values_list("key", "pk"))
    for countries, language in combinations:
        codes = split_codes(countries)
        selection = selector.select(codes)
        resolved = localization.resolve_language(language, head.languages, head.fallbacks)
        variant = None if selection.skipped else _variant_for(snapshot, content, known, selection, resolved)
        due_at = _local_due_at(mailing, codes)
        yield _VariantChoice(countries, language, variant, selection.skipped, due_at)


def _local_due_at(mailing: Mailing, countries: tuple[str, ...]) -> datetime | None:
    """The subscriber's local hour, but never after the approved window."""
    snapshot = mailing.snapshot
    if snapshot.local_hour is None or snapshot.send_at is None or mailing.dry_run_to:
        return None
    zone = ZoneInfo(snapshot.edition.newsletter.zone)
    return min(local_send_time(countries, snapshot.send_at, snapshot.local_hour, zone), snapshot.window_until)


def _variant_for(
    snapshot: Snapshot, content: Content, known: dict[str, int], selection: Selection, language: str
) -> int:
    """The variant of a selection; rendered from the snapshot alone if it was not stored with it."""
    key = story_selection.variant_key(selection.keys, language)
    if key not in known:
        late = variant_row(snapshot, variants.render_selection(content, selection, (), language))
        late.save()
        known[key] = late.pk
    return known[key]


def _count_reachable(mailing: Mailing) -> int:
    """Subscribers counted as the approved count was, so with those without a story and those who paused."""
    rows = Delivery.objects.filter(mailing=mailing)
    return (
        rows.filter(state__in=[Delivery.State.PLANNED, Delivery.State.DEFERRED]).count()
        + rows.filter(state=Delivery.State.EXCLUDED, reason__in=["paused", *SKIP_REASONS]).count()
    )


def _hold_reason(snapshot: Snapshot, reachable: int) -> str:
    difference = abs(reachable - snapshot.audience_count)
    if difference <= _TOLERATED_COUNT or difference <= snapshot.audience_count * _TOLERATED_SHARE:
        return ""
    return stored(
        "The audience has %(reachable)s subscribers now; it had %(audience_count)s when the edition was "
        "submitted. Confirm the new audience, or cancel.",
        reachable=reachable,
        audience_count=snapshot.audience_count,
    )


def rollout_percentages() -> tuple[float, ...]:
    """The shares of the audience, in percent and rising, after which a rollout waits."""
    return section_reader.parse_rollout_percentages(settings.CONFIG.sending.rollout_percentages)


def last_delivery_id_of_step(mailing: Mailing, step: int) -> int | None:
    """The last delivery id that may be sent in this step, from 0; None when all may."""
    shares = rollout_percentages()
    if step >= len(shares):
        return None
    rows = Delivery.objects.filter(mailing=mailing)
    planned = rows.filter(state=Delivery.State.PLANNED)
    started_count = rows.exclude(state__in=[Delivery.State.PLANNED, Delivery.State.EXCLUDED]).count()
    release_count = max(math.ceil((started_count + planned.count()) * shares[step] / 100) - started_count, 1)
    ids = planned.order_by("pk").values_list("pk", flat=True)
    return next(iter(ids[release_count - 1 : release_count]), None)


def has_released_unattempted(mailing: Mailing) -> bool:
    """Whether any released delivery was not attempted yet."""
    rows = Delivery.objects.filter(mailing=mailing)
    # Some were deferred before their first attempt.
    unattempted = Q(state=Delivery.State.CLAIMED) | Q(state=Delivery.State.DEFERRED, attempts=0)
    released = Q(state=Delivery.State.PLANNED, pk__lte=mailing.released_up_to or 0)
    return rows.filter(unattempted).exists() or rows.filter(released).exists()


def released_share(mailing: Mailing) -> str:
    """The share of the audience that the mailing is released to, "2 %"."""
    shares = rollout_percentages()
    step = mailing.step or 0
    return f"{shares[step]:g} %" if step < len(shares) else "100 %"


def next_step_columns(mailing: Mailing) -> dict[str, Any]:
    """The columns that move a mailing to its next step."""
    step = (mailing.step or 0) + 1
    return {
        "step": step,
        "released_up_to": last_delivery_id_of_step(mailing, step),
        "step_completed_at": None,
    }
