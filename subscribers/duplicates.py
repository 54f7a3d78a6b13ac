"""Who might be the same person at two addresses: told for a person to decide, never decided here."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from subscribers.models import Subscriber
from subscribers.search import search
from subscribers.search.search import Asked

_LOOKED_AT = 500
_SHOWN = 10
# Letters before the @ that say something, and by how many of them people are looked up.
_SHORTEST = 3
_BEGINNING = 5


@dataclass(frozen=True)
class Alike:
    """Somebody who might be the same, and why."""

    person: Subscriber
    because: str


def to(person: Subscriber) -> list[Alike]:
    """Others with the same mailbox written otherwise, the same name before the @, or the same name."""
    found = {}
    local = bare(person.email.rpartition("@")[0])
    for other in _near(person, local):
        if because := _because(person, other, local):
            found[other.pk] = Alike(other, because)
    return list(found.values())[:_SHOWN]


def bare(local: str) -> str:
    """The part before the @ without what many mail systems do not look at: dots, and what follows a plus."""
    return local.partition("+")[0].replace(".", "").lower()


def _near(person: Subscriber, local: str) -> list[Subscriber]:
    """Some hundred people at most, found by an index: who begin alike, or bear the same name."""
    people = Subscriber.objects.exclude(pk=person.pk)
    near: list[QuerySet[Subscriber]] = [people.filter(_beginning(local))] if len(local) >= _SHORTEST else []
    if len(person.name) >= 3:
        named = search.page(Asked(words=person.name), _LOOKED_AT).people
        near.append(people.filter(pk__in=[one.pk for one in named]))
    return [one for rows in near for one in rows[:_LOOKED_AT]]


def _beginning(local: str) -> Q:
    """The first letters, with dots anywhere among them: each way is a stretch of the index of addresses."""
    ways = [local[0]]
    for letter in local[1:_BEGINNING]:
        ways = [way + dot + letter for way in ways for dot in ("", ".")]
    begins = Q()
    for way in ways:
        begins |= search.beginning(way)
    return begins


def _because(person: Subscriber, other: Subscriber, local: str) -> str:
    same_domain = person.email.rpartition("@")[2] == other.email.rpartition("@")[2]
    if len(local) >= _SHORTEST and bare(other.email.rpartition("@")[0]) == local:
        return "the same mailbox, written otherwise" if same_domain else "the same name before the @"
    if person.name and " ".join(person.name.lower().split()) == " ".join(other.name.lower().split()):
        return "the same name"
    return ""
