"""Mail that came back and that no rule understood: a list for people, and each message as plain text."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.generic import TemplateView
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.admin.views.generic.base import BaseListingView, WagtailAdminTemplateMixin

from mailer.feedback.models import ReturnedMessage

# Characters of a message's text that the desk shows.
_SHOWN = 20_000


def _header(raw: bytes | memoryview, name: str) -> str:
    """A header decoded; a message that cannot be read has none."""
    parsed = email.message_from_bytes(bytes(raw)[:65_536], policy=email.policy.default)
    try:
        return str(parsed.get(name, "") or "")
    except (ValueError, IndexError, LookupError, AttributeError):
        # The standard parser trips over some malformed headers that do arrive.
        return ""


def text_of(raw: bytes | memoryview) -> str:
    """The message's text part, or all of it where there is none; shortened."""
    parsed = email.message_from_bytes(bytes(raw), policy=email.policy.default)
    try:
        part = parsed.get_body(("plain",)) if isinstance(parsed, EmailMessage) else None
        text = str(part.get_content()) if part is not None else bytes(raw).decode("utf-8", "replace")
    except (ValueError, IndexError, LookupError, AttributeError):
        text = bytes(raw).decode("utf-8", "replace")
    return text[:_SHOWN]


class MailboxView(PermissionRequiredMixin, BaseListingView):
    """Messages for a person, newest first."""

    permission_required = "mailer.view_returnedmessage"
    raise_exception = True
    template_name = "desk/people/mailbox.html"
    page_title = "Mail for a person"
    header_icon = "mail"
    paginate_by = 30
    index_url_name = "desk_mailbox"
    verbose_name_plural = "messages"

    columns = [
        TitleColumn(
            "subject",
            label="Subject",
            accessor=lambda one: _header(one.raw, "subject") or "(no subject)",
            get_url=lambda one: reverse("desk_message", args=[one.pk]),
        ),
        Column("sender", label="From", accessor=lambda one: _header(one.raw, "from")),
        DateColumn("received_at", label="Received"),
    ]

    def get_base_queryset(self) -> QuerySet[ReturnedMessage]:
        return ReturnedMessage.objects.filter(kind=ReturnedMessage.Kind.OTHER)


class MessageView(PermissionRequiredMixin, WagtailAdminTemplateMixin, TemplateView):
    """One message: its head, its text, and what was concluded from it."""

    permission_required = "mailer.view_returnedmessage"
    raise_exception = True
    template_name = "desk/people/message.html"
    page_title = "Message"
    header_icon = "mail"

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *self.breadcrumbs_items,
            {"url": reverse("desk_mailbox"), "label": "Mail for a person"},
            {"url": "", "label": "Message"},
        ]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        message = get_object_or_404(ReturnedMessage, pk=self.kwargs["pk"])
        return super().get_context_data(
            message=message,
            head=[(name, _header(message.raw, name)) for name in ("From", "To", "Date", "Subject")],
            text=text_of(message.raw),
            events=message.events.all(),
            **kwargs,
        )
