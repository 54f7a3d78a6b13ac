"""What the desk shows about one person beside the form: lists, suppressions, and the latest mail."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from wagtail.admin.panels import Panel
from wagtail.log_actions import registry

from mailer.delivery.models import Delivery
from mailer.desk.replies import decision_labels
from mailer.feedback.models import FeedbackEvent, Verdict
from subscribers.models import Subscriber, Suppression
from subscribers.suppression import suppression

_SHOWN = 20


class PersonPanel(Panel):
    """Read-only: subscriptions, suppressions, deliveries and what came back."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "desk/people/person.html"

        def is_shown(self) -> bool:
            return bool(self.instance and self.instance.pk)

        def is_allowed(self, permission: str) -> bool:
            return bool(self.request and self.request.user.has_perm(permission))

        def get_context_data(self, parent_context: dict[str, Any] | None = None) -> dict[str, Any]:
            return {
                **super().get_context_data(parent_context),
                **facts(self.instance),
                "may_lift": self.is_allowed("subscribers.change_suppression"),
                "may_suppress": self.is_allowed("subscribers.add_suppression"),
                "may_merge": self.is_allowed("subscribers.delete_subscriber"),
                "may_erase": self.is_allowed("subscribers.delete_subscriber"),
            }


def facts(person: Subscriber) -> dict[str, Any]:
    """Lists of rows, newest first, at most twenty of each."""
    deliveries = Delivery.objects.filter(subscriber=person.pk, mailing__rehearsal_to="").select_related(
        "mailing__edition__newsletter"
    )
    return {
        "person": person,
        "paused": person.paused_until is not None and person.paused_until > timezone.now(),
        "stopped": suppression.is_suppressed(person),
        "deeds": registry.get_logs_for_instance(person)
        .select_related("user")
        .order_by("-timestamp")[:_SHOWN],
        "subscriptions": person.subscriptions.select_related("mailing_list").order_by("mailing_list__name"),
        "consents": person.consents.select_related("mailing_list", "text").order_by("-pk")[:_SHOWN],
        "suppressions": Suppression.objects.filter(address_hash=person.address_hash).order_by("-pk")[:_SHOWN],
        "deliveries": deliveries.order_by("-pk")[:_SHOWN],
        "events": FeedbackEvent.objects.filter(subscriber=person.pk)[:_SHOWN],
        "verdicts": [
            (one, *decision_labels.state(one))
            for one in Verdict.objects.filter(subscriber=person.pk)[:_SHOWN]
        ],
    }
