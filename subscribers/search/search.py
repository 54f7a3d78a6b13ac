"""Finding people among a million: by a part of the address or name, list, state, language and country.

A page costs about the same wherever it lies, because it begins at a person and not at a number of rows to be
skipped; and so does a count, because it stops where nobody would read the rest of the number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Case, Count, Exists, Max, OuterRef, Q, QuerySet, Value, When
from django.db.models.expressions import RawSQL

from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from subscribers.search import search_index
from subscribers.segments import audience, compile
from subscribers.segments.models import SavedSegment, Tagging
from subscribers.segments.rules import BadRule
from subscribers.segments.store import rule_of

# Counts go no further.
CAP = 10_000
# People looked at for a count that no index holds.
_SCANNED = 20_000
SUPPRESSED, NO_LIST = "suppressed", "nowhere"
STATES = (*Subscription.State.values, SUPPRESSED, NO_LIST)
# In place of a country: people who chose none, and so get every country's stories.
EVERY_COUNTRY = "every"


@dataclass(frozen=True)
class Query:
    """Whom somebody looks for; what is empty does not matter."""

    # Each word must be in the address or in the name; one or two letters begin the address.
    text: str = ""
    # Primary key of a list.
    mailing_list: int | None = None
    # One of STATES; with a list, on that list.
    state: str = ""
    language: str = ""
    # ISO 3166-1 alpha-2, chosen by name; or EVERY_COUNTRY.
    country: str = ""
    # Primary keys of a tag and of a saved segment, and the moment as of which that is asked (ISO 8601).
    tag: int | None = None
    segment: int | None = None
    as_of: str = ""


@dataclass(frozen=True)
class CappedCount:
    """How many, as far as it was counted."""

    number: int
    # False: there are more than `number`.
    exact: bool


@dataclass(frozen=True)
class Page:
    """Some people, the latest first."""

    subscribers: Sequence[Subscriber]
    # What `page` takes as `before` to show later people, and as `after` for earlier ones; None: nobody there.
    before: int | None
    after: int | None


@dataclass(frozen=True)
class _Condition:
    # What a person must meet, asked of one after another: no index that would sort them all.
    test: Q
    # The numbers of those who meet it, as an index finds them, some perhaps twice; None where none tells.
    subscriber_ids: QuerySet[Any, Any] | None = None
    # The same condition for when they are few, asked so that an index leads to them.
    selective: Q | None = None
    # Nobody with a higher number meets it.
    highest: int | None = None
    # Those who meet it in the order of their numbers, from the index of words.
    by_text_index: QuerySet[Subscriber] | None = None

    @cached_property
    def capped_count(self) -> CappedCount | None:
        """How many an index finds, asked for once; None where none tells."""
        return None if self.subscriber_ids is None else _capped_count(self.subscriber_ids)


def matching(query: Query) -> QuerySet[Subscriber]:
    """All of them, one row each, in no order."""
    return _apply(Subscriber.objects.all(), _conditions(query))


def page(query: Query, size: int, *, after: int | None = None, before: int | None = None) -> Page:
    """So many of them, the latest first: those that come after one person's number, or before it.

    Each has its subscriptions at hand, and says by `suppressed` whether no mail may reach it.
    """
    return Search(query).page(size, after=after, before=before)


def count(query: Query, *, exact: bool = False) -> CappedCount:
    """How many there are; unless `exactly`, not beyond CAP, and not at the cost of looking at everybody."""
    return Search(query).count(exact=exact)


class Search:
    """`page` and `count` of the same people: what both need is asked for once."""

    def __init__(self, query: Query) -> None:
        self._asked = query
        self._conditions = list(_conditions(query))

    def page(self, size: int, *, after: int | None = None, before: int | None = None) -> Page:
        """See the function of this name."""
        return _page(self._conditions, size, after, before)

    def count(self, *, exact: bool = False) -> CappedCount:
        """See the function of this name."""
        if exact:
            return CappedCount(matching(self._asked).count(), exact=True)
        return _count(self._conditions)


def _page(conditions: list[_Condition], size: int, after: int | None, before: int | None) -> Page:
    found = _page_queryset(conditions, after, before).annotate(suppressed=audience.suppressed())
    people = list(found.prefetch_related("subscriptions")[: size + 1])
    more, people = len(people) > size, people[:size]
    if before is not None:
        people.reverse()
    later = more if before is not None else after is not None
    earlier = more if before is None else True
    return Page(
        people,
        before=people[0].pk if people and later else None,
        after=people[-1].pk if people and earlier else None,
    )


def _count(conditions: list[_Condition]) -> CappedCount:
    if not conditions:
        return _capped_count(Subscriber.objects.values("pk"))
    if len(conditions) == 1 and conditions[0].capped_count is not None:
        return conditions[0].capped_count
    rare = _selective(conditions)
    if rare is not None:
        return CappedCount(_apply(Subscriber.objects.all(), conditions, rare).count(), exact=True)
    return _count_latest(conditions)


def _count_latest(conditions: list[_Condition]) -> CappedCount:
    """How many there are among the latest that might be."""
    first = next((one for one in conditions if one.by_text_index is not None), None)
    others = Q(*(one.test for one in conditions if one is not first), Q(pk__isnull=False))
    if first is not None and first.by_text_index is not None:
        people = _ordered_by_text_index(first.by_text_index, None, None, _highest(conditions))
    else:
        people = _below_highest(Subscriber.objects.order_by("-pk"), conditions)
    # Not the condition itself: one that nobody can meet would be no truth value for PostgreSQL.
    fits = Case(When(others, then=Value(True)), default=Value(False), output_field=BooleanField())
    found = people.annotate(fits=fits)[:_SCANNED].aggregate(
        seen=Count("pk"), fitting=Count("pk", filter=Q(fits=True))
    )
    number = min(found["fitting"], CAP)
    return CappedCount(number, exact=found["fitting"] <= CAP and found["seen"] < _SCANNED)


def _capped_count(numbers: QuerySet[Any, Any]) -> CappedCount:
    some = numbers.order_by()[: CAP + 1]
    if numbers.model is Subscriber:
        people = some.count()
        return CappedCount(min(people, CAP), exact=people <= CAP)
    found = some.aggregate(rows=Count("subscriber"), people=Count("subscriber", distinct=True))
    return CappedCount(min(found["people"], CAP), exact=found["rows"] <= CAP)


def _page_queryset(
    conditions: list[_Condition], after: int | None, before: int | None
) -> QuerySet[Subscriber]:
    """People from there on by number: downwards, or upwards for those before."""
    rare = _selective(conditions)
    first = next((one for one in conditions if one.by_text_index is not None), None)
    if rare is None and first is not None and first.by_text_index is not None:
        others = [one for one in conditions if one is not first]
        return _ordered_by_text_index(
            _apply(first.by_text_index, others), after, before, _highest(conditions)
        )
    people = _below_highest(_apply(Subscriber.objects.all(), conditions, rare), conditions)
    if before is not None:
        return people.filter(pk__gt=before).order_by("pk")
    return (people if after is None else people.filter(pk__lt=after)).order_by("-pk")


def _ordered_by_text_index(
    people: QuerySet[Subscriber], after: int | None, before: int | None, highest: int | None
) -> QuerySet[Subscriber]:
    if highest is not None:
        people = people.extra(where=["subscribers_trigram.rowid <= %s"], params=[highest])
    number = "subscribers_trigram.rowid"
    if before is not None:
        return people.extra(where=["subscribers_trigram.rowid > %s"], params=[before], order_by=[number])
    if after is not None:
        people = people.extra(where=["subscribers_trigram.rowid < %s"], params=[after])
    return people.extra(order_by=[f"-{number}"])


def _below_highest(people: QuerySet[Subscriber], conditions: list[_Condition]) -> QuerySet[Subscriber]:
    """Without the newer ones of whom none can be meant."""
    highest = _highest(conditions)
    return people if highest is None else people.filter(pk__lte=highest)


def _highest(conditions: Iterable[_Condition]) -> int | None:
    return min((one.highest for one in conditions if one.highest is not None), default=None)


def _selective(conditions: list[_Condition]) -> _Condition | None:
    """A condition that few meet, to begin with; the others are then asked of these few."""
    for one in conditions:
        if one.capped_count is not None and one.capped_count.exact:
            return one
    return None


def _apply(
    people: QuerySet[Subscriber], conditions: Iterable[_Condition], rare: _Condition | None = None
) -> QuerySet[Subscriber]:
    for one in conditions:
        people = people.filter(one.selective if one is rare and one.selective is not None else one.test)
    return people


def _conditions(query: Query) -> Iterator[_Condition]:
    # No database finds a NUL, and some end with it.
    yield from _text_conditions(query.text.replace("\0", " ").lower().split())
    if query.state == NO_LIST:
        yield _Condition(Q(~Exists(Subscription.objects.filter(subscriber=OuterRef("pk")))))
    elif query.mailing_list or query.state in Subscription.State.values:
        yield _subscription_condition(query.mailing_list, "" if query.state == SUPPRESSED else query.state)
    if query.state == SUPPRESSED:
        stopped = Suppression.objects.filter(lifted_at__isnull=True).values("address_hash")
        numbers = Subscriber.objects.filter(address_hash__in=stopped).values("pk")
        yield _Condition(Q(audience.suppressed()), numbers, Q(address_hash__in=stopped))
    if query.language:
        spoken = Subscriber.objects.filter(language=query.language).values("pk")
        yield _Condition(Q(language__iexact=query.language), spoken, Q(language=query.language))
    if query.tag:
        tagged = Tagging.objects.filter(tag=query.tag)
        mine = Q(Exists(tagged.filter(subscriber=OuterRef("pk"))))
        yield _Condition(mine, tagged.values("subscriber"), Q(pk__in=tagged.values("subscriber")))
    if query.segment:
        yield _Condition(_segment_condition(query.segment, datetime.fromisoformat(query.as_of)))
    if query.country == EVERY_COUNTRY:
        yield _Condition(Q(countries=""))
    elif query.country:
        yield _Condition(Q(countries__contains=query.country))


def _segment_condition(number: int, as_of: datetime) -> Q:
    """Nobody where the segment, or what its rule asks about, is gone."""
    segment = SavedSegment.objects.filter(pk=number).first()
    try:
        return Q(pk__in=()) if segment is None else compile.condition(rule_of(segment), as_of)
    except BadRule:
        return Q(pk__in=())


def _text_conditions(words: list[str]) -> Iterator[_Condition]:
    long = [word for word in words if len(word) >= search_index.MIN_LENGTH]
    within = Q(*(_contains(word) for word in long))
    if long and connection.vendor == "sqlite" and search_index.HAS_TRIGRAMS:
        phrase = search_index.match_all(long)
        spoken = Subscriber.objects.extra(
            tables=["subscribers_trigram"],
            where=["subscribers_trigram MATCH %s", "subscribers_trigram.rowid = subscribers_subscriber.id"],
            params=[phrase],
        )
        few = RawSQL("SELECT rowid FROM subscribers_trigram WHERE subscribers_trigram MATCH %s", [phrase])
        yield _Condition(within, spoken.values("pk"), Q(pk__in=few), by_text_index=spoken)
    elif long:
        yield _Condition(within, Subscriber.objects.filter(within).values("pk"), within)
    for word in words:
        if len(word) < search_index.MIN_LENGTH:
            indexed = email_starts_with(word)
            yield _Condition(
                Q(email__startswith=word), Subscriber.objects.filter(indexed).values("pk"), indexed
            )


def email_starts_with(prefix: str) -> Q:
    """The condition that an address begins so, as the index of addresses finds it."""
    if connection.vendor == "postgresql":
        return Q(email__startswith=prefix)
    # LIKE with an escape character, as Django asks, uses no index of SQLite.
    return Q(email__gte=prefix, email__lt=prefix + "\U0010ffff")


def _contains(word: str) -> Q:
    """SQLite knows upper and lower case of A to Z alone; names are written in other letters too."""
    within = Q(email__icontains=word) | Q(name__icontains=word)
    for other in {word.title(), word.upper()} if not word.isascii() else ():
        within |= Q(name__contains=other)
    return within


def _subscription_condition(mailing_list: int | None, state: str) -> _Condition:
    lists = [mailing_list] if mailing_list else list(MailingList.objects.values_list("pk", flat=True))
    states = [state] if state else list(Subscription.State.values)
    rows = Subscription.objects.filter(mailing_list__in=lists, state__in=states)
    # One look into the index for each; all at once would go through every row.
    highest = [
        Subscription.objects.filter(mailing_list=one, state=each).aggregate(last=Max("subscriber"))["last"]
        for one in lists
        for each in states
    ]
    return _Condition(
        Q(Exists(rows.filter(subscriber=OuterRef("pk")))),
        rows.values("subscriber"),
        Q(pk__in=rows.values("subscriber")),
        highest=max((one for one in highest if one is not None), default=0),
    )
