"""The stop rules: from counts of bounces, blocks and complaints to whether to warn, slow down or pause.

A limit is reached when the lower end of the 95 % interval of the share reaches it, which chance alone hardly
ever does. A mailing is evaluated as a whole and by provider, over all of its time and by hour: a small share
of a million may be everything at one provider, or in this hour. Too many complaints pause the mailing
wherever they come from, because the content is the same everywhere. Unknown addresses and blocks at one
provider slow down the deliveries to it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings

from mailer.config.sections import StopMetric, StopRules
from mailer.delivery.models import Mailing
from mailer.delivery.throttle import hourly_outcomes_by_provider
from mailer.delivery.throttle.hourly_outcomes_by_provider import HourlyCounts, ProviderCounts, sum_counts
from subscribers.translate_stored_texts import stored

_METRIC_LABELS = {
    StopMetric.COMPLAINED: stored("Emails marked as spam"),
    StopMetric.BOUNCED: stored("Emails to addresses that do not exist"),
    StopMetric.BLOCKED: stored("Emails blocked because of reputation or content"),
}
# Quantile of the normal distribution for an interval of 95 %.
_Z = 1.96


class Level(IntEnum):
    """What to do, in order of severity."""

    NONE = 0
    WARN = 1
    # Slow down the deliveries to one provider.
    SLOW = 2
    PAUSE = 3


class ReachedLimit(NamedTuple):
    """A limit that a mailing has reached."""

    metric: StopMetric
    level: Level
    # Empty: by the mailing as a whole.
    provider: str
    # The hour in which these were sent; None: all hours.
    hour: datetime | None
    cases: int
    total: int
    # Percent.
    limit: float
    # Cases of this metric in all hours: more of them are news.
    total_cases: int
    # For the mailing as a whole: the provider with more than half of the cases, if any.
    main_provider: str = ""

    @property
    def share(self) -> float:
        """Percent."""
        return self.cases * 100 / self.total


def level_and_reached_limit(
    metric: StopMetric, counts: ProviderCounts, rules: StopRules, *, whole: bool
) -> tuple[Level, float]:
    """What these counts demand, and the limit (percent) they reached; `whole`: counts of all providers."""
    cases, base = counts.cases(metric), counts.base(metric)
    warn, stop, min_cases = rules.of(metric)
    if cases < min_cases:
        return Level.NONE, 0.0
    share = 100 * wilson_lower_bound(cases, base)
    if stop and share >= stop:
        return Level.PAUSE if whole or metric is StopMetric.COMPLAINED else Level.SLOW, stop
    if warn and share >= warn:
        return Level.WARN, warn
    return Level.NONE, 0.0


def wilson_lower_bound(cases: int, total: int) -> float:
    """The lower end of the 95 % interval of a share of which `cases` of `total` are a sample, from 0 to 1.

    Wilson's score interval: with p = cases / total, n = total and z = 1.96,
    (p + z²/2n - z √(p (1 - p) / n + z²/4n²)) / (1 + z²/n). So few cases among the first messages say little,
    and many messages make it the share itself.
    """
    share, spread = cases / total, _Z * _Z / total
    error = _Z * math.sqrt((share * (1 - share) + spread / 4) / total)
    # Never outside by a rounding error.
    return min(max(0.0, (share + spread / 2 - error) / (1 + spread)), share)


def evaluate(hours: HourlyCounts, stops: StopRules) -> list[ReachedLimit]:
    """The reached limits, the most severe first, and only the most severe of each provider and metric.

    A limit that the whole mailing has reached is not repeated for its providers.
    """
    by_provider: defaultdict[str, dict[datetime, ProviderCounts]] = defaultdict(dict)
    by_hour: defaultdict[datetime, list[ProviderCounts]] = defaultdict(list)
    for (provider, hour), counts in hours.items():
        by_hour[hour].append(counts)
        if provider:
            by_provider[provider][hour] = counts
    all_providers = {hour: sum_counts(counts) for hour, counts in by_hour.items()}
    found: list[ReachedLimit] = []
    for metric in StopMetric:
        whole = _most_severe(metric, "", all_providers, stops)
        found += [whole._replace(main_provider=_main_provider(whole, by_provider))] if whole else []
        overall = whole.level if whole else Level.NONE
        for provider, own in by_provider.items():
            reached = _most_severe(metric, provider, own, stops)
            if reached is not None and reached.level > overall:
                found.append(reached)
    return sorted(found, key=lambda one: (-one.level, -one.share / one.limit, one.metric, one.provider))


def _most_severe(
    metric: StopMetric, provider: str, hours: Mapping[datetime, ProviderCounts], stops: StopRules
) -> ReachedLimit | None:
    if not hours:
        return None
    every = sum_counts(hours.values())
    total_cases = every.cases(metric)
    scopes: list[tuple[datetime | None, ProviderCounts]] = [(None, every), *hours.items()]
    found = []
    for hour, counts in scopes:
        level, limit = level_and_reached_limit(metric, counts, stops, whole=not provider)
        if level:
            cases, base = counts.cases(metric), counts.base(metric)
            found.append(ReachedLimit(metric, level, provider, hour, cases, base, limit, total_cases))
    # At the same severity, all of the time says more than one hour.
    return max(found, key=lambda one: (one.level, one.hour is None, one.share), default=None)


def _main_provider(whole: ReachedLimit, by_provider: Mapping[str, Mapping[datetime, ProviderCounts]]) -> str:
    for provider, hours in by_provider.items():
        own = [counts.cases(whole.metric) for hour, counts in hours.items() if whole.hour in (None, hour)]
        if sum(own) * 2 > whole.cases:
            return provider
    return ""


def update_and_read_reached_limits(mailing: Mailing) -> list[ReachedLimit]:
    """The limits of the stop rules that the mailing has reached, the most severe first."""
    return evaluate(
        hourly_outcomes_by_provider.update_and_read_hourly_counts(mailing), settings.CONFIG.stop_rules
    )


def update_counts_and_check_pause(mailing: Mailing) -> bool:
    """Whether the mailing has reached a limit at which it is paused."""
    return any(limit.level is Level.PAUSE for limit in update_and_read_reached_limits(mailing))


def describe(reached: ReachedLimit) -> str:
    """For staff: "Marked as spam, at mail.ru: 4 of 1,000 (0.4 %, limit 0.3 %)."."""
    what = _METRIC_LABELS[reached.metric]
    if reached.provider:
        what = stored("%(what)s at the provider %(provider)s", what=what, provider=reached.provider)
    if reached.hour is not None:
        zone = ZoneInfo(settings.CONFIG.site.timezone)
        time = f"{reached.hour.astimezone(zone):%H:%M}"
        what = stored("%(what)s, sent in the hour from %(time)s", what=what, time=time)
    figures = stored(
        "%(cases)s of %(total)s emails (%(share)s %%, limit %(limit)s %%)",
        cases=f"{reached.cases:,}",
        total=f"{reached.total:,}",
        share=f"{reached.share:.3g}",
        limit=f"{reached.limit:g}",
    )
    if reached.main_provider:
        figures = stored(
            "%(figures)s, most of them at %(provider)s", figures=figures, provider=reached.main_provider
        )
    return stored("%(what)s: %(figures)s.", what=what, figures=figures)
