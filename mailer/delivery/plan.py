"""Planning: freeze who is in a mailing, one row per reader of its audience, with the variant each will get.

The choice of a variant is made in Python once per distinct combination of countries and language; the rows
are made by one INSERT … SELECT, so that a million readers cost no more memory than ten.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from mailer.approval.models import FrozenCopy, FrozenVariant
from mailer.approval.submit import frozen_variant
from mailer.delivery.models import Delivery, Mailing
from mailer.editions.audience import Audience
from mailer.rendering import language as languages
from mailer.rendering import select, variants
from mailer.rendering.records import Content, from_json
from subscribers.fields import split_codes
from subscribers.segments import standing

log = logging.getLogger(__name__)

# A difference from the count that the approver saw holds the mailing when it exceeds both.
_TOLERATED_SHARE = 0.05
_TOLERATED_READERS = 20

# Around the ground's own statement of who stands how: {people} has id, countries, language and standing.
_COMBINATIONS = "SELECT DISTINCT p.countries, p.language FROM ({people}) p"
_CHOICES = """
CREATE TEMPORARY TABLE planning_choice (
    countries varchar(800) NOT NULL, language varchar(12) NOT NULL, variant_id bigint,
    PRIMARY KEY (countries, language)
)
"""
_INSERT = """
INSERT INTO mailer_delivery
    (mailing_id, subscriber, state, variant_id, countries, reason, claimed_by, attempts, doubts, reply)
SELECT %s, r.id, CASE WHEN r.reason = '' THEN 'planned' ELSE 'excluded' END,
    CASE WHEN r.reason = '' THEN r.variant_id END, r.countries, r.reason, '', 0, 0, ''
FROM (
    SELECT p.id, p.countries, c.variant_id,
        CASE WHEN p.standing <> 'reachable' THEN p.standing
             WHEN c.variant_id IS NULL THEN 'no_stories'
             ELSE '' END AS reason
    FROM ({people}) p JOIN planning_choice c ON c.countries = p.countries AND c.language = p.language
) r ORDER BY r.id
"""


@dataclass(frozen=True)
class _Choice:
    """What readers of one combination get."""

    # As the subscriber's row has it.
    countries: str
    language: str
    # None: no story is for them.
    variant: int | None


def plan(mailing: Mailing, now: datetime) -> Mailing:
    """Make the mailing's rows and count them, in one transaction; then it is sent, or held for a person.

    Does nothing to a mailing that is planned already.
    """
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update(of=("self",)).select_related("copy").get(pk=mailing.pk)
        if mailing.state != Mailing.State.PLANNING:
            return mailing
        audience = Audience.from_dict(mailing.copy.audience)
        _insert(mailing, audience)
        mailing.audience = Delivery.objects.filter(mailing=mailing).count()
        mailing.planned_at = now
        reachable = _reachable(mailing)
        mailing.reason = _why_held(mailing.copy, reachable)
        mailing.state = Mailing.State.HELD if mailing.reason else Mailing.State.SENDING
        mailing.started_at = None if mailing.reason else now
        mailing.save(update_fields=["audience", "planned_at", "reason", "state", "started_at"])
    log.info(
        "action=mailing_planned mailing=%d audience=%d reachable=%d state=%s",
        mailing.pk,
        mailing.audience,
        reachable,
        mailing.state,
    )
    return mailing


def _insert(mailing: Mailing, audience: Audience) -> None:
    # Annotated with a column that its type does not tell.
    people: Any = standing(audience.segment()).order_by()
    columns = people.values("id", "countries", "language", "standing")
    statement, parameters = columns.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_COMBINATIONS.format(people=statement), parameters)
        wanted = cursor.fetchall()
        choices = [(one.countries, one.language, one.variant) for one in _choices(mailing.copy, wanted)]
        cursor.execute(_CHOICES)
        cursor.executemany("INSERT INTO planning_choice VALUES (%s, %s, %s)", choices)
        cursor.execute(_INSERT.format(people=statement), [mailing.pk, *parameters])
        cursor.execute("DROP TABLE planning_choice")
        if connection.vendor == "postgresql":
            # Claiming starts at once, before the server would count the new rows by itself.
            cursor.execute("ANALYZE mailer_delivery")


def _choices(copy: FrozenCopy, wanted: list[tuple[str, str]]) -> Iterator[_Choice]:
    content = from_json(copy.content)
    known = dict(FrozenVariant.objects.filter(copy=copy).values_list("key", "pk"))
    for countries, language in wanted:
        yield _Choice(countries, language, _variant(copy, content, known, split_codes(countries), language))


def _variant(
    copy: FrozenCopy, content: Content, known: dict[str, int], countries: tuple[str, ...], language: str
) -> int | None:
    """The variant for a combination; made from the frozen copy alone where it was not stored with it."""
    head = content.masthead
    spoken = languages.spoken(language, head.languages, head.fallbacks)
    stories = select.story_set(content, countries)
    if not stories:
        return None
    key = select.variant_key(stories, spoken)
    if key not in known:
        late = frozen_variant(copy, variants.render(content, countries, spoken))
        late.save()
        known[key] = late.pk
    return known[key]


def _reachable(mailing: Mailing) -> int:
    """Readers the mailing could reach, counted as the approver's number was: also those without story."""
    rows = Delivery.objects.filter(mailing=mailing)
    return (
        rows.filter(state=Delivery.State.PLANNED).count()
        + rows.filter(state=Delivery.State.EXCLUDED, reason="no_stories").count()
    )


def _why_held(copy: FrozenCopy, reachable: int) -> str:
    difference = abs(reachable - copy.audience_count)
    if difference <= _TOLERATED_READERS or difference <= copy.audience_count * _TOLERATED_SHARE:
        return ""
    return (
        f"The audience has {reachable} readers now; {copy.audience_count} were counted when the edition was "
        "submitted. Confirm the new number, or cancel."
    )
