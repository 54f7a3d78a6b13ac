"""SparkPost: a list of events in each post; an empty one tries whether anybody listens."""

from __future__ import annotations

from anymail.signals import AnymailTrackingEvent, EventType
from anymail.webhooks.sparkpost import SparkPostTrackingWebhookView

from mailer.feedback.parsing.arf import is_complaint_type
from mailer.feedback.parsing.records import Kind
from mailer.feedback.webhooks.services.base import Event, Fault, Hook

# By SparkPost's class of bounce.
_REASONS = {
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
# SparkPost itself would not send: by its list, by a policy, or because it could not make the message.
_BY_ITSELF = ("policy_rejection", "generation_failure", "generation_rejection")


class SparkPostHook(Hook):
    name = "sparkpost"
    view = SparkPostTrackingWebhookView

    def normalised(self, event: Event) -> list[AnymailTrackingEvent]:
        # Anymail expects the list that came.
        return super().normalised([event])  # type: ignore[arg-type]

    def event_name(self, event: Event) -> str:
        return next((str(about.get("event_id", "")) for about in event["msys"].values()), "")

    def kind(self, told: AnymailTrackingEvent) -> Kind | None:
        complained = told.event_type == EventType.COMPLAINED
        if complained and not is_complaint_type(_about(told).get("fbtype") or "abuse"):
            return None
        return super().kind(told)

    def fault(self, told: AnymailTrackingEvent) -> Fault:
        about = _about(told)
        said, name = str(told.mta_response or about.get("reason") or ""), str(about.get("bounce_class"))
        if about["type"] in _BY_ITSELF:
            reason = "on_service_list" if "suppress" in said.lower() else "policy"
            return Fault(said=said, name=str(about["type"]), reason=reason, certain=True)
        return Fault(said=said, name=f"class {name}", reason=_REASONS.get(name, "unknown"))


def _about(told: AnymailTrackingEvent) -> Event:
    (about,) = told.esp_event["msys"].values()
    return dict(about)
