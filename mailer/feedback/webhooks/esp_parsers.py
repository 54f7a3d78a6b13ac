"""The event parsers of the ESPs: how each of them reports bounces, complaints and unsubscribes.

reasons.toml says what their categories of failures mean.
"""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType
from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.brevo import BrevoTrackingWebhookView
from anymail.webhooks.mailersend import MailerSendTrackingWebhookView
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.mailjet import MailjetTrackingWebhookView
from anymail.webhooks.mailtrap import MailtrapTrackingWebhookView
from anymail.webhooks.mandrill import MandrillTrackingWebhookView
from anymail.webhooks.postal import PostalTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView
from anymail.webhooks.sparkpost import SparkPostTrackingWebhookView
from anymail.webhooks.unisender_go import UnisenderGoTrackingWebhookView
from django.conf import settings

from mailer.delivery.esp.message_parts_encoder import delivery_of
from mailer.feedback.parsing.classify_bounce_reasons import classification_for
from mailer.feedback.parsing.collect_message_evidence import Kind
from mailer.feedback.parsing.parse import is_complaint_type
from mailer.feedback.webhooks.event_parser import (
    REASONS,
    EventParser,
    Failure,
    has_reply_code,
    tags_of,
)
from mailer.feedback.webhooks.parse_request_body import JsonEvent
from mailer.feedback.webhooks.ses_and_resend_parsers import AmazonSesParser, ResendParser
from mailer.feedback.webhooks.unsubscribe_scope import UnsubscribeScope


class BrevoParser(EventParser):
    """One event in each request, or a list of them."""

    name = "brevo"
    anymail_view = BrevoTrackingWebhookView

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        # Anymail knows one spelling.
        return "unsubscribe" if event.esp_event["event"] == "unsubscribed" else super().kind(event)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        category = str(event.esp_event["event"])
        return Failure(
            server_reply=str(event.mta_response or ""),
            category=category,
            reason=REASONS["brevo"].get(category, "unknown"),
            is_certain=category in ("blocked", "error"),
        )


# Reasons of messages that Mailgun did not send, because its suppression list has the address.
_MAILGUN_SUPPRESSED: dict[str, Kind] = {
    "suppress-bounce": "bounce",
    "suppress-complaint": "complaint",
    "suppress-unsubscribe": "unsubscribe",
}
# Its own code of a message that it tried for too long.
_MAILGUN_TOO_OLD = "602"
# A server's reply code; Mailgun's own codes are above.
_REPLY_CODE = re.compile(r"[45]\d\d")


class MailgunParser(EventParser):
    """One event in each request."""

    name = "mailgun"
    anymail_view = MailgunTrackingWebhookView
    options = {"webhook_signing_key": "unused"}

    def event_id(self, event: JsonEvent) -> str:
        data = event["event-data"]
        if "id" not in data:
            return ""
        # Mailgun documents the id as unique within a day.
        return f"{data['id']} {data.get('timestamp', '')}".strip()

    def hashed(self, event: JsonEvent) -> str:
        # Each attempt has another signature.
        return super().hashed(event["event-data"])

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        if event.event_type == EventType.BOUNCED:
            return _MAILGUN_SUPPRESSED.get(event.esp_event["event-data"].get("reason"), "bounce")
        return super().kind(event)

    def scope(self, event: AnymailTrackingEvent) -> UnsubscribeScope:
        data, tags = event.esp_event["event-data"], tags_of(event)
        headers = (data.get("message") or {}).get("headers") or {}
        sent_by = (data.get("domain") or {}).get("name") or str(headers.get("message-id")).rpartition("@")[2]
        # Without a tag, or with "*", Mailgun sends the recipient nothing from this domain.
        whole = not tags or "*" in tags
        ours = sent_by.strip("<>").lower() == settings.CONFIG.service.domain.lower()
        return UnsubscribeScope(tags, everything=whole and ours)

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
        reasons = REASONS["mailgun"]
        by_reason = reasons.get(category) or ("unknown" if bounce_type != "None" else _mailgun_default(code))
        # "old": Mailgun gave up; its type of the last reply does not matter.
        by_category = by_reason if category == "old" else reasons.get(bounce_type, by_reason)
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


def _mailgun_default(code: str) -> str:
    """What a permanent failure means where neither its reason nor its type say so.

    Codes of 4xx, and 0, are Mailgun's own where no server replied: they say nothing of the address.
    """
    if code == _MAILGUN_TOO_OLD:
        return "expired"
    return "unknown" if code.startswith("4") or code == "0" else "unknown_user"


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

    def scope(self, event: AnymailTrackingEvent) -> UnsubscribeScope:
        return UnsubscribeScope((*tags_of(event), str(event.esp_event.get("customcampaign") or "")))

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        error = str(event.esp_event.get("error"))
        suppressed = error in _MAILJET_SUPPRESSED
        by_category = _mailjet_reason(event.esp_event, error)
        return Failure(
            server_reply=str(event.esp_event.get("comment") or event.mta_response or ""),
            description=error,
            category=error,
            reason="on_service_list" if suppressed else by_category,
            is_certain=suppressed,
        )


def _mailjet_reason(event: JsonEvent, error: str) -> str:
    hard = event.get("hard_bounce")
    default = "unknown" if event.get("event") != "bounce" else "unknown_user" if hard is True else "temporary"
    reason = REASONS["mailjet"].get(error, default)
    return "temporary" if hard is False and _is_hard(reason) else reason


def _is_hard(reason: str) -> bool:
    return classification_for(reason, "", "").bounce_class == "hard"


class PostmarkParser(EventParser):
    """One event in each request."""

    name = "postmark"
    anymail_view = PostmarkTrackingWebhookView

    def event_id(self, event: JsonEvent) -> str:
        return f"{event['RecordType']} {event['ID']}" if event.get("ID") else ""

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        record, bounce_type = event.esp_event.get("RecordType"), event.esp_event.get("Type")
        if record == "Bounce" and bounce_type in REASONS["postmark"]:
            return "bounce"
        if record == "SubscriptionChange":
            return _postmark_change(event.esp_event)
        return super().kind(event)

    def scope(self, event: AnymailTrackingEvent) -> UnsubscribeScope:
        # Postmark sends the recipient nothing in this stream, and we send in one stream only.
        stream = settings.CONFIG.service.stream or "broadcast"
        everything = event.esp_event.get("MessageStream") == stream
        return UnsubscribeScope(tags_of(event), str(event.esp_event.get("From") or ""), everything)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        category = str(event.esp_event.get("Type"))
        return Failure(
            server_reply=str(event.mta_response or ""),
            description=str(event.description or ""),
            category=category,
            reason=REASONS["postmark"].get(category, "unknown"),
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

    def scope(self, event: AnymailTrackingEvent) -> UnsubscribeScope:
        details = _sparkpost_details(event)
        sender = parseaddr(str(details.get("friendly_from") or details.get("msg_from") or ""))[1]
        return UnsubscribeScope((*tags_of(event), str(details.get("campaign_id") or "")), sender)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        details = _sparkpost_details(event)
        reply = str(event.mta_response or details.get("reason") or "")
        code = str(details.get("error_code") or "")
        if _REPLY_CODE.fullmatch(code) and code not in reply:
            reply = f"{code} {reply}"
        if details["type"] in _SPARKPOST_REFUSED:
            reason = "on_service_list" if "suppress" in reply.lower() else "policy"
            return Failure(reply, category=str(details["type"]), reason=reason, is_certain=True)
        bounce_class = str(details.get("bounce_class"))
        reason = REASONS["sparkpost"].get(bounce_class, "unknown")
        return Failure(reply, category=f"class {bounce_class}", reason=reason)


def _sparkpost_details(event: AnymailTrackingEvent) -> JsonEvent:
    (details,) = event.esp_event["msys"].values()
    return dict(details)


class SendGridView(SendGridTrackingWebhookView):  # type: ignore[misc]
    """Without the parent's warning that anymail no longer has an account to test with."""

    def __init__(self, **options: Any) -> None:
        AnymailBaseWebhookView.__init__(self, **options)


# Why SendGrid dropped a message; the other reasons are bounces, or our own faults.
_SENDGRID_DROPPED: dict[str, Kind] = {
    "spam reporting address": "complaint",
    "unsubscribed address": "unsubscribe",
    "group unsubscribe": "unsubscribe",
}
# What SendGrid thinks of the reply, where that says more than its type.
_SENDGRID_CLASSES = {
    "content": "spam_content",
    "reputation": "reputation",
    "frequency or volume too high": "over_rate",
    "technical": "temporary",
    "technical failure": "temporary",
}


class SendGridParser(EventParser):
    """A list of events in each request."""

    name = "sendgrid"
    anymail_view = SendGridView

    def normalise(self, event: JsonEvent) -> list[AnymailTrackingEvent]:
        # Anymail expects the list that came.
        return super().normalise([event])  # type: ignore[arg-type]

    def event_id(self, event: JsonEvent) -> str:
        return str(event.get("sg_event_id") or "")

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        if event.event_type == EventType.REJECTED:
            return _SENDGRID_DROPPED.get(_sendgrid_reason(event.esp_event), "bounce")
        return super().kind(event)

    def scope(self, event: AnymailTrackingEvent) -> UnsubscribeScope:
        # A group of SendGrid's is none of ours.
        group = "group" in event.esp_event["event"] or "group" in _sendgrid_reason(event.esp_event)
        return UnsubscribeScope(tags_of(event), everything=not group)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        data, reasons = event.esp_event, REASONS["sendgrid"]
        if event.event_type == EventType.REJECTED:
            category = _sendgrid_reason(data)
            reason = reasons.get(category, "policy")
            return Failure(
                description=str(data.get("reason") or ""), category=category, reason=reason, is_certain=True
            )
        category = str(data.get("type") or "bounce")
        by_class = _SENDGRID_CLASSES.get(str(data.get("bounce_classification") or "").lower())
        text = str(event.mta_response or "")
        return Failure(
            # SendGrid's words about its own look-ups may sound like a block.
            server_reply=text if has_reply_code(text) else "",
            description=text,
            status=str(data.get("status") or ""),
            category=category,
            reason=by_class or reasons.get(category, "unknown"),
        )


def _sendgrid_reason(event: JsonEvent) -> str:
    return str(event.get("reason") or "").lower()


class MailerSendParser(EventParser):
    """One event in each request. The delivery is named by a tag: MailerSend keeps no metadata."""

    name = "mailersend"
    anymail_view = MailerSendTrackingWebhookView
    options = {"signing_secret": "unused"}

    def event_id(self, event: JsonEvent) -> str:
        return str(event["data"].get("id") or "")

    def token(self, event: AnymailTrackingEvent) -> str:
        tags = event.tags if isinstance(event.tags, list) else []
        return next((tag for tag in map(str, tags) if delivery_of(tag) is not None), "")

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        return "bounce" if event.esp_event["data"]["type"] == "suppressed" else super().kind(event)

    def scope(self, event: AnymailTrackingEvent) -> UnsubscribeScope:
        return UnsubscribeScope(tags_of(event), str(event.esp_event["data"]["email"].get("from") or ""))

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        category = str(event.esp_event["data"]["type"])
        return Failure(
            # The server's reply in some bounces, MailerSend's words in others.
            server_reply=str(event.description or ""),
            category=category,
            reason=REASONS["mailersend"].get(category, "unknown"),
            is_certain=category == "suppressed",
        )


# "bounced (550 5.1.1 …)"
_MAILTRAP_REPLY = re.compile(r"[a-z ]{1,40}\((.*)\)\s*", re.DOTALL)


class MailtrapParser(EventParser):
    """Events in an envelope in each request."""

    name = "mailtrap"
    anymail_view = MailtrapTrackingWebhookView

    def normalise(self, event: JsonEvent) -> list[AnymailTrackingEvent]:
        return super().normalise({"events": [event]})

    def event_id(self, event: JsonEvent) -> str:
        return str(event.get("event_id") or "")

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        category = event.esp_event["event"]
        if category == "reject":
            # On Mailtrap's suppression list; the reason says since when.
            reason = str(event.esp_event.get("reason") or "").lower()
            return "complaint" if "spam" in reason else "unsubscribe" if "unsubscri" in reason else "bounce"
        return "bounce" if category in REASONS["mailtrap"] else super().kind(event)

    def scope(self, event: AnymailTrackingEvent) -> UnsubscribeScope:
        return UnsubscribeScope(tags_of(event), str(event.esp_event.get("sending_domain_name") or ""))

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        data = event.esp_event
        category, description = str(data["event"]), str(data.get("reason") or "")
        if category == "reject":
            suppressed = any(word in description.lower() for word in ("bounce", "suppress", "manual"))
            reason = "on_service_list" if suppressed else "policy"
            return Failure(description=description, category=category, reason=reason, is_certain=True)
        reply, code = str(event.mta_response or ""), str(data.get("response_code") or "")
        if wrapped := _MAILTRAP_REPLY.fullmatch(reply):
            reply = wrapped[1]
        if _REPLY_CODE.fullmatch(code) and code not in reply:
            reply = f"{code} {reply}"
        return Failure(
            server_reply=reply,
            description=description,
            category=category,
            reason=_mailtrap_reason(data, category),
            is_certain=category == "suspension",
        )


def _mailtrap_reason(event: JsonEvent, category: str) -> str:
    """What the category of the bounce means; it says more than the event, which may be no softer for it."""
    reasons = REASONS["mailtrap"]
    by_event = reasons.get(category, "unknown")
    found = re.sub(r"\W|_|(related|issues?|errors?)$", "", str(event.get("bounce_category") or "").lower())
    reason = reasons.get(f"{category} {found}") or reasons.get(f"bounce {found}") or by_event
    return by_event if _is_hard(reason) and not _is_hard(by_event) else reason


# Why Mandrill has an address on its list.
_MANDRILL_REJECTED: dict[str, Kind] = {"spam": "complaint", "unsub": "unsubscribe"}
# Why Mandrill rejected a message although the address is not on its list.
_MANDRILL_OWN_FAULT = (
    *("invalid-sender", "unsigned", "rule", "test-mode-limit", "recipient-limit-exceeded", "global-block"),
)


class MandrillParser(EventParser):
    """A list of events in a form in each request; those of its lists have another shape."""

    name = "mandrill"
    anymail_view = MandrillTrackingWebhookView
    options = {"webhook_key": "unused"}

    def normalise(self, event: JsonEvent) -> list[AnymailTrackingEvent]:
        if event.get("event") == "inbound":
            return []
        return [self._view.mandrill_tracking_to_anymail_event(event)]

    def event_id(self, event: JsonEvent) -> str:
        # The message's id, which all its events share.
        return f"{event['event']} {event['_id']} {event.get('ts', '')}" if event.get("_id") else ""

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        data = event.esp_event
        if data.get("type") == "blacklist":
            # Bounces have events of their own, and the account's users are not the subscriber.
            added = data.get("action") == "add"
            return _MANDRILL_REJECTED.get(_mandrill_reason(data)) if added else None
        if event.event_type == EventType.REJECTED:
            return _MANDRILL_REJECTED.get(_mandrill_reason(data["msg"]), "bounce")
        return super().kind(event)

    def scope(self, event: AnymailTrackingEvent) -> UnsubscribeScope:
        # The list holds for the whole account.
        message = event.esp_event.get("msg")
        sender = str(message.get("sender") or "") if message else ""
        everything = message is None or event.event_type == EventType.REJECTED
        return UnsubscribeScope(tags_of(event), sender, everything)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        data, message = event.esp_event, event.esp_event["msg"]
        if event.event_type == EventType.REJECTED:
            category = _mandrill_reason(message)
            reason = "policy" if category in _MANDRILL_OWN_FAULT else "on_service_list"
            return Failure(category=f"reject {category}", reason=reason, is_certain=True)
        category, description = str(data["event"]), str(message.get("bounce_description") or "")
        reasons = REASONS["mandrill"]
        return Failure(
            server_reply=str(event.mta_response or ""),
            description=description,
            category=category,
            reason=reasons.get(f"{category} {description}") or reasons.get(category, "unknown"),
        )


def _mandrill_reason(data: JsonEvent) -> str:
    reject = data.get("reject")
    return str((reject.get("reason") if isinstance(reject, dict) else reject) or "")


# Postal's texts: an address on its list, and a message that it tried too often.
_POSTAL_SUPPRESSED, _POSTAL_EXPIRED = "suppression list", "maximum number of delivery attempts"


class PostalParser(EventParser):
    """One event in each request. The delivery is named by the message's tag: Postal keeps no metadata."""

    name = "postal"
    anymail_view = PostalTrackingWebhookView
    options = {"webhook_key": "unused"}

    def event_id(self, event: JsonEvent) -> str:
        return str(event.get("uuid") or "")

    def token(self, event: AnymailTrackingEvent) -> str:
        return str(next(iter(event.tags or ()), "") or "")

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        # Held: Postal did not send it.
        return "bounce" if _postal_status(event) == "Held" else super().kind(event)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        status, details = _postal_status(event), str(event.description or "")
        held = status == "Held"
        expired = _POSTAL_EXPIRED in details.lower()
        by_status = REASONS["postal"].get("expired" if expired else status, "unknown")
        suppressed = held and _POSTAL_SUPPRESSED in details.lower()
        return Failure(
            server_reply=str(event.mta_response or ""),
            description=details,
            category=status or "MessageBounced",
            reason="on_service_list" if suppressed else by_status,
            is_certain=held,
        )


def _postal_status(event: AnymailTrackingEvent) -> str:
    return str((event.esp_event.get("payload") or {}).get("status") or "")


class UnisenderGoParser(EventParser):
    """Events in an envelope in each request, or one event."""

    name = "unisender_go"
    anymail_view = UnisenderGoTrackingWebhookView
    options = {"api_key": "unused"}

    def normalise(self, event: JsonEvent) -> list[AnymailTrackingEvent]:
        if event["event_name"] != "transactional_email_status":
            return []
        return [self._view.esp_to_anymail_event(event.get("event_data") or event)]

    def hashed(self, event: JsonEvent) -> str:
        # Each attempt of a single event has another signature.
        return super().hashed({name: value for name, value in event.items() if name != "auth"})

    def kind(self, event: AnymailTrackingEvent) -> Kind | None:
        if event.esp_event["status"] == "soft_bounced":
            # Unisender Go tries again, or it does not.
            return None if _unisender_status(event) in ("err_will_retry", "") else "bounce"
        return super().kind(event)

    def scope(self, event: AnymailTrackingEvent) -> UnsubscribeScope:
        # Unisender Go sends the recipient nothing from this account or project.
        return UnsubscribeScope(everything=True)

    def failure(self, event: AnymailTrackingEvent) -> Failure:
        status, category = str(event.esp_event["status"]), _unisender_status(event)
        reasons = REASONS["unisender_go"]
        # A category that is missing in the table says that it is something else than an unknown address.
        reason = reasons.get(category or status, "unknown")
        if status == "soft_bounced" and (reason == "unknown" or _is_hard(reason)):
            reason = "temporary"
        return Failure(
            server_reply=str(event.mta_response or ""),
            category=category or status,
            reason=reason,
            is_certain=reason == "on_service_list",
        )


def _unisender_status(event: AnymailTrackingEvent) -> str:
    return str((event.esp_event.get("delivery_info") or {}).get("delivery_status") or "")


PARSERS: dict[str, EventParser] = {
    parser.name: parser
    for parser in (
        AmazonSesParser(),
        BrevoParser(),
        MailerSendParser(),
        MailgunParser(),
        MailjetParser(),
        MailtrapParser(),
        MandrillParser(),
        PostalParser(),
        PostmarkParser(),
        ResendParser(),
        SendGridParser(),
        SparkPostParser(),
        UnisenderGoParser(),
    )
}
