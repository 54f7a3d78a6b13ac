"""The read-only part of a subscriber's page: lists, consent, suppressions and recent emails."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from wagtail.admin.panels import Panel
from wagtail.log_actions import registry

from mailer.delivery.models import Delivery
from mailer.desk.suppression_decisions import labels
from mailer.feedback.models import FeedbackEvent, Verdict
from subscribers import suppression
from subscribers.models import Subscriber, Suppression

_SHOWN = 20


class SubscriberPanel(Panel):
    """Subscriptions, consent, suppressions, deliveries, bounces and complaints."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "desk/subscribers/detail_panel.html"

        def is_shown(self) -> bool:
            return bool(self.instance and self.instance.pk)

        def is_allowed(self, permission: str) -> bool:
            return bool(self.request and self.request.user.has_perm(permission))

        def get_context_data(self, parent_context: dict[str, Any] | None = None) -> dict[str, Any]:
            return {
                **super().get_context_data(parent_context),
                **history(self.instance),
                "may_unsuppress": self.is_allowed("subscribers.change_suppression"),
                "may_suppress": self.is_allowed("subscribers.add_suppression"),
                "may_merge": self.is_allowed("subscribers.delete_subscriber"),
                "may_erase": self.is_allowed("subscribers.delete_subscriber"),
            }


def history(subscriber: Subscriber) -> dict[str, Any]:
    """Template context with up to 20 rows of each kind, newest first."""
    deliveries = Delivery.objects.filter(subscriber=subscriber.pk, mailing__dry_run_to="").select_related(
        "mailing__edition__newsletter"
    )
    return {
        "subscriber": subscriber,
        "paused": subscriber.paused_until is not None and subscriber.paused_until > timezone.now(),
        "suppressed": suppression.is_suppressed(subscriber),
        "log_entries": registry.get_logs_for_instance(subscriber)
        .select_related("user")
        .order_by("-timestamp")[:_SHOWN],
        "subscriptions": subscriber.subscriptions.select_related("mailing_list").order_by(
            "mailing_list__name"
        ),
        "consents": subscriber.consents.select_related("mailing_list", "text").order_by("-pk")[:_SHOWN],
        "suppressions": Suppression.objects.filter(address_hash=subscriber.address_hash).order_by("-pk")[
            :_SHOWN
        ],
        "deliveries": deliveries.order_by("-pk")[:_SHOWN],
        "events": FeedbackEvent.objects.filter(subscriber=subscriber.pk)[:_SHOWN],
        "decisions": [
            (one, *labels.state_label(one))
            for one in Verdict.objects.filter(subscriber=subscriber.pk)[:_SHOWN]
        ],
    }
