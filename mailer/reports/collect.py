"""Counts a mailing: each delivery is read once, so that every table tells of the same readers and adds up."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    ExpressionWrapper,
    F,
    Func,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Concat, StrIndex, Substr

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Delivery, Mailing
from mailer.delivery.throttle.providers import provider_of_domain
from mailer.feedback.models import FeedbackEvent
from mailer.feedback.parsing.classify import classify
from mailer.reports.not_delivered import MISSED, WHY
from mailer.reports.stats import OTHERS, Counts, Failure, Fate, total
from mailer.reports.totals import Account
from mailer.reports.unsubscribes import left_after
from subscribers.models import Subscriber

_State = Delivery.State
# Deliveries that one statement groups: memory stays flat, and nothing is held open for long.
_PIECE = 50_000
# States whose field of Fate is not "waiting".
_NOT_ACCEPTED = {_State.REFUSED.value: "refused", _State.EXCLUDED.value: "left_out"}
# Providers that are told of one by one.
_PROVIDERS = 500
_ADDRESS = re.compile(r"\S*@\S*")
# What the ledger's own reasons say of a refusal whose words say less.
_OURS = {"expired": "soft", "blocked": "block", "mailbox_full": "soft"}


class _Minute(Func):
    """A moment's minute in UTC, as text."""

    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(compiler, connection, template="substr(%(expressions)s, 1, 16)")

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
        return super().as_sql(compiler, connection, template=template)


class _Cell(NamedTuple):
    """Deliveries that are alike in all that is counted."""

    state: str
    # See unreached.WHY; "" of those who were reached.
    why: str
    variant: int | None
    countries: str
    minute: str | None
    # Of the reader's address; None: erased.
    domain: str | None
    bounced: bool
    complained: bool
    # Of the failed: "class reason" by the event about it, "" without one.
    verdict: str
    # Of the refused: the server's last words.
    said: str
    readers: int


def count(mailing: Mailing, now: datetime) -> Counts:
    """Everything that is counted of a mailing, as it is between `now` and the end of counting."""
    languages = dict(
        SnapshotVariant.objects.filter(snapshot=mailing.snapshot_id).values_list("pk", "language")
    )
    sums = _Sums(languages)
    for cell in _cells(mailing):
        sums.add(cell)
    return sums.counts(mailing.audience, left_after(mailing), now)


def _cells(mailing: Mailing) -> Iterator[_Cell]:
    after = -1
    rows = Delivery.objects.filter(mailing=mailing)
    while True:
        rest = rows.filter(subscriber__gt=after).order_by("subscriber").values_list("subscriber", flat=True)
        last = rest[_PIECE - 1 : _PIECE].first()
        piece = rows.filter(subscriber__gt=after, **({} if last is None else {"subscriber__lte": last}))
        yield from map(_Cell._make, _grouped(piece))
        if last is None:
            return
        after = last


def _grouped(piece: Any) -> Any:
    failed = Q(state=_State.REFUSED) | Q(bounced_at__isnull=False)
    return (
        piece.annotate(
            told=Case(When(MISSED, then=WHY), default=Value(""), output_field=CharField()),
            minute=Case(When(state=_State.ACCEPTED, then=_Minute("accepted_at"))),
            domain=Subquery(_domains()),
            came_back=_holds(Q(bounced_at__isnull=False)),
            unwanted=_holds(Q(complained_at__isnull=False)),
            verdict=Case(When(failed, then=Coalesce(Subquery(_verdicts()), Value(""))), default=Value("")),
            said=Case(When(state=_State.REFUSED, then=F("reply")), default=Value("")),
        )
        .values_list(
            *("state", "told", "variant", "countries", "minute", "domain"),
            *("came_back", "unwanted", "verdict", "said"),
        )
        .annotate(readers=Count("pk"))
        .order_by()
    )


def _holds(condition: Q) -> Any:
    return ExpressionWrapper(condition, output_field=BooleanField())


def _domains() -> Any:
    found = Subscriber.objects.filter(pk=OuterRef("subscriber"))
    return found.values(of=Substr("email", StrIndex("email", Value("@")) + 1))


def _verdicts() -> Any:
    """The latest bounce of a delivery: "hard unknown_user"."""
    events = FeedbackEvent.objects.filter(delivery=OuterRef("pk"), kind=FeedbackEvent.Kind.BOUNCE)
    return events.order_by("-at", "-pk").values(of=Concat("bounce_class", Value(" "), "reason"))[:1]


def _groups() -> dict[str, Counter[str]]:
    return defaultdict(Counter)


@dataclass
class _Sums:
    """The tables while they grow."""

    # Of a variant's number.
    spoken: dict[int, str]
    states: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)
    unreached: Counter[str] = field(default_factory=Counter)
    minutes: Counter[str] = field(default_factory=Counter)
    # Fates by what the readers have in common.
    languages: dict[str, Counter[str]] = field(default_factory=_groups)
    countries: dict[str, Counter[str]] = field(default_factory=_groups)
    providers: dict[str, Counter[str]] = field(default_factory=_groups)
    failures: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    # Classes of failures by provider.
    troubles: dict[str, Counter[str]] = field(default_factory=_groups)

    def add(self, cell: _Cell) -> None:
        self.states[_State.CLAIMED if cell.why == _State.CLAIMED else cell.state] += cell.readers
        if cell.why:
            self.unreached[cell.why] += cell.readers
        if cell.state == _State.EXCLUDED:
            self.excluded["no reason kept" if cell.why == _State.EXCLUDED else cell.why] += cell.readers
        if cell.state == _State.ACCEPTED:
            self.minutes[cell.minute or ""] += cell.readers
        provider = provider_of_domain(cell.domain) if cell.domain else ""
        for fate in _fates(cell):
            self.languages[self.spoken.get(cell.variant or 0, "")][fate] += cell.readers
            self.countries[cell.countries][fate] += cell.readers
            self.providers[provider][fate] += cell.readers
            if fate in ("refused", "bounced"):
                bounce_class, reason = _failure(cell)
                self.failures[bounce_class, reason][fate] += cell.readers
                self.troubles[provider][bounce_class] += cell.readers

    def counts(self, audience: int | None, left: Mapping[str, int], now: datetime) -> Counts:
        languages = _told(self.languages)
        everybody = total(languages)
        return Counts(
            account=Account(
                audience=everybody.readers if audience is None else audience,
                **{state: self.states[state] for state in _State.values if state != _State.EXCLUDED},
                bounced=everybody.bounced,
                complained=everybody.complained,
                excluded=dict(sorted(self.excluded.items())),
            ),
            languages=languages,
            countries=_told(self.countries),
            providers=_told(self.providers, _PROVIDERS),
            failures=tuple(
                Failure(*key, found["refused"], found["bounced"])
                for key, found in sorted(self.failures.items())
            ),
            troubles=_troubles(self.troubles),
            minutes=dict(sorted(self.minutes.items())),
            unreached=dict(self.unreached),
            left=left,
            at=now,
        )


def _fates(cell: _Cell) -> Iterator[str]:
    """Fields of Fate that the cell's readers count in."""
    if cell.state != _State.ACCEPTED:
        yield _NOT_ACCEPTED.get(cell.state, "waiting")
        return
    yield "accepted"
    if cell.bounced:
        yield "bounced"
    if cell.complained:
        yield "complained"


def _told(table: Mapping[str, Counter[str]], most: int | None = None) -> dict[str, Fate]:
    """Most readers first; all beyond `most` together, at the end."""
    fates = sorted(((key, Fate(**found)) for key, found in table.items()), key=lambda one: -one[1].readers)
    rest = dict(fates[most:]) if most is not None else {}
    return dict(fates[:most]) | ({OTHERS: total(rest)} if rest else {})


def _troubles(table: Mapping[str, Counter[str]]) -> dict[str, dict[str, int]]:
    """Most failures first; all beyond the first providers together, at the end."""
    found = sorted(table.items(), key=lambda one: -one[1].total())
    rest = sum((classes for _, classes in found[_PROVIDERS:]), Counter[str]())
    return {
        name: dict(classes) for name, classes in [*found[:_PROVIDERS], *([(OTHERS, rest)] if rest else [])]
    }


def _failure(cell: _Cell) -> tuple[str, str]:
    """Class and reason: as the bounce was read, else by the words of the session, by the same rules."""
    bounce_class, _, reason = cell.verdict.partition(" ")
    if reason or cell.state != _State.REFUSED:
        return bounce_class or "unknown", reason or "unknown"
    if cell.why in _OURS:
        return _OURS[cell.why], cell.why
    return _by_words(_ADDRESS.sub("@", cell.said))


# Servers say the same to thousands, but for the address.
@lru_cache(maxsize=4096)
def _by_words(said: str) -> tuple[str, str]:
    verdict = classify(said)
    return verdict.bounce_class, verdict.reason
