"""Mailgun: one event in each post."""

from __future__ import annotations

import re

from anymail.signals import AnymailTrackingEvent, EventType
from anymail.webhooks.mailgun import MailgunTrackingWebhookView

from mailer.feedback.parsing.records import Kind
from mailer.feedback.webhooks.services.base import Event, Fault, Hook

# What Mailgun did not even try, because its own list says so.
_LISTED: dict[str, Kind] = {
    "suppress-bounce": "bounce",
    "suppress-complaint": "complaint",
    "suppress-unsubscribe": "unsubscribe",
}
_REASONS = {"hard": "unknown_user", "soft": "temporary"}
# What a server answers; Mailgun's own numbers are above.
_REPLY = re.compile(r"[45]\d\d")


class MailgunHook(Hook):
    name = "mailgun"
    view = MailgunTrackingWebhookView
    options = {"webhook_signing_key": "unused"}

    def event_name(self, event: Event) -> str:
        told = event["event-data"]
        # Unique within a day, says Mailgun.
        return f"{told['id']} {told['timestamp']}"

    def kind(self, told: AnymailTrackingEvent) -> Kind | None:
        if told.event_type == EventType.BOUNCED:
            return _LISTED.get(told.esp_event["event-data"].get("reason"), "bounce")
        return super().kind(told)

    def fault(self, told: AnymailTrackingEvent) -> Fault:
        about = told.esp_event["event-data"]
        if about["event"] == "rejected":
            return Fault(words=str(told.description or ""), name="rejected", reason="policy", certain=True)
        status = about.get("delivery-status") or {}
        said, code, reason = str(told.mta_response or ""), str(status.get("code")), str(about.get("reason"))
        if _REPLY.fullmatch(code) and not said.startswith(code):
            said = f"{code} {said}"
        listed = reason in _LISTED
        return Fault(
            said=said,
            words=str(told.description or ""),
            status=str(status.get("enhanced-code") or ""),
            host=str(status.get("mx-host") or ""),
            name=reason,
            reason="on_service_list" if listed else _reason(reason, str(status.get("bounce-type"))),
            certain=listed,
        )


def _reason(reason: str, bounce_type: str) -> str:
    """`old`: Mailgun gave up."""
    return "expired" if reason == "old" else _REASONS.get(bounce_type, "unknown")
