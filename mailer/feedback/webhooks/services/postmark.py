"""Postmark: one event in each post."""

from __future__ import annotations

from anymail.signals import AnymailTrackingEvent
from anymail.webhooks.postmark import PostmarkTrackingWebhookView

from mailer.feedback.parsing.records import Kind
from mailer.feedback.webhooks.services.base import Event, Fault, Hook

# By Postmark's type of bounce. Those that are not here happened to nobody's copy for good.
_REASONS = {
    "HardBounce": "unknown_user",
    "BadEmailAddress": "bad_syntax",
    "SoftBounce": "temporary",
    "Blocked": "reputation",
    "SpamNotification": "spam_content",
    "VirusNotification": "spam_content",
    "DMARCPolicy": "authentication",
    "SMTPApiError": "policy",
    "TemplateRenderingFailed": "policy",
    "Unconfirmed": "policy",
    "ManuallyDeactivated": "on_service_list",
    "Unknown": "unknown",
}


class PostmarkHook(Hook):
    name = "postmark"
    view = PostmarkTrackingWebhookView

    def event_name(self, event: Event) -> str:
        return f"{event['RecordType']} {event['ID']}" if event.get("ID") else ""

    def kind(self, told: AnymailTrackingEvent) -> Kind | None:
        record, detail = told.esp_event.get("RecordType"), told.esp_event.get("Type")
        if record == "Bounce" and detail in _REASONS:
            return "bounce"
        if record == "SubscriptionChange":
            return _suppressed(told.esp_event)
        return super().kind(told)

    def fault(self, told: AnymailTrackingEvent) -> Fault:
        name = str(told.esp_event.get("Type"))
        return Fault(
            said=str(told.mta_response or ""),
            words=str(told.description or ""),
            name=name,
            reason=_REASONS.get(name, "unknown"),
            certain=name == "ManuallyDeactivated",
        )


def _suppressed(event: Event) -> Kind | None:
    """Bounces have events of their own, and what somebody did in the account is no wish of the reader's."""
    why = event.get("SuppressionReason") if event.get("SuppressSending") else None
    if why == "SpamComplaint":
        return "complaint"
    return "unsubscribe" if why == "ManualSuppression" and event.get("Origin") == "Recipient" else None
