"""What readers did with a mailing, as far as it is counted: clicks by story, language, country; openings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mailer.approval import tracking_policy
from mailer.delivery.models import Mailing
from mailer.reports.labels import counted, number
from mailer.reports.table import Cell, Column, Table
from mailer.tracking.aggregates import Clicks, Figures, LinkFigure, Slice, clicks_of, opens_of
from subscribers import iso_codes

_HIDDEN = "Counts that could tell of single readers are not shown."
_PEOPLE = Column("clicks", "Clicks")


@dataclass(frozen=True)
class Reading:
    """Clicks and openings of a mailing; None where they are not counted."""

    clicks: Clicks | None = None
    opens: Figures | None = None

    @property
    def sentence(self) -> str:
        """For the summary: "48 clicks, most on “Headline”"; "" where there is nothing to tell."""
        if self.clicks is None or self.clicks.people is None:
            return ""
        first = max(stories(self.clicks), key=lambda story: story.people or 0, default=None)
        words = counted(self.clicks.people, "click", "clicks") if self.clicks.people else "nobody clicked"
        return f"{words}, most on “{first.label}”" if first and first.people else words

    @property
    def opened(self) -> str:
        """Openings as a range, for nothing better can be known; "" where they are not counted."""
        if self.opens is None:
            return ""
        machines = number(self.opens.machines)
        if self.opens.people is None:
            return f"Too few openings to show, and {machines} by machines."
        return (
            f"Opened between {number(self.opens.people)} and "
            f"{number(self.opens.people + self.opens.machines)} times: {machines} of them look like mail "
            "programs and filters that load pictures by themselves."
        )


@dataclass(frozen=True)
class StoryClicks:
    # The headline, or the host of a link that belongs to no story.
    label: str
    # None: too few to show.
    people: int | None
    machines: int


def reading_of(mailing: Mailing) -> Reading:
    """What is counted of the mailing, as its seal allows."""
    sealed = tracking_policy.of_manifest(mailing.snapshot.manifest)
    return Reading(
        clicks=None if sealed.clicks == "off" else clicks_of(mailing),
        opens=None if sealed.opens == "off" else opens_of(mailing),
    )


def stories(clicks: Clicks) -> list[StoryClicks]:
    """Clicks by story, most first: a story's links together, and links of no story each by itself."""
    links: dict[str, list[LinkFigure]] = {}
    for link in clicks.links:
        links.setdefault(link.story_key or link.url, []).append(link)
    found = [
        StoryClicks(own[0].label, _together(own), sum(one.machines for one in own)) for own in links.values()
    ]
    return sorted(found, key=lambda story: -(story.people or 0))


def reading_tables(reading: Reading) -> dict[str, Table]:
    """Clicks by story, language and country by the tables' keys; none where clicks are not counted."""
    clicks = reading.clicks
    if clicks is None:
        return {}
    columns = (Column("story", "Story", "text"), _PEOPLE, Column("machines", "By machines"))
    rows = tuple((story.label, story.people, story.machines) for story in stories(clicks))
    made = (
        Table(
            "stories", "Clicks by story", columns, rows, ("All", clicks.people, clicks.machines), _note(rows)
        ),
        _slices("click_languages", "Clicks by language", "Language", clicks, _languages(clicks.by_language)),
        _slices(
            "click_countries",
            "Clicks by countries chosen",
            "Countries",
            clicks,
            _countries(clicks.by_countries),
        ),
    )
    return {table.key: table for table in made}


def _together(links: Iterable[LinkFigure]) -> int | None:
    """None when nothing of it may be shown."""
    known = [link.people for link in links if link.people is not None]
    return sum(known) if known else None


def _slices(key: str, title: str, heading: str, clicks: Clicks, rows: Iterable[tuple[Cell, ...]]) -> Table:
    columns = (Column(heading.lower(), heading, "text"), _PEOPLE)
    cells = tuple(rows)
    return Table(key, title, columns, cells, ("All", clicks.people), _note(cells))


def _note(rows: Iterable[tuple[Cell, ...]]) -> str:
    return _HIDDEN if any(None in row for row in rows) else ""


def _languages(slices: Iterable[Slice]) -> Iterable[tuple[Cell, ...]]:
    return ((iso_codes.language_name(one.language, "en"), one.people) for one in slices)


def _countries(slices: Iterable[Slice]) -> Iterable[tuple[Cell, ...]]:
    return (
        (iso_codes.country_names(one.countries or (), "en") or "Every country", one.people) for one in slices
    )
