"""Figures about clicks and openings that say nothing about any single reader.

A count is None where it would: where fewer than FEWEST readers stand behind it, where it is below FEWEST
itself, or where it could be found by subtracting what is shown beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Sum

from mailer.approval import tracking_policy
from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Mailing
from mailer.rendering import language as languages
from mailer.rendering.links import Link
from mailer.rendering.records import Content, from_json
from mailer.tracking.models import HitCount, Readership
from mailer.tracking.records import Kind
from subscribers.fields import split_codes

FEWEST = 5
# What a page says in place of None.
TOO_FEW = "too few to show"

T = TypeVar("T")
_Slice = tuple[str, tuple[str, ...] | None]


@dataclass(frozen=True)
class Slice:
    """The readers of one language, of one choice of countries, or of both."""

    # Language code; empty: every language.
    language: str
    # ISO 3166-1 alpha-2 as the readers chose; None: whatever they chose, and () those who want every country.
    countries: tuple[str, ...] | None
    people: int | None


@dataclass(frozen=True)
class LinkFigure:
    """How often one link of a mailing was followed."""

    # As approval.counting numbers it.
    number: int
    url: str
    # Key of the story that has it; empty: a text between the stories.
    story_key: str
    # The story's headline in the site's first language, else the link's host.
    label: str
    people: int | None
    machines: int
    # By language and countries; together they are `people`.
    slices: tuple[Slice, ...]


@dataclass(frozen=True)
class Figures:
    """What was counted of one kind; `people` counts each time, and not each person."""

    people: int | None
    machines: int
    by_language: tuple[Slice, ...]
    by_countries: tuple[Slice, ...]


@dataclass(frozen=True)
class Clicks(Figures):
    # Every link of the edition, in its order, also those that nobody followed.
    links: tuple[LinkFigure, ...]


class Cell(NamedTuple):
    """How often, and how many readers could have added to it."""

    times: int = 0
    readers: int = 0


class _Row(NamedTuple):
    variant: int
    number: int
    machine: bool
    times: int


def clicks_of(mailing: Mailing) -> Clicks:
    """Clicks on the links of a mailing, as far as they are settled."""
    book = _Book(mailing, Kind.CLICK)
    content = from_json(mailing.snapshot.content)
    links = tracking_policy.of_manifest(mailing.snapshot.manifest).links
    return Clicks(
        book.people(),
        book.machines(),
        book.by_language(),
        book.by_countries(),
        tuple(_link(book.of_link(number), number, link, content) for number, link in enumerate(links, 1)),
    )


def opens_of(mailing: Mailing) -> Figures:
    """Openings of a mailing's mails, as far as their pictures tell and are settled."""
    book = _Book(mailing, Kind.OPEN)
    return Figures(book.people(), book.machines(), book.by_language(), book.by_countries())


def people_of(mailings: Iterable[Mailing]) -> dict[int, int | None]:
    """Clicks of people in each mailing, by its id; only of those in which clicks are counted."""
    copies = {
        one.snapshot_id: one.pk
        for one in mailings
        if tracking_policy.of_manifest(one.snapshot.manifest).clicks != "off"
    }
    of_copy = "variant__snapshot"
    sums = HitCount.objects.filter(variant__snapshot__in=copies, kind=Kind.CLICK, machine=False)
    times = dict(sums.values_list(of_copy).annotate(Sum("count")).order_by())
    sizes = Readership.objects.filter(variant__snapshot__in=copies)
    readers = dict(sizes.values_list(of_copy).annotate(Sum("readers")).order_by())
    return {mailing: _alone(Cell(times.get(one, 0), readers.get(one, 0))) for one, mailing in copies.items()}


def shown(cells: Mapping[T, Cell]) -> dict[T, int | None]:
    """The cells' counts as they may stand beside each other and above their sum.

    A single hidden one is what is missing from the sum, so the smallest beside it is hidden with it.
    """
    counts = {key: _alone(cell) for key, cell in cells.items()}
    others = [key for key, count in counts.items() if count]
    if sum(count is None for count in counts.values()) == 1 and others:
        counts[min(others, key=lambda key: cells[key].times)] = None
    return counts


def _alone(cell: Cell) -> int | None:
    return None if cell.readers < FEWEST or 0 < cell.times < FEWEST else cell.times


class _Book:
    """The sums of a mailing's hits of one kind, or those of one link, and how many readers may be in them."""

    def __init__(self, mailing: Mailing, kind: Kind) -> None:
        variants = SnapshotVariant.objects.filter(snapshot=mailing.snapshot_id)
        sums = HitCount.objects.filter(variant__in=variants, kind=kind)
        keys = ("variant", "number", "machine")
        counted = sums.values(*keys).annotate(times=Sum("count")).order_by()
        self._rows = [_Row(*row) for row in counted.values_list(*keys, "times")]
        self._languages = dict(variants.values_list("pk", "language"))
        readerships = Readership.objects.filter(variant__in=variants)
        self._readers = {one.variant_id: one.readers for one in readerships}
        self._countries = {one.variant_id: split_codes(one.countries) for one in readerships}

    def of_link(self, number: int) -> _Book:
        """The same for one link."""
        found = copy(self)
        found._rows = [row for row in self._rows if row.number == number]
        return found

    def people(self) -> int | None:
        times = sum(row.times for row in self._rows if not row.machine)
        return _alone(Cell(times, sum(self._readers.values())))

    def machines(self) -> int:
        return sum(row.times for row in self._rows if row.machine)

    def by_language(self) -> tuple[Slice, ...]:
        return self._slices(lambda variant: (self._languages[variant], None))

    def by_countries(self) -> tuple[Slice, ...]:
        return self._slices(lambda variant: ("", self._countries[variant]))

    def by_both(self) -> tuple[Slice, ...]:
        return self._slices(lambda variant: (self._languages[variant], self._countries[variant]))

    def _slices(self, slice_of: Callable[[int], _Slice]) -> tuple[Slice, ...]:
        """One for each of the slices that the mailing's readers fall into, most readers first."""
        readers: Counter[_Slice] = Counter()
        for variant, number in self._readers.items():
            readers[slice_of(variant)] += number
        times: Counter[_Slice] = Counter()
        for row in self._rows:
            if row.variant in self._readers and not row.machine:
                times[slice_of(row.variant)] += row.times
        counts = shown({key: Cell(times[key], number) for key, number in readers.most_common()})
        return tuple(Slice(*key, people) for key, people in counts.items())


def _link(book: _Book, number: int, link: Link, content: Content) -> LinkFigure:
    label = _label(link, content)
    return LinkFigure(number, link.url, link.story, label, book.people(), book.machines(), book.by_both())


def _label(link: Link, content: Content) -> str:
    story = next((one for one in content.stories if one.key == link.story), None)
    if story is None:
        return urlsplit(link.url).hostname or link.url
    text = languages.choose(story.texts, settings.CONFIG.site.languages[0], content.masthead.fallbacks)
    return text.headline if text else link.url
