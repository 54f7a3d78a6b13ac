"""Resend: one event in each post. It sends by Amazon, and has Amazon's types of bounces."""

from __future__ import annotations

from anymail.signals import AnymailTrackingEvent
from anymail.webhooks.resend import ResendTrackingWebhookView

from mailer.feedback.parsing.records import Kind
from mailer.feedback.webhooks.services.amazon_ses import LISTED, REASONS
from mailer.feedback.webhooks.services.base import Fault, Hook


class ResendHook(Hook):
    name = "resend"
    view = ResendTrackingWebhookView

    def kind(self, told: AnymailTrackingEvent) -> Kind | None:
        if told.esp_event["type"] in ("email.failed", "email.suppressed"):
            return "bounce"
        return super().kind(told)

    def fault(self, told: AnymailTrackingEvent) -> Fault:
        about = told.esp_event["data"]
        if told.esp_event["type"] == "email.failed":
            words = str((about.get("failed") or {}).get("reason") or "")
            return Fault(words=words, name="failed", reason="policy", certain=True)
        bounce = about.get("bounce") or about.get("suppressed") or {}
        kind, detail = str(bounce.get("type")), str(bounce.get("subType"))
        listed = detail in LISTED or told.esp_event["type"] == "email.suppressed"
        return Fault(
            said=_joined(bounce.get("diagnosticCode")) or str(bounce.get("message") or ""),
            name=f"{kind} {detail}",
            reason="on_service_list" if listed else REASONS.get(f"{kind} {detail}", "unknown"),
            certain=listed,
        )


def _joined(said: object) -> str:
    return " ".join(map(str, said)) if isinstance(said, list) else str(said or "")
