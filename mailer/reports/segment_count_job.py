"""The job that counts segments and the groups of subscribers to review in advance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from mailer.reports.subscribers_to_review import review_rules
from subscribers.segments import estimates, segments
from subscribers.segments.models import Segment
from subscribers.segments.rule_format import Group, InvalidRule

# Latest changed segments that are counted in advance.
_RECENT = 50


def refresh_counts(clock: Callable[[], datetime], stop: Callable[[], bool]) -> int:
    """Count the subscribers of each group and segment where many are; returns how many. A job."""
    return estimates.refresh_stale_counts([*review_rules().values(), *_segment_rules()], clock, stop)


def _segment_rules() -> Iterator[Group]:
    for segment in Segment.objects.order_by("-changed_at", "-pk")[:_RECENT]:
        try:
            yield segments.load_expanded_rule(segment)
        except InvalidRule:
            # The segment's page says so.
            continue
