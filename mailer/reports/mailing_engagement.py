"""Engagement with a mailing, as far as it is tracked: clicks by story, language and countries, and opens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from mailer import staff_localization
from mailer.delivery.models import Mailing
from mailer.link_tracking import policy_from_manifest
from mailer.reports.number_formats import format_number
from mailer.reports.tables import Cell, Column, Table
from mailer.tracking.click_and_open_counts import (
    Breakdown,
    ClickStats,
    EventStats,
    LinkStats,
    click_stats,
    open_stats,
)

_HIDDEN = _("Counts that could reveal what a single recipient did are hidden.")
_CLICKS = Column("clicks", _("Clicks"))


@dataclass(frozen=True)
class Engagement:
    """Clicks and opens of a mailing; None where they are not tracked."""

    clicks: ClickStats | None = None
    opens: EventStats | None = None

    @property
    def summary(self) -> str:
        """For the report's summary: "48 clicks, most on “Headline”"; empty where nothing is known."""
        if self.clicks is None or self.clicks.human_count is None:
            return ""
        count = self.clicks.human_count
        first = max(story_clicks(self.clicks), key=lambda story: story.human_count or 0, default=None)
        if not count:
            return gettext("no clicks on links")
        text = ngettext("%(count)s click on links", "%(count)s clicks on links", count) % {
            "count": format_number(count)
        }
        if first is None or not first.human_count:
            return text
        return gettext("%(clicks)s, most of them on “%(story)s”") % {"clicks": text, "story": first.label}

    @property
    def opens_text(self) -> str:
        """Opens as a range, since nothing more exact can be known; empty where they are not tracked."""
        if self.opens is None:
            return ""
        bots = format_number(self.opens.bot_count)
        if self.opens.human_count is None:
            return gettext(
                "Too few opens to show without identifying readers, and %(bots)s opens by bots."
            ) % {"bots": bots}
        return gettext(
            "Opened between %(least)s and %(most)s times: %(bots)s opens look like mail programs and "
            "scanners that load images automatically."
        ) % {
            "least": format_number(self.opens.human_count),
            "most": format_number(self.opens.human_count + self.opens.bot_count),
            "bots": bots,
        }


@dataclass(frozen=True)
class StoryClicks:
    # The headline, or the host of a link that belongs to no story.
    label: str
    # None: too few to show.
    human_count: int | None
    bot_count: int


def engagement_of(mailing: Mailing) -> Engagement:
    """What is tracked of the mailing by its approved policy."""
    policy = policy_from_manifest(mailing.snapshot.manifest)
    return Engagement(
        clicks=None if policy.clicks == "off" else click_stats(mailing),
        opens=None if policy.opens == "off" else open_stats(mailing),
    )


def story_clicks(clicks: ClickStats) -> list[StoryClicks]:
    """Clicks by story, most first: a story's links together, each other link on its own."""
    links: dict[str, list[LinkStats]] = {}
    for link in clicks.links:
        links.setdefault(link.story_key or link.url, []).append(link)
    found = [
        StoryClicks(own[0].label, _sum_of_shown(own), sum(link.bot_count for link in own))
        for own in links.values()
    ]
    return sorted(found, key=lambda story: -(story.human_count or 0))


def click_tables(engagement: Engagement) -> dict[str, Table]:
    """Clicks by story, language and countries, by the tables' keys; none where clicks are not tracked."""
    clicks = engagement.clicks
    if clicks is None:
        return {}
    columns = (Column("story", gettext("Story"), "text"), _CLICKS, Column("bots", gettext("Clicks by bots")))
    rows = tuple((story.label, story.human_count, story.bot_count) for story in story_clicks(clicks))
    total = (gettext("All"), clicks.human_count, clicks.bot_count)
    made = (
        Table("stories", gettext("Clicks by story"), columns, rows, total, _note(rows)),
        _breakdown_table(
            "click_languages",
            gettext("Clicks by language"),
            Column("language", gettext("Language"), "text"),
            clicks,
            _languages(clicks.by_language),
        ),
        _breakdown_table(
            "click_countries",
            gettext("Clicks by the countries that readers chose"),
            Column("countries", gettext("Countries"), "text"),
            clicks,
            _countries(clicks.by_countries),
        ),
    )
    return {table.key: table for table in made}


def _sum_of_shown(links: Iterable[LinkStats]) -> int | None:
    """The sum of the counts that may be shown; None when none of them may."""
    shown = [link.human_count for link in links if link.human_count is not None]
    return sum(shown) if shown else None


def _breakdown_table(
    key: str, title: str, first: Column, clicks: ClickStats, rows: Iterable[tuple[Cell, ...]]
) -> Table:
    columns = (first, _CLICKS)
    cells = tuple(rows)
    return Table(key, title, columns, cells, (gettext("All"), clicks.human_count), _note(cells))


def _note(rows: Iterable[tuple[Cell, ...]]) -> str:
    return str(_HIDDEN) if any(None in row for row in rows) else ""


def _languages(breakdown: Iterable[Breakdown]) -> Iterable[tuple[Cell, ...]]:
    return ((staff_localization.language_name(one.language), one.human_count) for one in breakdown)


def _countries(breakdown: Iterable[Breakdown]) -> Iterable[tuple[Cell, ...]]:
    return (
        (staff_localization.country_names(one.countries or ()) or gettext("Every country"), one.human_count)
        for one in breakdown
    )
