"""Aggregated clicks and opens of a mailing, which say nothing about any single subscriber.

A count is None where it would: where fewer than MINIMUM_COUNT recipients could have added to it, where it is
below MINIMUM_COUNT itself, or where it could be found by subtracting the counts shown beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from mailer.approval.models import SnapshotVariant
from mailer.delivery.models import Mailing
from mailer.link_tracking import policy_from_manifest
from mailer.rendering import localization
from mailer.rendering.data_types import Content, from_json
from mailer.rendering.links import Link
from mailer.tracking.bot_detection import EventKind
from mailer.tracking.models import DailyEventCount, VariantAudience
from subscribers.code_list_field import split_codes

MINIMUM_COUNT = 5
# What a page shows in place of None.
HIDDEN_COUNT_LABEL = _("too few to show without identifying readers")

T = TypeVar("T")
# Language and countries, as in Breakdown.
_Group = tuple[str, tuple[str, ...] | None]


@dataclass(frozen=True)
class Breakdown:
    """The events of recipients with one language, one choice of countries, or both."""

    # Language code; empty: every language.
    language: str
    # ISO 3166-1 alpha-2 as the recipients chose; None: whatever they chose; (): those who want every country.
    countries: tuple[str, ...] | None
    human_count: int | None


@dataclass(frozen=True)
class LinkStats:
    """Clicks on one link of a mailing."""

    # Its number in the tracking policy.
    number: int
    url: str
    # Key of the story that has it; empty: a link between the stories.
    story_key: str
    # The story's headline in the site's first language, else the link's host.
    label: str
    human_count: int | None
    bot_count: int
    # By language and countries; together they are `human_count`.
    breakdown: tuple[Breakdown, ...]


@dataclass(frozen=True)
class EventStats:
    """Events of one kind. `human_count` counts every event, not every person."""

    human_count: int | None
    bot_count: int
    by_language: tuple[Breakdown, ...]
    by_countries: tuple[Breakdown, ...]


@dataclass(frozen=True)
class ClickStats(EventStats):
    # Every tracked link of the edition, in its order, also those without clicks.
    links: tuple[LinkStats, ...]


class GroupCount(NamedTuple):
    """Events of a group, and how many recipients could have added to them."""

    events: int = 0
    recipients: int = 0


class _Row(NamedTuple):
    variant_id: int
    link_number: int
    is_bot: bool
    total: int


def click_stats(mailing: Mailing) -> ClickStats:
    """Clicks on the links of a mailing, as far as they are finalised."""
    events = _MailingEvents(mailing, EventKind.CLICK)
    content = from_json(mailing.snapshot.content)
    links = policy_from_manifest(mailing.snapshot.manifest).links
    by_link = [events.of_link(number) for number in range(1, len(links) + 1)]
    # The links stand beside each other, above the sum of all.
    counts = hide_small_counts({place: own.human_group() for place, own in enumerate(by_link)})
    return ClickStats(
        events.human_count(),
        events.bot_count(),
        events.by_language(),
        events.by_countries(),
        tuple(
            _link_stats(own, counts[place], place + 1, links[place], content)
            for place, own in enumerate(by_link)
        ),
    )


def open_stats(mailing: Mailing) -> EventStats:
    """Opens of a mailing's messages, as far as pixels were loaded and are finalised."""
    events = _MailingEvents(mailing, EventKind.OPEN)
    return EventStats(events.human_count(), events.bot_count(), events.by_language(), events.by_countries())


def human_clicks_hiding_small_counts(mailings: Iterable[Mailing]) -> dict[int, int | None]:
    """Clicks by people in each mailing, by its id; without the mailings that do not track clicks."""
    snapshots = {
        one.snapshot_id: one.pk
        for one in mailings
        if policy_from_manifest(one.snapshot.manifest).clicks != "off"
    }
    by_snapshot = "variant__snapshot"
    sums = DailyEventCount.objects.filter(variant__snapshot__in=snapshots, kind=EventKind.CLICK, is_bot=False)
    counts = dict(sums.values_list(by_snapshot).annotate(Sum("count")).order_by())
    audiences = VariantAudience.objects.filter(variant__snapshot__in=snapshots)
    recipients = dict(audiences.values_list(by_snapshot).annotate(Sum("recipients")).order_by())
    return {
        mailing: _hide_small(GroupCount(counts.get(one, 0), recipients.get(one, 0)))
        for one, mailing in snapshots.items()
    }


def hide_small_counts(groups: Mapping[T, GroupCount]) -> dict[T, int | None]:
    """The counts as they may be shown beside each other and above their sum.

    A single hidden count could be found by subtracting, so the smallest one beside it is hidden, too. That is
    one of zero only where all others are and their sum is shown.
    """
    counts = {key: _hide_small(group) for key, group in groups.items()}
    shown = [key for key, count in counts.items() if count is not None]
    has_sum = sum(group.events for group in groups.values()) >= MINIMUM_COUNT
    visible = [key for key in shown if counts[key]] or (shown if has_sum else [])
    if sum(count is None for count in counts.values()) == 1 and visible:
        counts[min(visible, key=lambda key: groups[key].events)] = None
    return counts


def _hide_small(group: GroupCount) -> int | None:
    hidden = group.recipients < MINIMUM_COUNT or 0 < group.events < MINIMUM_COUNT
    return None if hidden else group.events


class _MailingEvents:
    """Counts of one kind of a mailing's events, or of those on one link, and the recipients behind them."""

    def __init__(self, mailing: Mailing, kind: EventKind) -> None:
        variants = SnapshotVariant.objects.filter(snapshot=mailing.snapshot_id)
        sums = DailyEventCount.objects.filter(variant__in=variants, kind=kind)
        keys = ("variant", "link_number", "is_bot")
        counted = sums.values(*keys).annotate(total=Sum("count")).order_by()
        self._rows = [_Row(*row) for row in counted.values_list(*keys, "total")]
        self._languages = dict(variants.values_list("pk", "language"))
        audiences = VariantAudience.objects.filter(variant__in=variants)
        self._recipients = {one.variant_id: one.recipients for one in audiences}
        self._countries = {one.variant_id: split_codes(one.countries) for one in audiences}

    def of_link(self, number: int) -> _MailingEvents:
        """The same for one link."""
        found = copy(self)
        found._rows = [row for row in self._rows if row.link_number == number]
        return found

    def human_count(self) -> int | None:
        return _hide_small(self.human_group())

    def human_group(self) -> GroupCount:
        """The events by people, and all recipients."""
        count = sum(row.total for row in self._rows if not row.is_bot)
        return GroupCount(count, sum(self._recipients.values()))

    def bot_count(self) -> int:
        return sum(row.total for row in self._rows if row.is_bot)

    def by_language(self) -> tuple[Breakdown, ...]:
        return self._broken_down(lambda variant_id: (self._languages[variant_id], None))

    def by_countries(self) -> tuple[Breakdown, ...]:
        return self._broken_down(lambda variant_id: ("", self._countries[variant_id]))

    def by_language_and_countries(self) -> tuple[Breakdown, ...]:
        return self._broken_down(
            lambda variant_id: (self._languages[variant_id], self._countries[variant_id])
        )

    def _broken_down(self, group_of: Callable[[int], _Group]) -> tuple[Breakdown, ...]:
        """One breakdown for each group of the mailing's recipients, largest group first."""
        recipients: Counter[_Group] = Counter()
        for variant_id, number in self._recipients.items():
            recipients[group_of(variant_id)] += number
        counts: Counter[_Group] = Counter()
        for row in self._rows:
            if row.variant_id in self._recipients and not row.is_bot:
                counts[group_of(row.variant_id)] += row.total
        groups = {key: GroupCount(counts[key], number) for key, number in recipients.most_common()}
        return tuple(Breakdown(*key, count) for key, count in hide_small_counts(groups).items())


def _link_stats(
    own: _MailingEvents, human_count: int | None, number: int, link: Link, content: Content
) -> LinkStats:
    breakdown = own.by_language_and_countries()
    if human_count is None:
        # Together they are the hidden count.
        breakdown = tuple(replace(one, human_count=None) for one in breakdown)
    return LinkStats(
        number, link.url, link.story, _label(link, content), human_count, own.bot_count(), breakdown
    )


def _label(link: Link, content: Content) -> str:
    story = content.stories_by_key.get(link.story)
    if story is None:
        return urlsplit(link.url).hostname or link.url
    text = localization.choose_text_or_first(
        story.texts, settings.CONFIG.site.languages[0], content.masthead.fallbacks
    )
    return text.headline if text else link.url
