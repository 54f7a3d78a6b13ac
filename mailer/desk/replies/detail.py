"""One message that came back: what it says, what was concluded, and what a person makes of it."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

from django import forms
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView, View
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.log_actions import log

from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.desk.replies.list import is_done, standing_of, title_of
from mailer.feedback.decisions import triage
from mailer.feedback.decisions.triage import SortingError
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from mailer.feedback.parsing import mime
from mailer.reports.labels import reason_words
from subscribers import addresses
from subscribers.models import Subscriber
from subscribers.suppression import suppression

Kind, Sorted = ReturnedMessage.Kind, ReturnedMessage.Sorted
# Characters of a message's text, and lines of its head, that the desk shows.
_SHOWN = 20_000
_HEAD_LINES = 300
# What a page would not show, or would show in the wrong order.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONCLUDED = {
    Kind.BOUNCE: "It says that mail came back.",
    Kind.DELAY: "A server is still trying to deliver a mail. Nothing follows from it.",
    Kind.COMPLAINT: "It says that a reader marked our mail as unwanted.",
    Kind.AUTO_REPLY: "A program answered, not a person. Nothing follows from it.",
    Kind.UNSUBSCRIBE: "A reader wrote that they wish to leave, and was taken off.",
    Kind.RECEIPT: "It says that a mail arrived or was opened. Nothing follows from it.",
    Kind.OTHER: "No rule understood it.",
}
_CHOICES = (
    (Sorted.NOTHING, "There is nothing to do, or it is done"),
    (Sorted.BOUNCE, "The reader’s address does not work any more: write to it no more"),
    (Sorted.LEAVE, "The reader wishes to leave: take them off every list"),
    (Sorted.COMPLAINT, "The reader complains: take them off every list, and let no import bring them back"),
)
_DONE = {
    Sorted.BOUNCE: "No more mail goes to {email}.",
    Sorted.LEAVE: "{email} is on no list any more.",
    Sorted.COMPLAINT: "{email} is on no list any more, and no import brings it back.",
}


def visible(text: str) -> str:
    """The text without characters that are not seen, or that turn the order of others round."""
    return _UNSEEN.sub("", text)


def text_of(raw: bytes) -> str:
    """The words of a message: its plain text, else its HTML without tags, else all of it; shortened."""
    root = mime.parse(mime.normalise(raw))
    parts = [part for part in root.walk() if not part.children and part.type.startswith("text/")]
    parts.sort(key=lambda part: part.type != "text/plain")
    found = next((part.text for part in parts if part.text.strip()), "")
    return visible(found or raw[: _SHOWN * 4].decode("utf-8", "replace"))[:_SHOWN]


def head_of(raw: bytes) -> str:
    """The lines of a message's head, as they came."""
    head = mime.normalise(raw[: mime.MAX_OCTETS]).lstrip(b"\n").partition(b"\n\n")[0]
    return visible("\n".join(head.decode("utf-8", "replace").split("\n")[:_HEAD_LINES]))[:_SHOWN]


def event_of(raw: bytes) -> str:
    """A service's event, its fields one below the other; shortened."""
    with contextlib.suppress(ValueError, RecursionError):
        return visible(json.dumps(json.loads(raw), ensure_ascii=False, indent=2))[:_SHOWN]
    return visible(raw[: _SHOWN * 4].decode("utf-8", "replace"))[:_SHOWN]


class SortForm(forms.Form):
    """What a message is, and whom it is about."""

    kind = forms.ChoiceField(label="What is it?", choices=_CHOICES, widget=forms.RadioSelect)
    reader = forms.CharField(label="The reader’s address", max_length=254, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("kind") in (None, Sorted.NOTHING):
            return {**cleaned, "reader": None}
        try:
            person = Subscriber.objects.filter(email=addresses.normalise(cleaned.get("reader", ""))).first()
        except ValueError:
            person = None
        if person is None:
            self.add_error("reader", "No subscriber has this address.")
        return {**cleaned, "reader": person}


class MessagePage(PermissionRequiredMixin, WagtailAdminTemplateMixin, TemplateView):
    """It (GET), and a person's word about it (POST)."""

    raise_exception = True
    template_name = "desk/people/message.html"
    header_icon = "mail"
    page_title = "Message"

    def get_permission_required(self) -> tuple[str, ...]:
        return ("mailer.view_returnedmessage" if self.request.method == "GET" else _may_sort(),)

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.message = get_object_or_404(ReturnedMessage, pk=kwargs["pk"])

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *self.breadcrumbs_items,
            {"url": reverse("desk_mailbox:index"), "label": "Mail for a person"},
            {"url": "", "label": "Message"},
        ]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = SortForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        kind, person = form.cleaned_data["kind"], form.cleaned_data["reader"]
        if person is None:
            told = "Done." if is_done(self.message, request) else ""
        else:
            told = self._sorted(kind, person)
        if told:
            messages.success(request, told, buttons=[])
        else:
            messages.error(request, "Somebody has sorted this message already.")
        return redirect("desk_message", self.message.pk)

    def _sorted(self, kind: str, person: Subscriber) -> str:
        """Sort it, and say what followed; empty when somebody was before."""
        try:
            triage.sort(self.message, kind, person, self.request.user.get_username(), timezone.now())
        except SortingError:
            return ""
        log(
            instance=self.message,
            action=f"desk.mail_{kind}",
            user=self.request.user,
            data={"subscriber": person.pk},
        )
        if kind == Sorted.BOUNCE and not suppression.is_suppressed(person):
            return "Noted. Mail has arrived at this address since, so it is not stopped."
        return _DONE[Sorted(kind)].format(email=person.email)

    def get_context_data(self, form: SortForm | None = None, **kwargs: Any) -> dict[str, Any]:
        message, raw = self.message, bytes(self.message.raw)
        open_to_sorting = message.done_at is None and message.kind not in triage.UNDERSTOOD
        may_sort = self.request.user.has_perm(_may_sort())
        offered = triage.readers_in(message) if open_to_sorting and may_sort else []
        start = {"kind": Sorted.NOTHING, "reader": offered[0].email if offered else ""}
        return super().get_context_data(
            message=message,
            title=title_of(message),
            standing=standing_of(message),
            **(_event(message, raw) if message.service else _letter(raw)),
            concluded=_CONCLUDED[Kind(message.kind)],
            events=[_told(event) for event in message.events.all()[:50]],
            form=form or (SortForm(initial=start) if open_to_sorting and may_sort else None),
            offered=offered,
            may_sort=may_sort,
            about=Subscriber.objects.filter(pk=message.about).first() if message.about else None,
            **kwargs,
        )


class TakeBackAction(PermissionRequiredMixin, View):
    """Undo what was said about a message."""

    permission_required = "mailer.change_returnedmessage"
    raise_exception = True
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = get_object_or_404(ReturnedMessage, pk=pk)
        try:
            triage.take_back(message, request.user.get_username(), timezone.now())
        except SortingError as error:
            messages.error(request, str(error))
        else:
            log(instance=message, action="desk.mail_take_back", user=request.user)
            messages.success(request, "Taken back: the message waits for a person again.")
        return redirect("desk_message", pk)


class MessageSource(PermissionRequiredMixin, View):
    """The whole message as it came, to keep or to look into; never shown by the browser itself."""

    permission_required = "mailer.view_returnedmessage"
    raise_exception = True
    http_method_names = ["get"]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = get_object_or_404(ReturnedMessage, pk=pk)
        ending = "json" if message.service else "eml"
        response = HttpResponse(bytes(message.raw), content_type="application/octet-stream")
        response["Content-Disposition"] = f'attachment; filename="message-{message.pk}.{ending}"'
        return response


def _letter(raw: bytes) -> dict[str, Any]:
    """What the page shows of a mail."""
    head = head_of(raw)
    headers, _ = mime.split_headers(head)
    shown = [(name, visible(headers.words(name.lower()))) for name in ("From", "To", "Date")]
    return {"head": shown, "all_of_head": head, "text": text_of(raw)}


def _event(message: ReturnedMessage, raw: bytes) -> dict[str, Any]:
    """What the page shows of a service's event."""
    return {"head": [("From", CAPABILITIES[message.service].title)], "text": event_of(raw)}


def _may_sort() -> str:
    return "mailer.change_returnedmessage"


def _told(event: FeedbackEvent) -> dict[str, Any]:
    """An event as the page tells it."""
    return {
        "event": event,
        "person": Subscriber.objects.filter(pk=event.subscriber).first() if event.subscriber else None,
        "why": reason_words(event.reason) if event.reason else "",
        "said": visible(event.diagnostic),
        "verdicts": event.verdicts.all(),
    }
