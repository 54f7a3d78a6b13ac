"""The audience of a mailing as a query: which subscribers it is for, and why some cannot be reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from subscribers.models import Subscriber, Subscription, Suppression

# Values of the annotation `reachability`.
REACHABLE = "reachable"
UNCONFIRMED = "unconfirmed"
UNSUBSCRIBED = "unsubscribed"
SUPPRESSED = "suppressed"
PAUSED = "paused"

_SUBSCRIBED = (Subscription.State.CONFIRMED, Subscription.State.PENDING)


@dataclass(frozen=True)
class AudienceQuery:
    """Subscribers of lists, narrowed by countries, language and rules; a definition, not a set."""

    # Primary keys of mailing lists; being on several of them counts once.
    lists: tuple[int, ...]
    # ISO 3166-1 alpha-2; empty: whatever the subscriber chose.
    countries: tuple[str, ...] = ()
    # Language codes; empty: any.
    languages: tuple[str, ...] = ()
    # Only subscribers who match the one, and none who match the other.
    only: Q | None = None
    exclude: Q | None = None

    def subscribers(self) -> QuerySet[Subscriber]:
        """Subscribers with a confirmed subscription, one row each, suppressed or not."""
        return self._narrowed().filter(self.on_lists(Subscription.State.CONFIRMED))

    def reachable(self) -> QuerySet[Subscriber]:
        """As `subscribers`, without suppressed addresses; paused subscribers are included."""
        return self.subscribers().exclude(suppressed_condition())

    def ever_subscribed(self) -> QuerySet[Subscriber]:
        """Subscribers with a subscription to one of the lists in any state, one row each."""
        return self._narrowed().filter(self.on_lists())

    def on_lists(self, *states: str) -> Exists:
        """The condition that a Subscriber is on one of the lists in one of the states (none: in any)."""
        found = Subscription.objects.filter(subscriber=OuterRef("pk"), mailing_list__in=self.lists)
        return Exists(found.filter(state__in=states) if states else found)

    def _narrowed(self) -> QuerySet[Subscriber]:
        found = Subscriber.objects.all()
        if self.languages:
            found = found.filter(language__in=self.languages)
        if self.countries:
            found = found.filter(interested_in(self.countries))
        if self.only is not None:
            found = found.filter(self.only)
        if self.exclude is not None:
            found = found.exclude(Q(pk__in=Subscriber.objects.filter(self.exclude).values("pk")))
        return found


def interested_in(countries: Iterable[str]) -> Q:
    """The condition that a Subscriber gets the stories of one of these countries: also by choosing none."""
    # Codes are two letters between commas, so two letters only match a whole code.
    wanted = Q(countries="")
    for code in countries:
        wanted |= Q(countries__contains=code)
    return wanted


def suppressed_condition() -> Exists:
    """The condition that a Subscriber's address has a suppression in force."""
    return Exists(Suppression.objects.filter(address_hash=OuterRef("address_hash"), lifted_at__isnull=True))


def with_reachability(query: AudienceQuery, now: datetime) -> QuerySet[Subscriber]:
    """`query.ever_subscribed()`, each annotated with `reachability`, one of the five values above.

    Subscribers who unsubscribed from all of the lists are "unsubscribed", suppressed or not; for the others a
    suppression takes precedence over a missing confirmation, and that over a pause. It is a single statement,
    fast enough for a million subscribers.
    """
    return query.ever_subscribed().annotate(
        reachability=Case(
            When(~query.on_lists(*_SUBSCRIBED), then=Value(UNSUBSCRIBED)),
            When(suppressed_condition(), then=Value(SUPPRESSED)),
            When(~query.on_lists(Subscription.State.CONFIRMED), then=Value(UNCONFIRMED)),
            When(paused_until__gt=now, then=Value(PAUSED)),
            default=Value(REACHABLE),
            output_field=models.CharField(max_length=12),
        )
    )
