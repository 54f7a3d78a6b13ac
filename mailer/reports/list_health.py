"""List health: groups of subscribers that staff should review, and the counts of those and of segments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from subscribers.models import MailingList
from subscribers.segments import estimates, segments
from subscribers.segments.models import Segment
from subscribers.segments.rules import Condition, Group, InvalidRule

# Latest changed segments that are counted in advance.
_RECENT = 50


def health_rules() -> Mapping[str, Group]:
    """The rule of each group, by its name."""
    lists = tuple(MailingList.objects.values_list("pk", flat=True))
    on = (Condition("list", "on", lists),) if lists else ()
    return {
        "never_confirmed": _all(Condition("pending", "not_within", (7,))),
        "bounced": _all(*on, Condition("bounced", "within", (90,)), Condition("suppressed", "not")),
        "inactive": _all(
            *on, Condition("reacted", "not_within", (180,)), Condition("received", "at_least", (3,))
        ),
        "without_opt_in": _all(*on, Condition("self_confirmed", "never")),
    }


def refresh_counts(clock: Callable[[], datetime], stop: Callable[[], bool]) -> int:
    """Count the subscribers of each group and segment where many are; returns how many. A job."""
    return estimates.refresh([*health_rules().values(), *_segment_rules()], clock, stop)


def _segment_rules() -> Iterator[Group]:
    for segment in Segment.objects.order_by("-changed_at", "-pk")[:_RECENT]:
        try:
            yield segments.load_rule(segment)
        except InvalidRule:
            # The segment's page says so.
            continue


def _all(*conditions: Condition) -> Group:
    return Group("all", (Group("all", conditions),))
