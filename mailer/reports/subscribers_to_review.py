"""Subscribers to review: groups of subscribers that staff should review, as rules of segments."""

from __future__ import annotations

from collections.abc import Mapping

from subscribers.models import MailingList
from subscribers.segments.rule_format import Condition, Group


def review_rules() -> Mapping[str, Group]:
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


def _all(*conditions: Condition) -> Group:
    return Group("all", (Group("all", conditions),))
