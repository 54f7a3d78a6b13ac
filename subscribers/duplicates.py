"""Who might be the same person at two addresses: told for a person to decide, never decided here."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from subscribers.models import Subscriber
from subscribers.search import search
from subscribers.search.search import Query

_SCANNED = 500
_MAX_CANDIDATES = 10
# Letters before the @ that say something, and by how many of them people are looked up.
_MIN_LOCAL_LENGTH = 3
_PREFIX_LENGTH = 5


@dataclass(frozen=True)
class Candidate:
    """Somebody who might be the same, and why."""

    subscriber: Subscriber
    reason: str


def candidates_for(subscriber: Subscriber) -> list[Candidate]:
    """Others with the same mailbox written otherwise, the same name before the @, or the same name."""
    found = {}
    local = canonical_local(subscriber.email.rpartition("@")[0])
    for other in _nearby(subscriber, local):
        if because := _match_reason(subscriber, other, local):
            found[other.pk] = Candidate(other, because)
    return list(found.values())[:_MAX_CANDIDATES]


def canonical_local(local: str) -> str:
    """The part before the @ without what many mail systems do not look at: dots, and what follows a plus."""
    return local.partition("+")[0].replace(".", "").lower()


def _nearby(person: Subscriber, local: str) -> list[Subscriber]:
    """Some hundred people at most, found by an index: who begin alike, or bear the same name."""
    people = Subscriber.objects.exclude(pk=person.pk)
    near: list[QuerySet[Subscriber]] = (
        [people.filter(_starts_like(local))] if len(local) >= _MIN_LOCAL_LENGTH else []
    )
    if len(person.name) >= 3:
        named = search.page(Query(text=person.name), _SCANNED).subscribers
        near.append(people.filter(pk__in=[one.pk for one in named]))
    return [one for rows in near for one in rows[:_SCANNED]]


def _starts_like(local: str) -> Q:
    """The first letters, with dots anywhere among them: each way is a stretch of the index of addresses."""
    ways = [local[0]]
    for letter in local[1:_PREFIX_LENGTH]:
        ways = [way + dot + letter for way in ways for dot in ("", ".")]
    begins = Q()
    for way in ways:
        begins |= search.email_starts_with(way)
    return begins


def _match_reason(person: Subscriber, other: Subscriber, local: str) -> str:
    same_domain = person.email.rpartition("@")[2] == other.email.rpartition("@")[2]
    if len(local) >= _MIN_LOCAL_LENGTH and canonical_local(other.email.rpartition("@")[0]) == local:
        return "the same mailbox, written otherwise" if same_domain else "the same name before the @"
    if person.name and " ".join(person.name.lower().split()) == " ".join(other.name.lower().split()):
        return "the same name"
    return ""
