"""Segments: which people a mailing is for, and why some of those on its lists cannot be reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from subscribers.models import Subscriber, Subscription, Suppression

# Values of `standing`, see there.
REACHABLE = "reachable"
UNCONFIRMED = "unconfirmed"
UNSUBSCRIBED = "unsubscribed"
SUPPRESSED = "suppressed"
PAUSED = "paused"


@dataclass(frozen=True)
class Segment:
    """A definition, not a set: people on lists, narrowed by what they chose."""

    # Primary keys of mailing lists; being on any of them is enough, and being on several counts once.
    lists: tuple[int, ...]
    # ISO 3166-1 alpha-2; none: whatever the reader chose.
    countries: tuple[str, ...] = ()
    # Language codes; none: any.
    languages: tuple[str, ...] = ()
    # Only people who fit this, and nobody who fits that; None: no matter.
    only: Q | None = None
    without: Q | None = None

    def subscribers(self) -> QuerySet[Subscriber]:
        """People with a confirmed subscription who fit the choices, one row each, suppressed or not."""
        return self._fitting().filter(self.on_a_list(Subscription.State.CONFIRMED))

    def reachable(self) -> QuerySet[Subscriber]:
        """As `subscribers`, without those whose address is suppressed; whoever paused is among them."""
        return self.subscribers().exclude(suppressed())

    def people(self) -> QuerySet[Subscriber]:
        """Everybody who ever joined one of the lists, in any state, and fits the choices; one row each."""
        return self._fitting().filter(self.on_a_list())

    def on_a_list(self, *states: str) -> Exists:
        """The condition that a Subscriber is on one of the lists in one of the states (none: in any)."""
        found = Subscription.objects.filter(subscriber=OuterRef("pk"), mailing_list__in=self.lists)
        return Exists(found.filter(state__in=states) if states else found)

    def _fitting(self) -> QuerySet[Subscriber]:
        people = Subscriber.objects.all()
        if self.languages:
            people = people.filter(language__in=self.languages)
        if self.countries:
            people = people.filter(wanting(self.countries))
        if self.only is not None:
            people = people.filter(self.only)
        if self.without is not None:
            people = people.exclude(Q(pk__in=Subscriber.objects.filter(self.without).values("pk")))
        return people


def wanting(countries: Iterable[str]) -> Q:
    """The condition that a Subscriber gets the stories of one of these countries: also by choosing none."""
    # Codes are two letters between commas, so a pair of letters matches only as a whole code.
    wanted = Q(countries="")
    for code in countries:
        wanted |= Q(countries__contains=code)
    return wanted


def suppressed() -> Exists:
    """The condition that a Subscriber's address has a suppression in force."""
    return Exists(Suppression.objects.filter(address_hash=OuterRef("address_hash"), lifted_at__isnull=True))


def standing(segment: Segment, now: datetime) -> QuerySet[Subscriber]:
    """`segment.people()`, each annotated with `standing`, one of the five words above.

    Somebody who left every one of the lists is "unsubscribed", suppressed or not; of the others, a
    suppression weighs more than a missing confirmation, and that more than a pause. It is one statement, fit
    for a million people.
    """
    return segment.people().annotate(
        standing=Case(
            When(~segment.on_a_list(*_JOINED), then=Value(UNSUBSCRIBED)),
            When(suppressed(), then=Value(SUPPRESSED)),
            When(~segment.on_a_list(Subscription.State.CONFIRMED), then=Value(UNCONFIRMED)),
            When(paused_until__gt=now, then=Value(PAUSED)),
            default=Value(REACHABLE),
            output_field=models.CharField(max_length=12),
        )
    )


_JOINED = (Subscription.State.CONFIRMED, Subscription.State.PENDING)
