"""The event parsers of Amazon SES, and of Resend, which sends through it and has its types of bounces."""

from __future__ import annotations

import json

from anymail.signals import AnymailTrackingEvent, EventType
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.resend import ResendTrackingWebhookView

from mailer.feedback.parsing.collect_message_evidence import Kind
from mailer.feedback.parsing.parse import is_complaint_type
from mailer.feedback.parsing.parsed_message import ParsedReturnedMessage
from mailer.feedback.webhooks import sns
from mailer.feedback.webhooks.event_parser import REASONS, EventParser, Failure, WebhookEvent
from mailer.feedback.webhooks.parse_request_body import JsonEvent
from mailer.stories.url_fetcher import fetch

# Subtypes that mean: on a suppression list of Amazon's or of the account.
_SUPPRESSED = (
    "Suppressed",
    "OnAccountSuppressionList",
    "OnTenantSuppressionList",
    "UnsubscribedRecipient",
)


class AmazonSesParser(EventParser):
    """Events come through SNS, one in each request, as configuration sets or identities publish them."""

    name = "amazon_ses"
    anymail_view = AmazonSESTrackingWebhookView

    def __init__(self, fetch: sns.Fetch = fetch) -> None:
        self._fetch = fetch

    def acknowledge(self, event: JsonEvent) -> None:
        if event.get("Type") == sns.SUBSCRIPTION_CONFIRMATION:
            sns.confirm_subscription(event, self._fetch)

    def parse(self, event: JsonEvent) -> WebhookEvent:
        if event["Type"] == sns.UNSUBSCRIBE_CONFIRMATION:
            # A person has ended the subscription: staff should know.
            return WebhookEvent(self.event_id(event), parsed=ParsedReturnedMessage("other"))
        if event["Type"] == sns.SUBSCRIPTION_CONFIRMATION or not _is_json(event["Message"]):
            return WebhookEvent(self.event_id(event))
        return super().parse(event)

    def event_id(self, event: JsonEvent) -> str:
        # The feedback id is the same in every topic that reports the event.
        if event["Type"] == sns.NOTIFICATION and _is_json(event["Message"]):
            message = json.loads(event["Message"])
            details = message.get("bounce") or message.get("complaint") or {}
            if "feedbackId" in details:
                return str(details["feedbackId"])
        return str(event["MessageId"])

    def token(self, event: AnymailTrackingEvent) -> str:
        # Every tag has a list of values.
        return str(next(iter(event.esp_event["mail"].get("tags", {}).get("delivery", [])), ""))

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        if event.event_type == EventType.COMPLAINED and not is_complaint_type(event.description or "abuse"):
            return None
        return super().kind(event)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        bounce = event.esp_event.get("bounce")
        if bounce is None:
            # Amazon accepted the message and did not send it: a virus, a template.
            return Failure(
                description=str(event.description or ""),
                category=event.event_type,
                reason="policy",
                is_certain=True,
            )
        category, subtype = _category(bounce.get("bounceType"), bounce.get("bounceSubType"))
        recipients = {one["emailAddress"]: one for one in bounce["bouncedRecipients"]}
        suppressed = subtype in _SUPPRESSED
        return Failure(
            server_reply=str(event.mta_response or ""),
            status=str(recipients[event.recipient].get("status") or ""),
            category=category,
            reason="on_service_list" if suppressed else _reason(category),
            is_certain=suppressed,
        )


def _category(bounce_type: object, subtype: object) -> tuple[str, str]:
    """Key of the reasons, and the subtype."""
    return f"{bounce_type} {subtype}", str(subtype)


def _reason(category: str) -> str:
    """Amazon's verdict; an unknown subtype has that of its type."""
    reasons = REASONS["amazon_ses"]
    return reasons.get(category) or reasons.get(f"{category.partition(' ')[0]} General", "unknown")


def _is_json(message: object) -> bool:
    """Whether it is an event; the greeting of a new topic is plain text."""
    return str(message).lstrip().startswith("{")


class ResendParser(EventParser):
    """One event in each request."""

    name = "resend"
    anymail_view = ResendTrackingWebhookView

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        if event.esp_event["type"] in ("email.failed", "email.suppressed"):
            return "bounce"
        return super().kind(event)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        details = event.esp_event["data"]
        if event.esp_event["type"] == "email.failed":
            description = str((details.get("failed") or {}).get("reason") or "")
            return Failure(description=description, category="failed", reason="policy", is_certain=True)
        bounce = details.get("bounce") or details.get("suppressed") or {}
        category, subtype = _category(bounce.get("type"), bounce.get("subType"))
        suppressed = subtype in _SUPPRESSED or event.esp_event["type"] == "email.suppressed"
        codes = bounce.get("diagnosticCode")
        return Failure(
            # `message` is Resend's own text, the same for every bounce of its type.
            server_reply=" ".join(map(str, codes)) if isinstance(codes, list) else str(codes or ""),
            description=str(bounce.get("message") or ""),
            category=category,
            reason="on_service_list" if suppressed else _reason(category),
            is_certain=suppressed,
        )
