"""The event parsers of the ESPs: how each of them reports bounces, complaints and unsubscribes.

Each table of reasons maps the ESP's categories to reasons of rules.toml.
"""

from __future__ import annotations

import json
import re

from anymail.signals import AnymailTrackingEvent, EventType
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.brevo import BrevoTrackingWebhookView
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.mailjet import MailjetTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from anymail.webhooks.resend import ResendTrackingWebhookView
from anymail.webhooks.sparkpost import SparkPostTrackingWebhookView

from mailer.feedback.parsing.evidence import Kind, ParsedReturnedMessage
from mailer.feedback.parsing.parse import is_complaint_type
from mailer.feedback.webhooks import sns
from mailer.feedback.webhooks.event_parser import EventParser, Failure, JsonEvent, WebhookEvent
from mailer.stories.url_fetcher import fetch

# By bounceType and bounceSubType. Resend sends through Amazon and has the same categories.
AMAZON_REASONS = {
    "Permanent General": "unknown_user",
    "Permanent NoEmail": "unknown_user",
    "Transient General": "temporary",
    "Transient MailboxFull": "mailbox_full",
    "Transient MessageTooLarge": "too_large",
    "Transient CustomTimeoutExceeded": "expired",
    "Transient ContentRejected": "spam_content",
    "Transient AttachmentRejected": "policy",
}
# Subtypes that mean: on a suppression list of Amazon's or of the account.
_AMAZON_SUPPRESSED = (
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
            # Somebody has ended the subscription: staff should know.
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
        category, subtype = _amazon_category(bounce.get("bounceType"), bounce.get("bounceSubType"))
        recipients = {one["emailAddress"]: one for one in bounce["bouncedRecipients"]}
        suppressed = subtype in _AMAZON_SUPPRESSED
        return Failure(
            server_reply=str(event.mta_response or ""),
            status=str(recipients[event.recipient].get("status") or ""),
            category=category,
            reason="on_service_list" if suppressed else AMAZON_REASONS.get(category, "unknown"),
            is_certain=suppressed,
        )


def _amazon_category(bounce_type: object, subtype: object) -> tuple[str, str]:
    """Key of AMAZON_REASONS, and the subtype."""
    return f"{bounce_type} {subtype}", str(subtype)


def _is_json(message: object) -> bool:
    """Whether it is an event; the greeting of a new topic is plain text."""
    return str(message).lstrip().startswith("{")


class ResendParser(EventParser):
    """One event in each request. Resend sends through Amazon, and has Amazon's types of bounces."""

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
        category, subtype = _amazon_category(bounce.get("type"), bounce.get("subType"))
        suppressed = subtype in _AMAZON_SUPPRESSED or event.esp_event["type"] == "email.suppressed"
        codes = bounce.get("diagnosticCode")
        reply = " ".join(map(str, codes)) if isinstance(codes, list) else str(codes or "")
        return Failure(
            server_reply=reply or str(bounce.get("message") or ""),
            category=category,
            reason="on_service_list" if suppressed else AMAZON_REASONS.get(category, "unknown"),
            is_certain=suppressed,
        )


BREVO_REASONS = {
    "hard_bounce": "unknown_user",
    "soft_bounce": "temporary",
    "invalid_email": "bad_syntax",
    "blocked": "on_service_list",
    # Brevo could not make the message.
    "error": "policy",
}


class BrevoParser(EventParser):
    """One event in each request, or a list of them."""

    name = "brevo"
    anymail_view = BrevoTrackingWebhookView

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        category = str(event.esp_event["event"])
        return Failure(
            server_reply=str(event.mta_response or ""),
            category=category,
            reason=BREVO_REASONS.get(category, "unknown"),
            is_certain=category in ("blocked", "error"),
        )


# By Mailgun's type of bounce.
MAILGUN_REASONS = {"hard": "unknown_user", "soft": "temporary"}
# Reasons of messages that Mailgun did not send, because its suppression list has the address.
_MAILGUN_SUPPRESSED: dict[str, Kind] = {
    "suppress-bounce": "bounce",
    "suppress-complaint": "complaint",
    "suppress-unsubscribe": "unsubscribe",
}
# A server's reply code; Mailgun's own codes are above.
_REPLY_CODE = re.compile(r"[45]\d\d")


class MailgunParser(EventParser):
    """One event in each request."""

    name = "mailgun"
    anymail_view = MailgunTrackingWebhookView
    options = {"webhook_signing_key": "unused"}

    def event_id(self, event: JsonEvent) -> str:
        data = event["event-data"]
        # Mailgun documents the id as unique within a day.
        return f"{data['id']} {data['timestamp']}"

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        if event.event_type == EventType.BOUNCED:
            return _MAILGUN_SUPPRESSED.get(event.esp_event["event-data"].get("reason"), "bounce")
        return super().kind(event)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        data = event.esp_event["event-data"]
        description = str(event.description or "")
        if data["event"] == "rejected":
            return Failure(description=description, category="rejected", reason="policy", is_certain=True)
        status = data.get("delivery-status") or {}
        reply, code = str(event.mta_response or ""), str(status.get("code"))
        if _REPLY_CODE.fullmatch(code) and not reply.startswith(code):
            reply = f"{code} {reply}"
        category, bounce_type = str(data.get("reason")), str(status.get("bounce-type"))
        # "old": Mailgun gave up.
        by_category = "expired" if category == "old" else MAILGUN_REASONS.get(bounce_type, "unknown")
        suppressed = category in _MAILGUN_SUPPRESSED
        return Failure(
            server_reply=reply,
            description=description,
            status=str(status.get("enhanced-code") or ""),
            host=str(status.get("mx-host") or ""),
            category=category,
            reason="on_service_list" if suppressed else by_category,
            is_certain=suppressed,
        )


# By Mailjet's word for the error.
MAILJET_REASONS = {
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
_MAILJET_SUPPRESSED = ("preblocked", "blacklisted")
# On Mailjet's list because the recipient complained before.
_MAILJET_COMPLAINED = "spam reporter"


class MailjetParser(EventParser):
    """One event in each request, or a list of them."""

    name = "mailjet"
    anymail_view = MailjetTrackingWebhookView

    def token(self, event: AnymailTrackingEvent) -> str:
        return super().token(event) or str(event.esp_event.get("CustomID", ""))

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        return "complaint" if event.esp_event.get("error") == _MAILJET_COMPLAINED else super().kind(event)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        error = str(event.esp_event.get("error"))
        suppressed = error in _MAILJET_SUPPRESSED
        by_category = MAILJET_REASONS.get(error, _mailjet_default(event.esp_event))
        return Failure(
            server_reply=str(event.esp_event.get("comment") or event.mta_response or ""),
            description=error,
            category=error,
            reason="on_service_list" if suppressed else by_category,
            is_certain=suppressed,
        )


def _mailjet_default(event: JsonEvent) -> str:
    if event.get("event") != "bounce":
        return "unknown"
    return "unknown_user" if event.get("hard_bounce") is True else "temporary"


# By Postmark's type of bounce. The other types are no bounces of ours.
POSTMARK_REASONS = {
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


class PostmarkParser(EventParser):
    """One event in each request."""

    name = "postmark"
    anymail_view = PostmarkTrackingWebhookView

    def event_id(self, event: JsonEvent) -> str:
        return f"{event['RecordType']} {event['ID']}" if event.get("ID") else ""

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        record, bounce_type = event.esp_event.get("RecordType"), event.esp_event.get("Type")
        if record == "Bounce" and bounce_type in POSTMARK_REASONS:
            return "bounce"
        if record == "SubscriptionChange":
            return _postmark_change(event.esp_event)
        return super().kind(event)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        category = str(event.esp_event.get("Type"))
        return Failure(
            server_reply=str(event.mta_response or ""),
            description=str(event.description or ""),
            category=category,
            reason=POSTMARK_REASONS.get(category, "unknown"),
            is_certain=category == "ManuallyDeactivated",
        )


def _postmark_change(event: JsonEvent) -> Kind | None:
    """What a change of the suppression list means.

    Bounces have events of their own, and changes by the account's users are no request of the subscriber.
    """
    reason = event.get("SuppressionReason") if event.get("SuppressSending") else None
    if reason == "SpamComplaint":
        return "complaint"
    by_recipient = reason == "ManualSuppression" and event.get("EventSource") == "Recipient"
    return "unsubscribe" if by_recipient else None


# By SparkPost's bounce class.
SPARKPOST_REASONS = {
    "10": "unknown_user",
    "20": "temporary",
    "21": "network",
    "22": "mailbox_full",
    "23": "too_large",
    "24": "network",
    "25": "policy",
    "30": "unknown_user",
    "40": "temporary",
    "50": "reputation",
    "51": "reputation",
    "52": "spam_content",
    "53": "policy",
    "54": "relay_denied",
    "70": "temporary",
}
# SparkPost itself refused: by its suppression list, by a policy, or because it could not make the message.
_SPARKPOST_REFUSED = ("policy_rejection", "generation_failure", "generation_rejection")


class SparkPostParser(EventParser):
    """A list of events in each request; an empty event tests whether the webhook answers."""

    name = "sparkpost"
    anymail_view = SparkPostTrackingWebhookView

    def normalise(self, event: JsonEvent) -> list[AnymailTrackingEvent]:
        # Anymail expects the list that came.
        return super().normalise([event])  # type: ignore[arg-type]

    def event_id(self, event: JsonEvent) -> str:
        return next((str(details.get("event_id", "")) for details in event["msys"].values()), "")

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        complained = event.event_type == EventType.COMPLAINED
        if complained and not is_complaint_type(_sparkpost_details(event).get("fbtype") or "abuse"):
            return None
        return super().kind(event)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        details = _sparkpost_details(event)
        reply = str(event.mta_response or details.get("reason") or "")
        if details["type"] in _SPARKPOST_REFUSED:
            reason = "on_service_list" if "suppress" in reply.lower() else "policy"
            return Failure(reply, category=str(details["type"]), reason=reason, is_certain=True)
        bounce_class = str(details.get("bounce_class"))
        reason = SPARKPOST_REASONS.get(bounce_class, "unknown")
        return Failure(reply, category=f"class {bounce_class}", reason=reason)


def _sparkpost_details(event: AnymailTrackingEvent) -> JsonEvent:
    (details,) = event.esp_event["msys"].values()
    return dict(details)


PARSERS: dict[str, EventParser] = {
    parser.name: parser
    for parser in (
        AmazonSesParser(),
        BrevoParser(),
        MailgunParser(),
        MailjetParser(),
        PostmarkParser(),
        ResendParser(),
        SparkPostParser(),
    )
}
