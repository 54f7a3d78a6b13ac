"""The page of groups of subscribers to review, with their counts and rules."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView

from mailer.desk.base.page_base_classes import StaffPage
from mailer.reports.subscribers_to_review import review_rules
from subscribers.segments.estimates import Estimate, estimate
from subscribers.segments.rule_format import Group, to_json


@dataclass(frozen=True)
class ReviewGroup:
    """A group of subscribers to review."""

    title: str
    # What it means, and what happens to them.
    description: str
    rule: Group
    estimate: Estimate

    @property
    def segment_url(self) -> str:
        """The page that creates a segment of them."""
        query = urlencode({"name": self.title, "rule": json.dumps(to_json(self.rule))})
        return f"{reverse('desk_segments:add')}?{query}"


class SubscribersToReviewPage(StaffPage, TemplateView):
    """Shows the groups with the number of subscribers in each."""

    permission_required = "subscribers.view_segment"
    header_icon = "circle-check"
    page_title = _("Subscribers to review")
    template_name = "desk/subscribers/subscribers_to_review.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(groups=review_groups(), **kwargs)


def review_groups() -> list[ReviewGroup]:
    """Every group, with the number of subscribers in it: now, or as the worker counted it last."""
    now, texts = timezone.now(), _texts()
    return [ReviewGroup(*texts[name], rule, estimate(rule, now)) for name, rule in review_rules().items()]


def _texts() -> dict[str, tuple[str, str]]:
    """Title and description of each group, by its name."""
    return {
        "never_confirmed": (
            gettext("Signed up but never confirmed"),
            gettext(
                "These people signed up more than a week ago and never clicked the "
                "confirmation link. They receive no editions and are deleted automatically "
                "after some days."
            ),
        ),
        "bounced": (
            gettext("Subscribers who bounced recently"),
            gettext(
                "An email to these subscribers bounced in the last 90 days, and they still "
                "receive editions. If bounces continue, the bounce rules suppress them "
                "automatically."
            ),
        ),
        "inactive": (
            gettext("Inactive"),
            gettext(
                "These subscribers agreed to tracking, received at least three editions, and "
                "opened none and clicked nothing for six months."
            ),
        ),
        "without_opt_in": (
            gettext("Added without double opt-in"),
            gettext(
                "These subscribers were added by an import or by staff, and never "
                "confirmed that they want the emails."
            ),
        ),
    }
