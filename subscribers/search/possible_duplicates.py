"""Subscribers who may be the same person as another one."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext

from subscribers.models import Subscriber
from subscribers.search.subscriber_search import Query, email_starts_with, newest_matches

_COMPARED = 500


_MAX_CANDIDATES = 10


# Shortest local part that is compared, and how many of its letters the lookup uses.
_MIN_LOCAL_LENGTH = 3


_PREFIX_LENGTH = 5


@dataclass(frozen=True)
class Candidate:
    """A possible duplicate, and why."""

    subscriber: Subscriber
    reason: str


def possible_duplicates(subscriber: Subscriber) -> list[Candidate]:
    """Subscribers with another spelling of the mailbox, the same local part, or the same name."""
    found = {}
    local = canonical_local(subscriber.email.rpartition("@")[0])
    for other in _nearby(subscriber, local):
        if because := _match_reason(subscriber, other, local):
            found[other.pk] = Candidate(other, because)
    return list(found.values())[:_MAX_CANDIDATES]


def canonical_local(local: str) -> str:
    """The local part without what many mail systems ignore: dots, and what follows a plus."""
    return local.partition("+")[0].replace(".", "").lower()


def _nearby(subscriber: Subscriber, local: str) -> list[Subscriber]:
    """Some hundred subscribers at most, from an index: a similar start of the address, or the same name."""
    near: list[Subscriber] = []
    if len(local) >= _MIN_LOCAL_LENGTH:
        near += Subscriber.objects.filter(_starts_like(local)).only("email", "name")[:_COMPARED]
    if len(subscriber.name) >= 3:
        near += newest_matches(Query(text=subscriber.name), _COMPARED, "email", "name")
    return [one for one in near if one.pk != subscriber.pk]


def _starts_like(local: str) -> Q:
    """The first letters with dots anywhere among them: each variant is a range of the address index."""
    prefixes = [local[0]]
    for letter in local[1:_PREFIX_LENGTH]:
        prefixes = [prefix + dot + letter for prefix in prefixes for dot in ("", ".")]
    condition = Q()
    for prefix in prefixes:
        condition |= email_starts_with(prefix)
    return condition


def _match_reason(subscriber: Subscriber, other: Subscriber, local: str) -> str:
    same_domain = subscriber.email.rpartition("@")[2] == other.email.rpartition("@")[2]
    if len(local) >= _MIN_LOCAL_LENGTH and canonical_local(other.email.rpartition("@")[0]) == local:
        return (
            gettext("the same mailbox, with the address written differently")
            if same_domain
            else gettext("the same text before the @")
        )
    if subscriber.name and " ".join(subscriber.name.lower().split()) == " ".join(other.name.lower().split()):
        return gettext("the same name")
    return ""
