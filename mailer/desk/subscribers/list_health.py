"""List health: subscribers who never confirmed, who bounce, who are inactive, or without own consent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView

from mailer.desk.base.pages import StaffPage
from subscribers.models import MailingList
from subscribers.segments.estimate import Estimate, estimate
from subscribers.segments.rules import Group, Test, as_json


@dataclass(frozen=True)
class HealthGroup:
    """A group of subscribers to review."""

    title: str
    # What it means, and what happens to them.
    description: str
    rule: Group
    estimate: Estimate

    @property
    def segment_url(self) -> str:
        """The page that creates a segment of them."""
        query = urlencode({"name": self.title, "rule": json.dumps(as_json(self.rule))})
        return f"{reverse('desk_segments:add')}?{query}"


class ListHealthPage(StaffPage, TemplateView):
    """Shows the groups with the number of subscribers in each."""

    permission_required = "subscribers.view_savedsegment"
    header_icon = "circle-check"
    page_title = "List health"
    template_name = "desk/subscribers/list_health.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(groups=health_groups(), **kwargs)


def health_groups() -> list[HealthGroup]:
    """Every group, with the number of subscribers in it now."""
    now = timezone.now()
    return [HealthGroup(title, text, rule, estimate(rule, now)) for title, text, rule in _definitions()]


def _definitions() -> list[tuple[str, str, Group]]:
    lists = tuple(MailingList.objects.values_list("pk", flat=True))
    on = (Test("list", "on", lists),) if lists else ()
    return [
        (
            "Never confirmed",
            "Signed up more than a week ago and never clicked the confirmation link. They receive no "
            "editions and are deleted automatically after some days.",
            _rule(Test("waiting", "not_within", (7,))),
        ),
        (
            "Bounced recently",
            "An email to them bounced in the last 90 days, and they still receive editions. If bounces "
            "continue, the bounce rules suppress them automatically.",
            _rule(*on, Test("bounced", "within", (90,)), Test("stopped", "not")),
        ),
        (
            "Inactive",
            "Agreed to tracking, received at least three editions, and opened none and clicked nothing for "
            "six months.",
            _rule(*on, Test("reacted", "not_within", (180,)), Test("received", "at_least", (3,))),
        ),
        (
            "No own opt-in",
            "Were added by an import or by staff, and never confirmed themselves that they want it.",
            _rule(*on, Test("own_word", "never")),
        ),
    ]


def _rule(*tests: Test) -> Group:
    return Group("all", (Group("all", tests),))
