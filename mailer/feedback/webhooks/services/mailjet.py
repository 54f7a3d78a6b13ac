"""Mailjet: events alone, or grouped in a list."""

from __future__ import annotations

from anymail.signals import AnymailTrackingEvent
from anymail.webhooks.mailjet import MailjetTrackingWebhookView

from mailer.feedback.parsing.records import Kind
from mailer.feedback.webhooks.services.base import Fault, Hook

# By Mailjet's word for the error.
_REASONS = {
    "user unknown": "unknown_user",
    "mailbox inactive": "disabled",
    "quota exceeded": "mailbox_full",
    "invalid domain": "bad_domain",
    "no mail host": "network",
    "relay/access denied": "relay_denied",
    "typofix": "bad_domain",
    "sender blocked": "reputation",
    "content blocked": "spam_content",
    "policy issue": "policy",
    "system issue": "temporary",
    "protocol issue": "temporary",
    "connection issue": "network",
    "bad or empty template": "policy",
    "error in template language": "policy",
    "duplicate in campaign": "policy",
}
# The address is on a list of Mailjet's.
_LISTED = ("preblocked", "blacklisted")
# On that list because its owner complained before.
_COMPLAINED = "spam reporter"


class MailjetHook(Hook):
    name = "mailjet"
    view = MailjetTrackingWebhookView

    def token(self, told: AnymailTrackingEvent) -> str:
        return super().token(told) or str(told.esp_event.get("CustomID", ""))

    def kind(self, told: AnymailTrackingEvent) -> Kind | None:
        return "complaint" if told.esp_event.get("error") == _COMPLAINED else super().kind(told)

    def fault(self, told: AnymailTrackingEvent) -> Fault:
        error = str(told.esp_event.get("error"))
        listed = error in _LISTED
        return Fault(
            said=str(told.esp_event.get("comment") or told.mta_response or ""),
            words=error,
            name=error,
            reason="on_service_list" if listed else _REASONS.get(error, _by_kind(told)),
            certain=listed,
        )


def _by_kind(told: AnymailTrackingEvent) -> str:
    if told.esp_event.get("event") != "bounce":
        return "unknown"
    return "unknown_user" if told.esp_event.get("hard_bounce") is True else "temporary"
