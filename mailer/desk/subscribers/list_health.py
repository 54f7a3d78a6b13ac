"""How healthy the lists are: who never confirmed, whose mail comes back, and who has long been silent."""

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
class Worry:
    """A group of people to think about."""

    title: str
    # What it means, and what can be done.
    meaning: str
    rule: Group
    found: Estimate

    @property
    def as_segment(self) -> str:
        """The page on which a segment of them is made."""
        query = urlencode({"name": self.title, "rule": json.dumps(as_json(self.rule))})
        return f"{reverse('desk_segments:add')}?{query}"


class HygienePage(StaffPage, TemplateView):
    """The groups, with how many are in each."""

    permission_required = "subscribers.view_savedsegment"
    header_icon = "circle-check"
    page_title = "Health of the lists"
    template_name = "desk/people/hygiene.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(worries=worries(), **kwargs)


def worries() -> list[Worry]:
    """Every group, as of now."""
    now = timezone.now()
    return [Worry(title, meaning, rule, estimate(rule, now)) for title, meaning, rule in _groups()]


def _groups() -> list[tuple[str, str, Group]]:
    lists = tuple(MailingList.objects.values_list("pk", flat=True))
    on = (Test("list", "on", lists),) if lists else ()
    return [
        (
            "Never confirmed",
            "Asked for a list more than a week ago and never followed the link. They get no mailing, and are "
            "forgotten by themselves after some days.",
            _groups_of(Test("waiting", "not_within", (7,))),
        ),
        (
            "Mail came back lately",
            "Mail to them came back in the last 90 days, and they still get it. The rules about returned "
            "mail stop them by themselves if it goes on.",
            _groups_of(*on, Test("bounced", "within", (90,)), Test("stopped", "not")),
        ),
        (
            "Long silent",
            "Agreed that clicks are counted, got three editions or more, and neither opened one nor followed "
            "a link for half a year.",
            _groups_of(*on, Test("reacted", "not_within", (180,)), Test("received", "at_least", (3,))),
        ),
        (
            "Never said so themselves",
            "Were put on a list by an import or by staff, and never told us themselves that they want it.",
            _groups_of(*on, Test("own_word", "never")),
        ),
    ]


def _groups_of(*tests: Test) -> Group:
    return Group("all", (Group("all", tests),))
