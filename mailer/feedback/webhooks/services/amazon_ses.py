"""Amazon SES, which tells by SNS: one event in each post, as configuration sets or identities publish it."""

from __future__ import annotations

import json

from anymail.signals import AnymailTrackingEvent, EventType
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView

from mailer.feedback.parsing.arf import is_complaint_type
from mailer.feedback.parsing.records import Kind, ParsedReturn
from mailer.feedback.webhooks import sns
from mailer.feedback.webhooks.services.base import Event, Fault, Heard, Hook
from mailer.stories.fetch import fetch

# By bounceType and bounceSubType. Resend sends by Amazon and has the same words.
REASONS = {
    "Permanent General": "unknown_user",
    "Permanent NoEmail": "unknown_user",
    "Transient General": "temporary",
    "Transient MailboxFull": "mailbox_full",
    "Transient MessageTooLarge": "too_large",
    "Transient CustomTimeoutExceeded": "expired",
    "Transient ContentRejected": "spam_content",
    "Transient AttachmentRejected": "policy",
}
# The address is on a list, of Amazon's or of the account.
LISTED = ("Suppressed", "OnAccountSuppressionList", "OnTenantSuppressionList", "UnsubscribedRecipient")


class AmazonHook(Hook):
    name = "amazon_ses"
    view = AmazonSESTrackingWebhookView

    def __init__(self, fetch: sns.Fetch = fetch) -> None:
        self._fetch = fetch

    def reply(self, event: Event) -> None:
        if event.get("Type") == sns.CONFIRMATION:
            sns.confirm(event, self._fetch)

    def hear(self, event: Event) -> Heard:
        if event["Type"] == sns.FAREWELL:
            # Somebody has ended the subscription: staff should know.
            return Heard(self.event_name(event), reading=ParsedReturn("other"))
        if event["Type"] == sns.CONFIRMATION or not _is_json(event["Message"]):
            return Heard(self.event_name(event))
        return super().hear(event)

    def event_name(self, event: Event) -> str:
        # The same in every topic that tells of it.
        if event["Type"] == sns.NOTIFICATION and _is_json(event["Message"]):
            told = json.loads(event["Message"])
            about = told.get("bounce") or told.get("complaint") or {}
            if "feedbackId" in about:
                return str(about["feedbackId"])
        return str(event["MessageId"])

    def token(self, told: AnymailTrackingEvent) -> str:
        # Every tag has a list of values.
        return str(next(iter(told.esp_event["mail"].get("tags", {}).get("delivery", [])), ""))

    def kind(self, told: AnymailTrackingEvent) -> Kind | None:
        if told.event_type == EventType.COMPLAINED and not is_complaint_type(told.description or "abuse"):
            return None
        return super().kind(told)

    def fault(self, told: AnymailTrackingEvent) -> Fault:
        bounce = told.esp_event.get("bounce")
        if bounce is None:
            # Amazon took the message and would not send it: a virus, a template.
            return Fault(
                words=str(told.description or ""), name=told.event_type, reason="policy", certain=True
            )
        kind, detail = str(bounce.get("bounceType")), str(bounce.get("bounceSubType"))
        about = {one["emailAddress"]: one for one in bounce["bouncedRecipients"]}
        listed = detail in LISTED
        return Fault(
            said=str(told.mta_response or ""),
            status=str(about[told.recipient].get("status") or ""),
            name=f"{kind} {detail}",
            reason="on_service_list" if listed else REASONS.get(f"{kind} {detail}", "unknown"),
            certain=listed,
        )


def _is_json(message: object) -> bool:
    """Whether it is an event; a greeting of Amazon's is plain words."""
    return str(message).lstrip().startswith("{")
