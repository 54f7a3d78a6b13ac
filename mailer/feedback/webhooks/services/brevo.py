"""Brevo: one event in each post, or a list of them."""

from __future__ import annotations

from anymail.signals import AnymailTrackingEvent
from anymail.webhooks.brevo import BrevoTrackingWebhookView

from mailer.feedback.webhooks.services.base import Fault, Hook

_REASONS = {
    "hard_bounce": "unknown_user",
    "soft_bounce": "temporary",
    "invalid_email": "bad_syntax",
    "blocked": "on_service_list",
    # Brevo could not make the message.
    "error": "policy",
}


class BrevoHook(Hook):
    name = "brevo"
    view = BrevoTrackingWebhookView

    def fault(self, told: AnymailTrackingEvent) -> Fault:
        name = str(told.esp_event["event"])
        return Fault(
            said=str(told.mta_response or ""),
            name=name,
            reason=_REASONS.get(name, "unknown"),
            certain=name in ("blocked", "error"),
        )
