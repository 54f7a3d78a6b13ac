"""One returned message: its text, how it was classified, and classifying it by hand."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

from django import forms
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.generic import TemplateView, View
from wagtail.admin import messages
from wagtail.log_actions import log

from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.desk.base.page_classes import ObjectPage
from mailer.desk.returned_mail.list import mark_done, message_title, state_label
from mailer.feedback.decisions import manual_triage
from mailer.feedback.decisions.manual_triage import TriageError
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from mailer.feedback.parsing import mime
from mailer.reports.labels import reason_label
from subscribers import addresses, suppression, tokens
from subscribers.models import Subscriber

Kind, TriageResult = ReturnedMessage.Kind, ReturnedMessage.TriageResult
_CLASSIFY_PERMISSION = "mailer.change_returnedmessage"
# Characters of a message's text, and lines of its header, that the desk shows.
_MAX_CHARACTERS = 20_000
_HEADER_LINES = 300
# Control characters, and characters that change the direction of text.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_EXPLANATIONS = {
    Kind.BOUNCE: "A bounce: an email was not delivered.",
    Kind.DELAY: "A delay notice: a server is still trying to deliver an email. No action is taken.",
    Kind.COMPLAINT: "A complaint: a subscriber marked an email as spam.",
    Kind.AUTO_REPLY: "An automatic reply. No action is taken.",
    Kind.UNSUBSCRIBE: "An unsubscribe request by email. The subscriber was unsubscribed.",
    Kind.RECEIPT: "A delivery or read receipt. No action is taken.",
    Kind.OTHER: "No rule matched this message.",
}
_CHOICES = (
    (TriageResult.NOTHING, "No action needed"),
    (TriageResult.BOUNCE, "Invalid address: suppress it"),
    (TriageResult.UNSUBSCRIBE, "Unsubscribe request: unsubscribe from all lists"),
    (TriageResult.COMPLAINT, "Complaint: unsubscribe from all lists and suppress the address"),
)
_LOG_ACTIONS = {
    TriageResult.BOUNCE: "desk.reply_bounce",
    TriageResult.UNSUBSCRIBE: "desk.reply_unsubscribe",
    TriageResult.COMPLAINT: "desk.reply_complaint",
}
# How an event was matched to a subscriber.
_MATCHED_BY = {
    "verp": "return path (VERP)",
    "message_id": "Message-ID",
    "service": "the email service provider",
    "session": "the server’s response during delivery",
    "person": "a colleague",
    "recipient": "the address",
}
# Shown after classifying.
_RESULTS = {
    TriageResult.BOUNCE: "{email} is suppressed.",
    TriageResult.UNSUBSCRIBE: "{email} is unsubscribed from all lists.",
    TriageResult.COMPLAINT: "{email} is unsubscribed from all lists and suppressed.",
}


def strip_invisible(text: str) -> str:
    """The text without control characters and direction marks."""
    return _INVISIBLE.sub("", text)


def text_of(raw: bytes, *, masked: bool = True) -> str:
    """A message's plain text, else its HTML without tags, else its source; shortened.

    `masked`: without tokens, with which one could act for a subscriber.
    """
    root = mime.parse(mime.normalise(raw))
    parts = [part for part in root.walk() if not part.children and part.type.startswith("text/")]
    parts.sort(key=lambda part: part.type != "text/plain")
    found = next((part.text for part in parts if part.text.strip()), "")
    return _shown(found or raw[: _MAX_CHARACTERS * 4].decode("utf-8", "replace"), masked)


def header_of(raw: bytes, *, masked: bool = True) -> str:
    """A message's header as received; shortened. `masked`: without tokens."""
    head = mime.normalise(raw[: mime.MAX_OCTETS]).lstrip(b"\n").partition(b"\n\n")[0]
    return _shown("\n".join(head.decode("utf-8", "replace").split("\n")[:_HEADER_LINES]), masked)


def event_json(raw: bytes, *, masked: bool = True) -> str:
    """An ESP's event as indented JSON; shortened. `masked`: without tokens."""
    with contextlib.suppress(ValueError, RecursionError):
        return _shown(json.dumps(json.loads(raw), ensure_ascii=False, indent=2), masked)
    return _shown(raw[: _MAX_CHARACTERS * 4].decode("utf-8", "replace"), masked)


def _shown(text: str, masked: bool) -> str:
    shown = strip_invisible(text)[:_MAX_CHARACTERS]
    return tokens.mask(shown) if masked else shown


class ClassifyForm(forms.Form):
    """What a message is, and which subscriber it concerns."""

    kind = forms.ChoiceField(label="Classify this message", choices=_CHOICES, widget=forms.RadioSelect)
    subscriber = forms.CharField(label="Subscriber’s email address", max_length=254, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("kind") in (None, TriageResult.NOTHING):
            return {**cleaned, "subscriber": None}
        try:
            email = addresses.normalise(cleaned.get("subscriber", ""))
            subscriber = Subscriber.objects.filter(email=email).first()
        except ValueError:
            subscriber = None
        if subscriber is None:
            self.add_error("subscriber", "No subscriber has this address.")
        return {**cleaned, "subscriber": subscriber}


class ReplyPage(ObjectPage[ReturnedMessage], TemplateView):
    """Shows a returned message (GET) and classifies it (POST)."""

    model = ReturnedMessage
    permission_required = "mailer.view_returnedmessage"
    post_permission = _CLASSIFY_PERMISSION
    breadcrumbs_above = (("desk_replies:index", "Unclassified replies"),)
    template_name = "desk/returned_mail/detail.html"
    header_icon = "mail"
    page_title = "Message"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = ClassifyForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        kind, subscriber = form.cleaned_data["kind"], form.cleaned_data["subscriber"]
        if subscriber is None:
            result = "The message is marked as done." if mark_done(self.object, request) else ""
        else:
            result = self._classify(kind, subscriber)
        if result:
            messages.success(request, result, buttons=[])
        else:
            messages.error(request, "Someone has already classified this message.")
        return redirect("desk_reply", self.object.pk)

    def _classify(self, kind: str, subscriber: Subscriber) -> str:
        """Classifies the message. Returns what was done, or "" if it was classified already."""
        try:
            manual_triage.triage(
                self.object, kind, subscriber, self.request.user.get_username(), timezone.now()
            )
        except TriageError:
            return ""
        log(
            instance=self.object,
            action=_LOG_ACTIONS[TriageResult(kind)],
            user=self.request.user,
            data={"subscriber": subscriber.pk},
        )
        if kind == TriageResult.BOUNCE and not suppression.is_suppressed(subscriber):
            return "Recorded. The address is not suppressed, because later email was delivered to it."
        return _RESULTS[TriageResult(kind)].format(email=subscriber.email)

    def get_context_data(self, form: ClassifyForm | None = None, **kwargs: Any) -> dict[str, Any]:
        message, raw = self.object, bytes(self.object.raw)
        is_open = message.triaged_at is None and message.kind not in manual_triage.CLASSIFIED_KINDS
        may_classify = self.request.user.has_perm(_CLASSIFY_PERMISSION)
        suggestions = manual_triage.candidate_subscribers(message) if is_open and may_classify else []
        initial = {"kind": TriageResult.NOTHING, "subscriber": suggestions[0].email if suggestions else ""}
        return super().get_context_data(
            message=message,
            title=message_title(message),
            state=state_label(message),
            **(_event(message, raw, not may_classify) if message.service else _email(raw, not may_classify)),
            explanation=_EXPLANATIONS[Kind(message.kind)],
            events=[_event_details(event) for event in message.events.all()[:50]],
            form=form or (ClassifyForm(initial=initial) if is_open and may_classify else None),
            suggestions=suggestions,
            may_classify=may_classify,
            subscriber=Subscriber.objects.filter(pk=message.subscriber).first()
            if message.subscriber
            else None,
            **kwargs,
        )


class ReopenAction(PermissionRequiredMixin, View):
    """POST only: undoes the classification of a message."""

    permission_required = _CLASSIFY_PERMISSION
    raise_exception = True
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = get_object_or_404(ReturnedMessage, pk=pk)
        try:
            manual_triage.undo(message, request.user.get_username(), timezone.now())
        except TriageError as error:
            messages.error(request, str(error))
        else:
            log(instance=message, action="desk.reply_reopen", user=request.user)
            messages.success(request, "Undone. The message is unclassified again.")
        return redirect("desk_reply", pk)


class ReplySource(PermissionRequiredMixin, View):
    """The source of the message as a download, so that the browser never renders it.

    It holds tokens of subscribers, some of them encoded, so only those get it who may act for subscribers.
    """

    permission_required = _CLASSIFY_PERMISSION
    raise_exception = True
    http_method_names = ["get"]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = get_object_or_404(ReturnedMessage, pk=pk)
        extension = "json" if message.service else "eml"
        response = HttpResponse(bytes(message.raw), content_type="application/octet-stream")
        response["Content-Disposition"] = f'attachment; filename="message-{message.pk}.{extension}"'
        return response


def _email(raw: bytes, masked: bool) -> dict[str, Any]:
    """The context of an email."""
    header = header_of(raw, masked=masked)
    headers, _ = mime.split_headers(header)
    fields = [(name, strip_invisible(headers.decoded(name.lower()))) for name in ("From", "To", "Date")]
    return {"fields": fields, "full_header": header, "text": text_of(raw, masked=masked)}


def _event(message: ReturnedMessage, raw: bytes, masked: bool) -> dict[str, Any]:
    """The context of an ESP's event."""
    return {"fields": [("From", CAPABILITIES[message.service].title)], "text": event_json(raw, masked=masked)}


def _event_details(event: FeedbackEvent) -> dict[str, Any]:
    """A feedback event for the template."""
    return {
        "event": event,
        "subscriber": Subscriber.objects.filter(pk=event.subscriber).first() if event.subscriber else None,
        "reason": reason_label(event.reason) if event.reason else "",
        "matched_by": _MATCHED_BY.get(event.identity, ""),
        "diagnostic": tokens.mask(strip_invisible(event.diagnostic)),
        "decisions": event.decisions.all(),
    }
