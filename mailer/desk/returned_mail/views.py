"""Returned mail: the list, one message, and what staff do about it."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import django_filters
from django import forms
from django.conf import settings
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView, TemplateView, View
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import BulkActionsCheckboxColumn, Column, DateColumn, TitleColumn
from wagtail.admin.views.bulk_action import BulkAction
from wagtail.log_actions import log

from mailer.delivery.esp.capabilities import CAPABILITIES
from mailer.desk.base.page_base_classes import ObjectPage, current_user
from mailer.desk.base.tables import ReadOnlyIndex, StateColumn, TableViewSet
from mailer.editions import sample_edition_markers
from mailer.editions.models import Newsletter
from mailer.feedback.decisions import manual_triage, send_staff_reply
from mailer.feedback.decisions.manual_triage import TriageError
from mailer.feedback.models import FeedbackEvent, ReturnedMessage
from mailer.feedback.parsing import mime
from mailer.feedback.sources import source_health
from mailer.feedback.sources.poll import configured_urls
from mailer.reports.reason_labels_and_mailing_summary import reason_label
from subscribers import addresses, suppression, tokens
from subscribers.models import Subscriber

Kind, TriageResult = ReturnedMessage.Kind, ReturnedMessage.TriageResult
_OPEN, _DONE, _ALL = "open", "done", "all"
_CLASSIFY_PERMISSION = "mailer.change_returnedmessage"
ANSWER_PERMISSION = "mailer.add_replyanswer"


class ReplyFilters(WagtailFilterSet):
    """Unclassified replies, unless the user chooses something else."""

    state = django_filters.ChoiceFilter(
        method="in_state",
        label=_("Show"),
        empty_label=None,
        initial=_OPEN,
        choices=[(_OPEN, _("Not classified yet")), (_DONE, _("Done")), (_ALL, _("All returned mail"))],
    )
    kind = django_filters.ChoiceFilter(choices=Kind.choices, label=_("Kind"))

    class Meta:
        model = ReturnedMessage
        fields: list[str] = []

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        data = data.copy() if data else {}
        # A chosen kind includes messages in every state.
        data.setdefault("state", _ALL if data.get("kind") else _OPEN)
        super().__init__(data, *args, **kwargs)

    def in_state(self, rows: QuerySet[ReturnedMessage], name: str, value: str) -> QuerySet[ReturnedMessage]:
        if value == _OPEN:
            return rows.filter(kind="other", triaged_at__isnull=True)
        return rows.filter(triaged_at__isnull=False) if value == _DONE else rows


def message_title(message: ReturnedMessage) -> str:
    """Its subject, or a substitute."""
    if message.service:
        return gettext("Webhook event from %(title)s") % {"title": CAPABILITIES[message.service].title}
    return message.subject or gettext("(no subject)")


def state_tone_and_label(message: ReturnedMessage) -> tuple[str, str]:
    """(tone, label) of its state."""
    if message.triaged_at is not None:
        by = {"name": message.triaged_by, "result": message.get_triage_result_display()}
        if message.triage_result == "nothing":
            return "done", gettext("Marked as done by %(name)s") % by
        return "done", gettext("Marked as done by %(name)s: %(result)s") % by
    if message.kind == Kind.OTHER:
        return "waiting", gettext("Not classified yet")
    return "draft", str(message.get_kind_display()).capitalize()


class MessageColumn(TitleColumn):
    """The subject with the sender below it."""

    cell_template_name = "desk/returned_mail/message_cell.html"


class ReplyIndex(ReadOnlyIndex):
    """The table, newest first."""

    template_name = "desk/returned_mail/index.html"
    results_template_name = "desk/returned_mail/index_results.html"
    row_url_name = "desk_reply"
    default_ordering = "-received_at"
    page_title = _("Unclassified replies")

    def get_base_queryset(self) -> QuerySet[ReturnedMessage]:
        return ReturnedMessage.objects.defer("raw")

    @property
    def columns(self) -> list[Column]:
        shown = [
            MessageColumn(
                "subject",
                label=gettext("Message"),
                accessor=message_title,
                get_url=self.get_edit_url,
                get_title_id=lambda one: f"returnedmessage_{one.pk}_title",
                classname="desk-message__cell",
            ),
            StateColumn("state", label=gettext("State"), accessor=state_tone_and_label),
            DateColumn("received_at", label=gettext("Received"), sort_key="received_at"),
        ]
        if self.request.user.has_perm(_CLASSIFY_PERMISSION):
            shown.insert(0, BulkActionsCheckboxColumn("bulk_actions", obj_type="returnedmessage"))
        return shown

    def additional_context(self) -> dict[str, Any]:
        return {
            "source_errors": source_health.sources_needing_attention(
                configured_urls(settings.CONFIG), timezone.now()
            )
        }


class ReplyViewSet(TableViewSet):
    """Returned mail, read-only."""

    model = ReturnedMessage
    name = "desk_replies"
    icon = "mail"
    index_view_class = ReplyIndex
    filterset_class = ReplyFilters
    search_fields = ["subject", "sender"]
    list_per_page = 30
    exclude_form_fields = ["raw"]


class MarkDoneAction(BulkAction):
    """Marks several messages as done."""

    display_name = _("Mark the message as done")
    aria_label = _("Mark the selected messages as done")
    action_type = "done"
    template_name = "desk/returned_mail/mark_done.html"
    models = [ReturnedMessage]

    def check_perm(self, obj: ReturnedMessage) -> bool:
        return (
            bool(self.request.user.has_perm(_CLASSIFY_PERMISSION))
            and obj.kind not in manual_triage.CLASSIFIED_KINDS
        )

    def get_all_objects_in_listing_query(self, parent_id: Any) -> Any:
        return ReturnedMessage.objects.unclassified().values_list("pk", flat=True)

    def object_context(self, obj: ReturnedMessage) -> dict[str, Any]:
        return {"item": obj, "title": message_title(obj), "url": reverse("desk_reply", args=[obj.pk])}

    def get_execution_context(self) -> dict[str, Any]:
        return {"request": self.request}

    @classmethod
    def execute_action(
        cls, objects: list[ReturnedMessage], request: HttpRequest | None = None, **kwargs: Any
    ) -> tuple[int, int]:
        return (sum(mark_done(message, request) for message in objects) if request else 0), 0

    def get_success_message(self, num_parent_objects: int, num_child_objects: int) -> str:
        count = num_parent_objects
        text = ngettext("%(count)s message marked as done.", "%(count)s messages marked as done.", count)
        return text % {"count": count}


def mark_done(message: ReturnedMessage, request: HttpRequest) -> bool:
    """Marks a message as done by the user; False if it is done already."""
    try:
        manual_triage.triage(message, "nothing", None, request.user.get_username(), timezone.now())
    except TriageError:
        return False
    log(instance=message, action="desk.reply_done", user=request.user)
    return True


# Characters of a message's text, and lines of its header, that the desk shows.
_MAX_CHARACTERS = 20_000
_HEADER_LINES = 300
# Control characters, and characters that change the direction of text.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_EXPLANATIONS = {
    Kind.BOUNCE: _("A bounce: an email was not delivered."),
    Kind.DELAY: _("A delay notice: a server is still trying to deliver an email. No action is taken."),
    Kind.COMPLAINT: _("A complaint: a subscriber marked an email as spam."),
    Kind.AUTO_REPLY: _("An automatic reply to an email. No action is taken."),
    Kind.UNSUBSCRIBE: _("An unsubscribe request by email. The subscriber was unsubscribed."),
    Kind.RECEIPT: _("A delivery or read receipt. No action is taken."),
    Kind.OTHER: _("No classification rule matched this message."),
}
_CHOICES = (
    (TriageResult.NOTHING, _("No action needed")),
    (TriageResult.BOUNCE, _("The address is invalid: suppress it")),
    (TriageResult.UNSUBSCRIBE, _("Unsubscribe request: unsubscribe from all lists")),
    (TriageResult.COMPLAINT, _("Spam complaint: unsubscribe from all lists and suppress the address")),
)
_LOG_ACTIONS = {
    TriageResult.BOUNCE: "desk.reply_bounce",
    TriageResult.UNSUBSCRIBE: "desk.reply_unsubscribe",
    TriageResult.COMPLAINT: "desk.reply_complaint",
}
# How an event was matched to a subscriber.
_MATCHED_BY = {
    "verp": _("the return path of the message (VERP)"),
    "message_id": "Message-ID",
    "service": _("the email service provider"),
    "session": _("the server’s response during delivery"),
    "person": _("a colleague"),
    "recipient": _("the email address"),
}
# Shown after classifying.
_RESULTS = {
    TriageResult.BOUNCE: _("{email} is suppressed."),
    TriageResult.UNSUBSCRIBE: _("{email} is unsubscribed from all lists."),
    TriageResult.COMPLAINT: _("{email} is unsubscribed from all lists and suppressed."),
}


def strip_control_and_direction_marks(text: str) -> str:
    """The text without control characters and direction marks."""
    return _INVISIBLE.sub("", text)


def text_of(raw: bytes, *, hide_tokens: bool = True) -> str:
    """A message's plain text, else its HTML without tags, else its source; shortened.

    `hide_tokens`: without tokens, with which one could act for a subscriber.
    """
    root = mime.parse_parts(mime.normalise_line_ends(raw))
    parts = [part for part in root.walk() if not part.children and part.type.startswith("text/")]
    parts.sort(key=lambda part: part.type != "text/plain")
    found = next((part.text for part in parts if part.text.strip()), "")
    return _shown(found or raw[: _MAX_CHARACTERS * 4].decode("utf-8", "replace"), hide_tokens)


def headers_of(raw: bytes, *, tokens_masked: bool = True) -> str:
    """A message's header as received; shortened. `tokens_masked`: without tokens."""
    head = mime.normalise_line_ends(raw[: mime.MAX_OCTETS]).lstrip(b"\n").partition(b"\n\n")[0]
    return _shown("\n".join(head.decode("utf-8", "replace").split("\n")[:_HEADER_LINES]), tokens_masked)


def event_json(raw: bytes, *, mask_tokens: bool = True) -> str:
    """An ESP's event as indented JSON; shortened. `mask_tokens`: without tokens."""
    with contextlib.suppress(ValueError, RecursionError):
        return _shown(json.dumps(json.loads(raw), ensure_ascii=False, indent=2), mask_tokens)
    return _shown(raw[: _MAX_CHARACTERS * 4].decode("utf-8", "replace"), mask_tokens)


def _shown(text: str, masked: bool) -> str:
    shown = strip_control_and_direction_marks(text)[:_MAX_CHARACTERS]
    return tokens.mask_tokens(shown) if masked else shown


class ClassifyForm(forms.Form):
    """What a message is, and which subscriber it concerns."""

    kind = forms.ChoiceField(
        label=_("Classify this returned message"), choices=_CHOICES, widget=forms.RadioSelect
    )
    subscriber = forms.CharField(label=_("Subscriber’s email address"), max_length=254, required=False)

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
            self.add_error("subscriber", gettext("No subscriber has this address."))
        return {**cleaned, "subscriber": subscriber}


class ReplyPage(ObjectPage[ReturnedMessage], TemplateView):
    """Shows a returned message (GET) and classifies it (POST)."""

    model = ReturnedMessage
    permission_required = "mailer.view_returnedmessage"
    post_permission = _CLASSIFY_PERMISSION
    breadcrumbs_above = (("desk_replies:index", _("Unclassified replies")),)
    template_name = "desk/returned_mail/detail.html"
    header_icon = "mail"
    page_title = _("Message")

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = ClassifyForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        kind, subscriber = form.cleaned_data["kind"], form.cleaned_data["subscriber"]
        if subscriber is None:
            result = gettext("The message is marked as done.") if mark_done(self.object, request) else ""
        else:
            result = self._classify(kind, subscriber)
        if result:
            messages.success(request, result, buttons=[])
        else:
            messages.error(request, gettext("Someone has already classified this message."))
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
            return gettext(
                "The bounce is recorded. The address is not suppressed, because a later "
                "email was delivered to it."
            )
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
            state=state_tone_and_label(message),
            **(_event(message, raw, not may_classify) if message.service else _email(raw, not may_classify)),
            explanation=_EXPLANATIONS[Kind(message.kind)],
            events=[_event_details(event) for event in message.events.all()[:50]],
            form=form or (ClassifyForm(initial=initial) if is_open and may_classify else None),
            suggestions=suggestions,
            may_classify=may_classify,
            answers=message.answers.select_related("answered_by"),
            may_answer=self.request.user.has_perm(ANSWER_PERMISSION)
            and bool(send_staff_reply.reply_address_of(message)),
            subscriber=Subscriber.objects.filter(pk=message.subscriber).first()
            if message.subscriber
            else None,
            **kwargs,
        )


class AnswerForm(forms.Form):
    """An answer to a message."""

    newsletter = forms.ModelChoiceField(queryset=Newsletter.objects.none(), label=_("From"), empty_label=None)
    subject = forms.CharField(label=_("Subject"), max_length=200)
    body = forms.CharField(
        label=_("Your answer to the message"), max_length=20_000, widget=forms.Textarea(attrs={"rows": 12})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["newsletter"]
        field.queryset = Newsletter.objects.exclude(slug=sample_edition_markers.SLUG)
        field.label_from_instance = lambda one: f"{one.name} <{one.sender_email}>"

    def clean_subject(self) -> str:
        # A header holds no line break.
        return " ".join(self.cleaned_data["subject"].split())


class AnswerPage(ObjectPage[ReturnedMessage], FormView[AnswerForm]):
    """The form for an answer to the sender of a message."""

    model = ReturnedMessage
    # The page shows the message.
    permission_required = (ANSWER_PERMISSION, "mailer.view_returnedmessage")
    breadcrumbs_above = (("desk_replies:index", _("Unclassified replies")),)
    form_class = AnswerForm
    template_name = "desk/returned_mail/answer.html"
    header_icon = "mail"
    page_title = _("Reply")

    def load(self, **kwargs: Any) -> None:
        super().load(**kwargs)
        self.recipient = send_staff_reply.reply_address_of(self.object)
        if not self.recipient:
            raise Http404

    def get_initial(self) -> dict[str, Any]:
        newsletter = Newsletter.objects.exclude(slug=sample_edition_markers.SLUG).first()
        return {"newsletter": newsletter, "subject": send_staff_reply.reply_subject(self.object)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            message=self.object,
            title=message_title(self.object),
            text=text_of(bytes(self.object.raw)),
            recipient=self.recipient,
            **kwargs,
        )

    def form_valid(self, form: AnswerForm) -> HttpResponse:
        data, user = form.cleaned_data, current_user(self.request)
        send_staff_reply.send_reply_and_mark_done(
            self.object, data["newsletter"], data["subject"], data["body"], user, timezone.now()
        )
        log(instance=self.object, action="desk.reply_answer", user=user)
        messages.success(self.request, _("Your answer is sent, and stored with the message."))
        return redirect("desk_reply", self.object.pk)


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
            messages.success(
                request, gettext("The classification is undone. The message is unclassified again.")
            )
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
    header = headers_of(raw, tokens_masked=masked)
    headers, _ = mime.split_headers(header)
    names = {"from": gettext("From"), "to": gettext("To"), "date": gettext("Date")}
    fields = [
        (label, strip_control_and_direction_marks(headers.decoded(name))) for name, label in names.items()
    ]
    return {"fields": fields, "full_header": header, "text": text_of(raw, hide_tokens=masked)}


def _event(message: ReturnedMessage, raw: bytes, masked: bool) -> dict[str, Any]:
    """The context of an ESP's event."""
    return {
        "fields": [(gettext("From"), CAPABILITIES[message.service].title)],
        "text": event_json(raw, mask_tokens=masked),
    }


def _event_details(event: FeedbackEvent) -> dict[str, Any]:
    """A feedback event for the template."""
    return {
        "event": event,
        "subscriber": Subscriber.objects.filter(pk=event.subscriber).first() if event.subscriber else None,
        "reason": reason_label(event.reason) if event.reason else "",
        "matched_by": _MATCHED_BY.get(event.identity, ""),
        "diagnostic": tokens.mask_tokens(strip_control_and_direction_marks(event.diagnostic)),
        "decisions": event.decisions.all(),
    }
