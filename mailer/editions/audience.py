"""The audience of a newsletter: whom an edition is for, by countries and language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet

from mailer.editions.models import Newsletter
from mailer.editions.scope import lists_of
from subscribers.models import Subscriber
from subscribers.segments import Segment


@dataclass(frozen=True)
class Combination:
    """Readers who chose the same countries and language, and so get the same variant."""

    # ISO 3166-1 alpha-2; none means every country.
    countries: tuple[str, ...]
    language: str
    # How many they are.
    readers: int


@dataclass(frozen=True)
class Audience:
    """A definition, not a set of people: who fits is counted at submission and again when planned."""

    # Ids of mailing lists; a reader on several of them gets one copy.
    lists: tuple[int, ...]
    # Narrower than the lists, where given.
    countries: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()

    @classmethod
    def of(cls, newsletter: Newsletter) -> Audience:
        """Everybody on the newsletter's lists."""
        return cls(lists=lists_of(newsletter.pk))

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Audience:
        """The inverse of `as_dict`."""
        return cls(tuple(raw["lists"]), tuple(raw["countries"]), tuple(raw["languages"]))

    def as_dict(self) -> dict[str, Any]:
        """The definition as JSON holds it."""
        return {
            "lists": list(self.lists),
            "countries": list(self.countries),
            "languages": list(self.languages),
        }

    def segment(self) -> Segment:
        """The same definition in the words of the ground."""
        return Segment(lists=self.lists, countries=self.countries, languages=self.languages)

    def readers(self) -> QuerySet[Subscriber]:
        """Confirmed readers whose address is not suppressed, each once."""
        return self.segment().reachable()

    def count(self) -> int:
        """How many readers there are now."""
        return self.readers().count()

    def combinations(self) -> list[Combination]:
        """What readers chose, most frequent first."""
        rows = self.readers().order_by().values_list("countries", "language").annotate(readers=Count("pk"))
        found = [Combination(countries, language, readers) for countries, language, readers in rows]
        return sorted(found, key=lambda one: (-one.readers, one.language, one.countries))
