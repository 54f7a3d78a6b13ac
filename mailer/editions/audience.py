"""The audience of an edition: the newsletter's lists, narrowed by segments; by countries and language."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet

from mailer.editions.models import Edition, Newsletter
from mailer.rendering import localization
from subscribers.models import Subscriber
from subscribers.segments import segments
from subscribers.segments.mailing_audience_query import AudienceQuery
from subscribers.segments.rule_format import Group, from_json, to_json
from subscribers.segments.segments import load_expanded_rule
from subscribers.subscribe import newsletters_per_list
from subscribers.subscribe.newsletters_per_list import NewsletterInfo


@dataclass(frozen=True)
class Combination:
    """Subscribers who chose the same countries and language, and so get the same variant."""

    # ISO 3166-1 alpha-2; none means every country.
    countries: tuple[str, ...]
    language: str
    # Number of subscribers.
    readers: int


class ReaderCounts(NamedTuple):
    """How many subscribers an audience has, by language and by country."""

    total: int
    # By the language in which they get the edition; the counts add up to the total.
    languages: dict[str, int]
    # By country (ISO 3166-1 alpha-2; "" for subscribers who chose none) and language. A subscriber who chose
    # several countries counts in each.
    countries: dict[str, dict[str, int]]

    @classmethod
    def from_combinations(
        cls, combinations: Iterable[Combination], offered: Sequence[str], fallbacks: Sequence[str]
    ) -> ReaderCounts:
        """`offered`: the newsletter's languages; `fallbacks`: those used in place of others."""
        languages = Counter[str]()
        countries: dict[str, Counter[str]] = defaultdict(Counter)
        for one in combinations:
            language = localization.resolve_language(one.language, offered, fallbacks)
            languages[language] += one.readers
            for country in one.countries or ("",):
                countries[country][language] += one.readers
        return cls(
            languages.total(),
            dict(languages.most_common()),
            {code: dict(countries[code].most_common()) for code in sorted(countries)},
        )

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> ReaderCounts | None:
        """The inverse of `_asdict`; None for an empty dict."""
        return cls(**raw) if raw else None


def languages_without_readers(
    combinations: Iterable[Combination], offered: Sequence[str], fallbacks: Sequence[str]
) -> dict[str, str]:
    """The newsletter's languages in which no subscriber gets the edition now: {language: used instead}.

    Empty while there are no subscribers at all.
    """
    read = {localization.resolve_language(one.language, offered, fallbacks) for one in combinations}
    if not read:
        return {}
    used = [code for code in (*fallbacks, *offered) if code in offered]
    return {
        code: next((other for other in used if other != code), code) for code in offered if code not in read
    }


@dataclass(frozen=True)
class Audience:
    """A definition, evaluated at submission and again when a mailing is planned."""

    # Ids of mailing lists; a subscriber on several of them gets one message.
    lists: tuple[int, ...]
    # Restrict the lists further, where given.
    countries: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    # The complete rules of the edition's segments: subscribers who match `only` and do not match `without`.
    only: Group | None = None
    without: Group | None = None
    # The time at which rules about days are evaluated (aware); not a part of the definition.
    as_of: datetime | None = field(default=None, compare=False)

    @classmethod
    def of_newsletter(cls, newsletter: Newsletter) -> Audience:
        """All subscribers on the newsletter's lists."""
        return cls(lists=list_ids(newsletter.pk))

    @classmethod
    def of_edition(cls, edition: Edition, now: datetime) -> Audience:
        """Subscribers on the newsletter's lists, restricted by the edition's segments. Raises InvalidRule."""
        return cls(
            lists=list_ids(edition.newsletter_id),
            only=load_expanded_rule(edition.segment) if edition.segment else None,
            without=load_expanded_rule(edition.excluded) if edition.excluded else None,
            as_of=now,
        )

    @classmethod
    def from_dict(cls, raw: dict[str, Any], now: datetime) -> Audience:
        """The inverse of `as_dict`."""
        rules = {name: from_json(raw[name]) for name in ("only", "without") if name in raw}
        return cls(tuple(raw["lists"]), tuple(raw["countries"]), tuple(raw["languages"]), as_of=now, **rules)

    def as_dict(self) -> dict[str, Any]:
        """The definition as JSON holds it."""
        rules = {"only": self.only, "without": self.without}
        return {
            "lists": list(self.lists),
            "countries": list(self.countries),
            "languages": list(self.languages),
            **{name: to_json(rule) for name, rule in rules.items() if rule is not None},
        }

    def segment(self) -> AudienceQuery:
        """The definition for `subscribers`. Raises InvalidRule for a tag or field deleted since."""
        return AudienceQuery(
            lists=self.lists,
            countries=self.countries,
            languages=self.languages,
            only=self._condition(self.only),
            exclude=self._condition(self.without),
        )

    def _condition(self, rule: Group | None) -> Q | None:
        if rule is None:
            return None
        if self.as_of is None:
            raise ValueError("An audience with segments needs `as_of`.")
        # A rule "has none of the tags" would match all subscribers once its tag is deleted.
        segments.require_lists_and_tags_exist(rule)
        return segments.to_q(rule, self.as_of)

    def readers(self) -> QuerySet[Subscriber]:
        """Confirmed subscribers whose address is not suppressed, each once."""
        return self.segment().reachable()

    def count(self) -> int:
        """The number of `readers` now."""
        return self.readers().count()

    def combinations(self) -> list[Combination]:
        """The countries and languages that subscribers chose, most frequent first."""
        rows = self.readers().order_by().values_list("countries", "language").annotate(readers=Count("pk"))
        found = [Combination(countries, language, readers) for countries, language, readers in rows]
        return sorted(found, key=lambda one: (-one.readers, one.language, one.countries))


def register_newsletters() -> None:
    """Tell `subscribers` about newsletters; called once when the application is ready."""
    newsletters_per_list.register(newsletters_of_lists)


def newsletters_of_lists(lists: Collection[int]) -> dict[int, list[NewsletterInfo]]:
    """The newsletters that are sent to each of the lists, by its id."""
    found: dict[int, list[NewsletterInfo]] = defaultdict(list)
    rows = Newsletter.lists.through.objects.filter(mailinglist_id__in=lists).select_related("newsletter")
    for row in rows.order_by("newsletter__name"):
        newsletter: Newsletter = row.newsletter
        found[row.mailinglist_id].append(NewsletterInfo(newsletter.name, newsletter.languages))
    return found


def list_ids(newsletter_id: int) -> tuple[int, ...]:
    """Ids of the newsletter's lists, in order; none for a newsletter that does not exist."""
    through = Newsletter.lists.through.objects.filter(newsletter_id=newsletter_id)
    return tuple(through.order_by("mailinglist_id").values_list("mailinglist_id", flat=True))
