"""Search among millions of subscribers by parts of address or name, subscription, choices, tag and segment.

A page costs about the same wherever it is, because it starts at a subscriber id instead of skipping rows
(keyset pagination); so does a count, because it stops at CAP.
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

from subscribers.addresses import normalise
from subscribers.models import MailingList, Subscriber, Subscription, Suppression
from subscribers.search import search_index
from subscribers.segments import estimates, mailing_audience_query, segments
from subscribers.segments.conditions import int_values
from subscribers.segments.models import Segment, Tagging
from subscribers.segments.rule_format import Group, InvalidRule
from subscribers.segments.segments import load_expanded_rule

# Counts go no further.
CAP = 5_000
# Subscribers scanned for a count that no index gives.
_SCANNED = 4_000
_CONFIRMED, _PENDING = Subscription.State.CONFIRMED, Subscription.State.PENDING
SUPPRESSED, NO_LIST = "suppressed", "nowhere"
STATES = (*Subscription.State.values, SUPPRESSED, NO_LIST)
# In place of a country: subscribers who chose none, and so get the stories of every country.
EVERY_COUNTRY = "every"


@dataclass(frozen=True)
class Query:
    """What to search for; an empty field does not matter."""

    # Each word is a part of the address or name; a word of one or two letters is the start of the address.
    text: str = ""
    # Primary key of a list.
    mailing_list: int | None = None
    # One of STATES; with a list, on that list.
    state: str = ""
    language: str = ""
    # ISO 3166-1 alpha-2, chosen explicitly; or EVERY_COUNTRY.
    country: str = ""
    # Primary keys of a tag and a segment, and the time as of which the segment is evaluated (ISO 8601).
    tag: int | None = None
    segment: int | None = None
    as_of: str = ""


@dataclass(frozen=True)
class CappedCount:
    """A count that stops at a cap."""

    number: int
    # False: there are more than `number`.
    exact: bool


@dataclass(frozen=True)
class Page:
    """Some subscribers, the newest first."""

    subscribers: Sequence[Subscriber]
    # For `search_page`: `before` leads to newer subscribers, `after` to older ones; None: there are none.
    before: int | None
    after: int | None


@dataclass(frozen=True)
class _Condition:
    # The test of a single row, which uses no index that would have to sort all rows.
    test: Q
    # Ids of the subscribers who meet it, from an index; None without an index.
    subscriber_ids: QuerySet[Any, Any] | None = None
    # The same condition for few matches, in a form that uses the index.
    selective: Q | None = None
    # No subscriber with a higher id meets it.
    highest: int | None = None
    # Whether the worker counted more than CAP.
    is_over_cap: bool = False
    # Whether another condition includes it: it only has an index.
    is_implied: bool = False
    # The matches in the order of their ids, from the text index.
    by_text_index: QuerySet[Subscriber] | None = None
    # Whether `subscriber_ids` may have a subscriber more than once.
    has_repeats: bool = True

    @cached_property
    def capped_count(self) -> CappedCount | None:
        """How many an index finds, counted once; None without an index."""
        ids = self.subscriber_ids
        return None if ids is None else _capped_count(ids, has_repeats=self.has_repeats)


def matching_subscribers(query: Query) -> QuerySet[Subscriber]:
    """All matches, one row each, unordered."""
    return _apply(Subscriber.objects.all(), _conditions(query))


def search_page(query: Query, size: int, *, after: int | None = None, before: int | None = None) -> Page:
    """A page of matches, the newest first: those after a subscriber's id, or before it.

    Each has its subscriptions prefetched, and `suppressed` says whether the address is suppressed.
    """
    return Search(query).page(size, after=after, before=before)


def newest_matches(query: Query, size: int, *fields: str) -> list[Subscriber]:
    """The newest matches with these fields alone: for a look over many, where a page is too heavy."""
    return list(_page_queryset(list(_conditions(query)), None, None).only(*fields)[:size])


def count_matches(query: Query, *, exact: bool = False) -> CappedCount:
    """How many match; unless `exact`, it stops at CAP and does not scan the whole table."""
    return Search(query).count(exact=exact)


class Search:
    """`search_page` and `count_matches` of one query, which share what both need."""

    def __init__(self, query: Query) -> None:
        self._asked = query
        self._conditions = list(_conditions(query))

    def page(self, size: int, *, after: int | None = None, before: int | None = None) -> Page:
        """Like the function of this name."""
        return _page(self._conditions, size, after, before)

    def count(self, *, exact: bool = False) -> CappedCount:
        """Like the function of this name."""
        if exact:
            return CappedCount(matching_subscribers(self._asked).count(), exact=True)
        return _count(self._conditions)


def _page(conditions: list[_Condition], size: int, after: int | None, before: int | None) -> Page:
    found = _page_queryset(conditions, after, before).annotate(
        suppressed=mailing_audience_query.suppressed_condition()
    )
    subscribers = list(found.prefetch_related("subscriptions")[: size + 1])
    more, subscribers = len(subscribers) > size, subscribers[:size]
    if before is not None:
        subscribers.reverse()
    later = more if before is not None else after is not None
    earlier = more if before is None else True
    return Page(
        subscribers,
        before=subscribers[0].pk if subscribers and later else None,
        after=subscribers[-1].pk if subscribers and earlier else None,
    )


def _count(conditions: list[_Condition]) -> CappedCount:
    if not conditions:
        return _capped_count(Subscriber.objects.values("pk"), has_repeats=False)
    own = [one for one in conditions if not one.is_implied]
    if len(own) == 1 and own[0].capped_count is not None:
        return own[0].capped_count
    if len(own) == 1 and own[0].is_over_cap:
        return CappedCount(CAP, exact=False)
    rare = _selective(conditions)
    if rare is not None:
        return CappedCount(_apply(Subscriber.objects.all(), conditions, rare).count(), exact=True)
    return _count_latest(conditions)


def _count_latest(conditions: list[_Condition]) -> CappedCount:
    """How many match among the newest candidates."""
    first = next((one for one in conditions if one.by_text_index is not None), None)
    if first is not None and first.by_text_index is not None:
        subscribers = _ordered_by_text_index(first.by_text_index, None, None, _highest(conditions))
    else:
        subscribers = _below_highest(Subscriber.objects.order_by("-pk"), conditions)
    # The oldest candidate, from an index alone: within these bounds each test is a look-up for few rows.
    oldest = subscribers.values_list("pk", flat=True)[_SCANNED - 1 : _SCANNED]
    lowest = next(iter(oldest), None)
    if lowest is not None:
        subscribers = subscribers.filter(pk__gte=lowest)
    number = _apply(subscribers, (one for one in conditions if one is not first)).order_by().count()
    return CappedCount(min(number, CAP), exact=number <= CAP and lowest is None)


def _capped_count(numbers: QuerySet[Any, Any], *, has_repeats: bool) -> CappedCount:
    some = numbers.order_by()[: CAP + 1]
    if not has_repeats or numbers.model is Subscriber:
        subscribers = some.count()
        return CappedCount(min(subscribers, CAP), exact=subscribers <= CAP)
    found = some.aggregate(rows=Count("subscriber"), subscribers=Count("subscriber", distinct=True))
    return CappedCount(min(found["subscribers"], CAP), exact=found["rows"] <= CAP)


def _page_queryset(
    conditions: list[_Condition], after: int | None, before: int | None
) -> QuerySet[Subscriber]:
    """Subscribers from an id on: downwards, or upwards for those before."""
    rare = _selective(conditions)
    first = next((one for one in conditions if one.by_text_index is not None), None)
    if rare is None and first is not None and first.by_text_index is not None:
        others = [one for one in conditions if one is not first]
        return _ordered_by_text_index(
            _apply(first.by_text_index, others), after, before, _highest(conditions)
        )
    subscribers = _below_highest(_apply(Subscriber.objects.all(), conditions, rare), conditions)
    if before is not None:
        return subscribers.filter(pk__gt=before).order_by("pk")
    return (subscribers if after is None else subscribers.filter(pk__lt=after)).order_by("-pk")


def _ordered_by_text_index(
    subscribers: QuerySet[Subscriber], after: int | None, before: int | None, highest: int | None
) -> QuerySet[Subscriber]:
    if highest is not None:
        subscribers = subscribers.extra(where=["subscribers_trigram.rowid <= %s"], params=[highest])
    number = "subscribers_trigram.rowid"
    if before is not None:
        return subscribers.extra(where=["subscribers_trigram.rowid > %s"], params=[before], order_by=[number])
    if after is not None:
        subscribers = subscribers.extra(where=["subscribers_trigram.rowid < %s"], params=[after])
    return subscribers.extra(order_by=[f"-{number}"])


def _below_highest(subscribers: QuerySet[Subscriber], conditions: list[_Condition]) -> QuerySet[Subscriber]:
    """Without the newer ones, none of which can match."""
    highest = _highest(conditions)
    return subscribers if highest is None else subscribers.filter(pk__lte=highest)


def _highest(conditions: Iterable[_Condition]) -> int | None:
    return min((one.highest for one in conditions if one.highest is not None), default=None)


def _selective(conditions: list[_Condition]) -> _Condition | None:
    """A condition with few matches; the others are then tested on these few."""
    for one in conditions:
        if one.capped_count is not None and one.capped_count.exact:
            return one
    return None


def _apply(
    subscribers: QuerySet[Subscriber], conditions: Iterable[_Condition], rare: _Condition | None = None
) -> QuerySet[Subscriber]:
    for one in conditions:
        subscribers = subscribers.filter(
            one.selective if one is rare and one.selective is not None else one.test
        )
    return subscribers


def _conditions(query: Query) -> Iterator[_Condition]:
    # No database finds a NUL, and some fail on it.
    yield from _text_conditions(
        [word_as_stored(word) for word in query.text.replace("\0", " ").lower().split()]
    )
    if query.state == NO_LIST:
        yield _Condition(Q(~Exists(Subscription.objects.filter(subscriber=OuterRef("pk")))))
    elif query.mailing_list or query.state in Subscription.State.values:
        yield _subscription_condition(query.mailing_list, "" if query.state == SUPPRESSED else query.state)
    if query.state == SUPPRESSED:
        suppressions = Suppression.objects.filter(lifted_at__isnull=True).values("address_hash")
        yield _Condition(
            Q(mailing_audience_query.suppressed_condition()),
            _suppressed_ids(),
            Q(address_hash__in=suppressions),
        )
    if query.language:
        in_language = Subscriber.objects.filter(language=query.language).values("pk")
        yield _Condition(Q(language__iexact=query.language), in_language, Q(language=query.language))
    if query.tag:
        tagged = Tagging.objects.filter(tag=query.tag)
        mine = Q(Exists(tagged.filter(subscriber=OuterRef("pk"))))
        yield _Condition(mine, tagged.values("subscriber"), Q(pk__in=tagged.values("subscriber")))
    if query.segment:
        yield from _segment_conditions(query.segment, datetime.fromisoformat(query.as_of))
    if query.country == EVERY_COUNTRY:
        yield _Condition(Q(countries=""))
    elif query.country:
        yield _Condition(Q(countries__contains=query.country))


def _segment_conditions(number: int, as_of: datetime) -> Iterator[_Condition]:
    """No subscriber where the segment, or something that its rule refers to, is deleted."""
    segment = Segment.objects.filter(pk=number).first()
    try:
        if segment is None:
            yield _Condition(Q(pk__in=()))
            return
        rule = load_expanded_rule(segment)
        test, kept = segments.to_q(rule, as_of), estimates.kept_count(rule, as_of)
    except InvalidRule:
        yield _Condition(Q(pk__in=()))
        return
    if connection.vendor == "sqlite":
        # It would take the matches of one condition from an index, and sort all of them.
        test = Q(Case(When(test, then=Value(True)), default=Value(False), output_field=BooleanField()))
    yield _Condition(test, is_over_cap=kept is not None and kept.matching > CAP)
    for ids in _indexed_parts(rule):
        yield _Condition(Q(pk__isnull=False), ids, Q(pk__in=ids), is_implied=True)


def _indexed_parts(rule: Group) -> Iterator[QuerySet[Any, Any]]:
    """Ids of subscribers by conditions that each match of the rule meets, where an index finds them."""
    if rule.join != "all":
        return
    for part in rule.parts:
        if isinstance(part, Group):
            yield from _indexed_parts(part)
        elif (part.attribute, part.operator) == ("tag", "has"):
            yield Tagging.objects.filter(tag__in=int_values(part)).values("subscriber")
        elif (part.attribute, part.operator) == ("list", "on"):
            yield Subscription.objects.filter(mailing_list__in=int_values(part), state=_CONFIRMED).values(
                "subscriber"
            )
        elif part.attribute == "pending":
            lists = list(MailingList.objects.values_list("pk", flat=True))
            yield Subscription.objects.filter(mailing_list__in=lists, state=_PENDING).values("subscriber")
        elif (part.attribute, part.operator) == ("suppressed", "is"):
            yield _suppressed_ids()


def _suppressed_ids() -> QuerySet[Any, Any]:
    suppressions = Suppression.objects.filter(lifted_at__isnull=True).values("address_hash")
    return Subscriber.objects.filter(address_hash__in=suppressions).values("pk")


def word_as_stored(word: str) -> str:
    """A whole address with a domain in other letters in its stored form; any other word as it is."""
    if word.isascii() or "@" not in word:
        return word
    try:
        return normalise(word)
    except ValueError:
        return word


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
    """The condition that an address starts with the prefix, in a form that uses the index."""
    if connection.vendor == "postgresql":
        return Q(email__startswith=prefix)
    # LIKE with an escape character, as Django writes it, uses no index of SQLite.
    return Q(email__gte=prefix, email__lt=prefix + "\U0010ffff")


def _contains(word: str) -> Q:
    """The condition of a part of address or name. SQLite folds the case of A to Z only."""
    within = Q(email__icontains=word) | Q(name__icontains=word)
    for other in {word.title(), word.upper()} if not word.isascii() else ():
        within |= Q(name__contains=other)
    return within


def _subscription_condition(mailing_list: int | None, state: str) -> _Condition:
    lists = [mailing_list] if mailing_list else list(MailingList.objects.values_list("pk", flat=True))
    states = [state] if state else list(Subscription.State.values)
    rows = Subscription.objects.filter(mailing_list__in=lists, state__in=states)
    # One index lookup for each; one query for all would scan every row.
    highest = [
        Subscription.objects.filter(mailing_list=one, state=each).aggregate(last=Max("subscriber"))["last"]
        for one in lists
        for each in states
    ]
    last = max((one for one in highest if one is not None), default=0)
    # The bound follows from the condition; PostgreSQL would start at the newest subscription of any list.
    mine = rows.filter(subscriber=OuterRef("pk"), subscriber__lte=last)
    return _Condition(
        Q(Exists(mine)),
        rows.values("subscriber"),
        Q(pk__in=rows.values("subscriber")),
        has_repeats=len(lists) > 1,
        highest=last,
    )
