"""Collects the statistics of a mailing: each delivery is read once, so that all breakdowns add up.

Those of a small mailing are collected live; those of a large one are cached by a job.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Concat, StrIndex, Substr

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.throttle.mailbox_providers import provider_of_domain
from mailer.feedback.models import FeedbackEvent
from mailer.feedback.parsing.classify_bounce_reasons import classify
from mailer.reports.models import MailingStats
from mailer.reports.not_delivered import NOT_DELIVERED, OUTCOME_REASON
from mailer.reports.stats import (
    OTHERS,
    UNSPECIFIED,
    FailureCount,
    OutcomeCounts,
    Stats,
    Totals,
    sum_outcomes,
)
from subscribers.models import Subscriber

_State = Delivery.State
# Deliveries that one statement groups: memory stays flat, and no lock is held for long.
CHUNK_SIZE = 50_000
# Providers that are listed one by one.
MAX_PROVIDERS = 500
# States whose field of OutcomeCounts is not "pending".
_ENDED = {_State.REFUSED.value: "refused", _State.EXCLUDED.value: "excluded"}
_ADDRESS = re.compile(r"\S*@\S*")
# Bounce classes of the ledger's own reasons, where they say more than the server's reply.
_LEDGER_REASONS = {"expired": "soft", "blocked": "block", "mailbox_full": "soft"}


class _Minute(Func):
    """The minute of a timestamp in UTC, as text."""

    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(compiler, connection, template="substr(%(expressions)s, 1, 16)")

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
        return super().as_sql(compiler, connection, template=template)


class _Group(NamedTuple):
    """Deliveries that are the same in all that is counted."""

    state: str
    # See not_delivered.OUTCOME_REASON; empty: delivered.
    not_delivered_reason: str
    variant_id: int | None
    countries: str
    minute: str | None
    # Of the recipient's address; None: erased.
    domain: str | None
    bounced: bool
    complained: bool
    # Of failed ones: "class reason" of the latest bounce, empty without one.
    classification: str
    # Of refused ones: the server's last reply.
    server_reply: str
    recipients: int


def collect(
    mailing: Mailing, now: datetime, *, chunk_size: int = CHUNK_SIZE, max_providers: int = MAX_PROVIDERS
) -> Stats:
    """All statistics of a mailing, as it is between `now` (aware) and the end of collecting."""
    languages = dict(
        SnapshotVariant.objects.filter(snapshot=mailing.snapshot_id).values_list("pk", "language")
    )
    sums = _Sums(languages)
    for group in _groups(mailing, chunk_size):
        sums.add(group)
    return sums.stats(mailing.audience, unsubscribe_reasons(mailing), now, max_providers)


def unsubscribe_reasons(mailing: Mailing) -> Mapping[str, int]:
    """Recipients who unsubscribed after the mailing, by the reason given ("": none), most frequent first.

    Those who marked the message as spam are not among them: they count as complaints.
    """
    accepted = Delivery.objects.filter(
        mailing=mailing,
        subscriber=OuterRef("subscriber"),
        state=_State.ACCEPTED,
        complained_at__isnull=True,
    )
    events = unsubscribes_until_next_mailing(mailing).filter(Exists(accepted)).order_by("at", "pk")
    # Who unsubscribes from two lists, or twice, is one recipient, with the last reason that they gave.
    reasons: dict[int | None, str] = {}
    for subscriber, reason in events.values_list("subscriber", "reason"):
        reasons[subscriber] = reason or reasons.get(subscriber, "")
    return dict(sorted(Counter(reasons.values()).items(), key=lambda item: (-item[1], item[0])))


def unsubscribes_until_next_mailing(mailing: Mailing) -> QuerySet[FeedbackEvent]:
    """Unsubscribes from the newsletter between this mailing and the next one, by anybody."""
    if mailing.started_at is None:
        return FeedbackEvent.objects.none()
    newsletter = mailing.edition.newsletter_id
    events = FeedbackEvent.objects.filter(
        kind=FeedbackEvent.Kind.UNSUBSCRIBE, newsletter=newsletter, at__gte=mailing.started_at
    )
    later = Mailing.objects.real().filter(edition__newsletter=newsletter, started_at__gt=mailing.started_at)
    until = later.order_by("started_at").values_list("started_at", flat=True).first()
    return events.filter(at__lt=until) if until else events


def _groups(mailing: Mailing, chunk_size: int) -> Iterator[_Group]:
    after = -1
    rows = Delivery.objects.filter(mailing=mailing)
    while True:
        rest = rows.filter(subscriber__gt=after).order_by("subscriber").values_list("subscriber", flat=True)
        last = rest[chunk_size - 1 : chunk_size].first()
        chunk = rows.filter(subscriber__gt=after, **({} if last is None else {"subscriber__lte": last}))
        yield from map(_Group._make, _grouped(chunk))
        if last is None:
            return
        after = last


def _grouped(deliveries: Any) -> Any:
    failed = Q(state=_State.REFUSED) | Q(bounced_at__isnull=False)
    classification = Coalesce(Subquery(_latest_classification()), Value(""))
    return (
        deliveries.annotate(
            not_delivered_reason=Case(
                When(NOT_DELIVERED, then=OUTCOME_REASON), default=Value(""), output_field=CharField()
            ),
            minute=Case(When(state=_State.ACCEPTED, then=_Minute("accepted_at"))),
            domain=Subquery(_domain()),
            has_bounced=_as_boolean(Q(bounced_at__isnull=False)),
            has_complained=_as_boolean(Q(complained_at__isnull=False)),
            classification=Case(When(failed, then=classification), default=Value("")),
            server_reply=Case(When(state=_State.REFUSED, then=F("reply")), default=Value("")),
        )
        .values_list(
            *("state", "not_delivered_reason", "variant", "countries", "minute", "domain"),
            *("has_bounced", "has_complained", "classification", "server_reply"),
        )
        .annotate(recipients=Count("pk"))
        .order_by()
    )


def _as_boolean(condition: Q) -> Any:
    return ExpressionWrapper(condition, output_field=BooleanField())


def _domain() -> Any:
    found = Subscriber.objects.filter(pk=OuterRef("subscriber"))
    return found.values(of=Substr("email", StrIndex("email", Value("@")) + 1))


def _latest_classification() -> Any:
    """The latest bounce of a delivery: "hard unknown_user"."""
    events = FeedbackEvent.objects.filter(delivery=OuterRef("pk"), kind=FeedbackEvent.Kind.BOUNCE)
    return events.order_by("-at", "-pk").values(of=Concat("bounce_class", Value(" "), "reason"))[:1]


def _counters() -> dict[str, Counter[str]]:
    return defaultdict(Counter)


@dataclass
class _Sums:
    """The statistics while they are added up."""

    # Languages by variant id.
    language_of: dict[int, str]
    states: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)
    not_delivered: Counter[str] = field(default_factory=Counter)
    minutes: Counter[str] = field(default_factory=Counter)
    # Fields of OutcomeCounts by what the recipients have in common.
    languages: dict[str, Counter[str]] = field(default_factory=_counters)
    countries: dict[str, Counter[str]] = field(default_factory=_counters)
    providers: dict[str, Counter[str]] = field(default_factory=_counters)
    failures: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    # Bounce classes by provider.
    provider_failures: dict[str, Counter[str]] = field(default_factory=_counters)

    def add(self, group: _Group) -> None:
        reason, recipients = group.not_delivered_reason, group.recipients
        self.states[_State.CLAIMED if reason == _State.CLAIMED else group.state] += recipients
        if reason:
            self.not_delivered[reason] += recipients
        if group.state == _State.EXCLUDED:
            self.excluded[UNSPECIFIED if reason == _State.EXCLUDED else reason] += recipients
        if group.state == _State.ACCEPTED:
            self.minutes[group.minute or ""] += recipients
        provider = provider_of_domain(group.domain) if group.domain else ""
        for outcome in _outcomes(group):
            self.languages[self.language_of.get(group.variant_id or 0, "")][outcome] += recipients
            self.countries[group.countries][outcome] += recipients
            self.providers[provider][outcome] += recipients
            if outcome in ("refused", "bounced"):
                bounce_class, failure_reason = _failure(group)
                self.failures[bounce_class, failure_reason][outcome] += recipients
                self.provider_failures[provider][bounce_class] += recipients

    def stats(
        self, audience: int | None, unsubscribes: Mapping[str, int], now: datetime, max_providers: int
    ) -> Stats:
        languages = _sorted_outcomes(self.languages)
        everybody = sum_outcomes(languages)
        return Stats(
            totals=Totals(
                audience=everybody.recipients if audience is None else audience,
                **{state: self.states[state] for state in _State.values if state != _State.EXCLUDED},
                bounced=everybody.bounced,
                complained=everybody.complained,
                excluded=dict(sorted(self.excluded.items())),
            ),
            languages=languages,
            countries=_sorted_outcomes(self.countries),
            providers=_sorted_outcomes(self.providers, max_providers),
            failures=tuple(
                FailureCount(*key, found["refused"], found["bounced"])
                for key, found in sorted(self.failures.items())
            ),
            provider_failures=_sorted_failures(self.provider_failures, max_providers),
            accepted_by_minute=dict(sorted(self.minutes.items())),
            not_delivered=dict(self.not_delivered),
            unsubscribes=unsubscribes,
            collected_at=now,
        )


def _outcomes(group: _Group) -> Iterator[str]:
    """Fields of OutcomeCounts in which the group's recipients count."""
    if group.state != _State.ACCEPTED:
        yield _ENDED.get(group.state, "pending")
        return
    yield "accepted"
    if group.bounced:
        yield "bounced"
    if group.complained:
        yield "complained"


def _sorted_outcomes(table: Mapping[str, Counter[str]], most: int | None = None) -> dict[str, OutcomeCounts]:
    """Most recipients first; all beyond `most` together, at the end."""
    made = ((key, OutcomeCounts(**found)) for key, found in table.items())
    outcomes = sorted(made, key=lambda one: -one[1].recipients)
    rest = dict(outcomes[most:]) if most is not None else {}
    return dict(outcomes[:most]) | ({OTHERS: sum_outcomes(rest)} if rest else {})


def _sorted_failures(table: Mapping[str, Counter[str]], most: int) -> dict[str, dict[str, int]]:
    """Most failures first; all beyond the first `most` providers together, at the end."""
    found = sorted(table.items(), key=lambda one: -one[1].total())
    rest = sum((classes for _, classes in found[most:]), Counter[str]())
    return {name: dict(classes) for name, classes in [*found[:most], *([(OTHERS, rest)] if rest else [])]}


def _failure(group: _Group) -> tuple[str, str]:
    """Class and reason: of the bounce, else of the server's reply by the same rules."""
    bounce_class, _, reason = group.classification.partition(" ")
    if reason or group.state != _State.REFUSED:
        return bounce_class or "unknown", reason or "unknown"
    if group.not_delivered_reason in _LEDGER_REASONS:
        return _LEDGER_REASONS[group.not_delivered_reason], group.not_delivered_reason
    return _classified(_ADDRESS.sub("@", group.server_reply))


# Servers give the same reply to thousands of recipients, but for the address.
@lru_cache(maxsize=4096)
def _classified(server_reply: str) -> tuple[str, str]:
    verdict = classify(server_reply)
    return verdict.bounce_class, verdict.reason


# Recipients up to which collecting takes no longer than reading the cache.
LIVE_LIMIT = 5_000
# A mailing in progress is collected again after this time, or after so many times what collecting took.
_PAUSE = timedelta(seconds=2)
_PAUSE_FACTOR = 10
# Deliveries in progress when a mailing ended have a result by then.
_SETTLED_AFTER = timedelta(minutes=10)
# An ended mailing is checked this long for new bounces, and collected again once a day anyway.
_WATCHED = timedelta(days=60)
_DAY = timedelta(days=1)


class KeyFigures(NamedTuple):
    """What a list shows of a mailing."""

    totals: Totals
    # Accepted recipients who unsubscribed since.
    unsubscribes: int


def stats_of(mailing: Mailing, now: datetime, *, live_limit: int = LIVE_LIMIT) -> Stats:
    """The mailing's statistics, cached where its audience exceeds `live_limit`; see `Stats.collected_at`."""
    if (mailing.audience or 0) > live_limit:
        cached = MailingStats.objects.filter(mailing=mailing).first()
        if cached:
            return Stats.from_dict(cached.stats)
    return collect(mailing, now)


def key_figures_of(mailings: Iterable[Mailing], now: datetime) -> dict[int, KeyFigures]:
    """The headline of each mailing by its id, from the cache where there is one."""
    listed = list(mailings)
    cached = MailingStats.objects.filter(mailing__in=listed).values_list(
        "mailing_id", "totals", "unsubscribes"
    )
    found = {mailing: KeyFigures(Totals(**totals), unsubscribes) for mailing, totals, unsubscribes in cached}
    return {one.pk: found.get(one.pk) or _headline(collect(one, now)) for one in listed}


def refresh_due(now: datetime) -> list[int]:
    """Refresh the cache of mailings that changed; their ids. Safe to run twice."""
    watched = Q(finished_at=None) | Q(finished_at__gt=now - _WATCHED) | Q(cached_stats=None)
    mailings = Mailing.objects.filter(watched).exclude(audience=None)
    mailings = mailings.select_related("cached_stats", "edition")
    due = [mailing for mailing in mailings.order_by("pk") if _is_due(mailing, now)]
    for mailing in due:
        refresh(mailing, now)
    return [mailing.pk for mailing in due]


def refresh(mailing: Mailing, now: datetime) -> Stats:
    """Collect the mailing's statistics and cache them."""
    # Before collecting: what arrives meanwhile is new the next time.
    event_count, began = _event_count(mailing), time.monotonic()
    stats = collect(mailing, now)
    headline = _headline(stats)
    columns = {
        "stats": stats.as_dict(),
        "totals": headline.totals.as_dict(),
        "unsubscribes": headline.unsubscribes,
        "event_count": event_count,
        "collected_at": now,
        "collect_seconds": time.monotonic() - began,
    }
    MailingStats.objects.update_or_create(mailing=mailing, defaults=columns)
    return stats


def _headline(stats: Stats) -> KeyFigures:
    return KeyFigures(stats.totals, sum(stats.unsubscribes.values()))


def _is_due(mailing: Mailing, now: datetime) -> bool:
    cached: MailingStats | None = getattr(mailing, "cached_stats", None)
    if cached is None:
        return True
    if now - cached.collected_at < max(_PAUSE, timedelta(seconds=cached.collect_seconds * _PAUSE_FACTOR)):
        return False
    if mailing.finished_at is None or cached.collected_at < mailing.finished_at + _SETTLED_AFTER:
        return True
    return now - cached.collected_at >= _DAY or _event_count(mailing) != cached.event_count


def _event_count(mailing: Mailing) -> int:
    """Bounces, complaints and unsubscribes: read from small indexes."""
    rows = Delivery.objects.filter(mailing=mailing)
    return (
        rows.filter(bounced_at__isnull=False).count()
        + rows.filter(complained_at__isnull=False).count()
        + unsubscribes_until_next_mailing(mailing).count()
        + unsubscribes_until_next_mailing(mailing).exclude(reason="").count()
    )
