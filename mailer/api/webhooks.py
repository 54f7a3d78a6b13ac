"""Webhook endpoints: listed, created, changed, tested, with their messages, which can be sent again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Status
from pydantic import Field, StringConstraints
from wagtail.log_actions import log

from mailer.api.access import Needs, require_permission, user_of
from mailer.api.schemas_and_pagination import (
    Cursor,
    Id,
    In,
    Limit,
    Line,
    Out,
    PageOut,
    format_time,
    get_or_404,
    invalid_value,
    page_of,
)
from mailer.outgoing_webhooks import deliver, endpoints
from mailer.outgoing_webhooks.models import WebhookEndpoint, WebhookMessage

router = Router(tags=["webhooks"])

EventType = Literal[
    "subscriber.confirmed",
    "subscriber.unsubscribed",
    "subscriber.bounced",
    "subscriber.complained",
    "subscriber.suppressed",
    "edition.submitted",
    "edition.approved",
    "edition.rejected",
    "mailing.started",
    "mailing.held",
    "mailing.paused",
    "mailing.resumed",
    "mailing.finished",
    "mailing.cancelled",
    "import.finished",
]
Name = Annotated[Line, StringConstraints(min_length=1, max_length=80)]
Url = Annotated[Line, StringConstraints(min_length=9, max_length=500)]


class WebhookOut(Out):
    """Where messages about events are sent."""

    id: int
    name: str = Field(examples=["CRM"])
    url: str = Field(examples=["https://crm.example.org/hooks/newsletter"])
    event_types: list[str] = Field(examples=[["subscriber.unsubscribed"]])
    active: bool
    failures: int = Field(description="Failed attempts in a row.")
    error: str = Field(description="Why it was deactivated, where staff did not do it.")
    created_by: str
    created_at: str


class WebhookCreated(WebhookOut):
    secret: str = Field(description="Signs the messages; it is shown here once.")


class WebhookPage(PageOut):
    items: list[WebhookOut]


class WebhookIn(In):
    name: Name = Field(examples=["CRM"])
    url: Url = Field(examples=["https://crm.example.org/hooks/newsletter"])
    event_types: list[EventType] = Field(
        min_length=1, max_length=50, examples=[["subscriber.unsubscribed", "mailing.finished"]]
    )


class WebhookChanges(In):
    """What to change; what is left out stays."""

    name: Name | None = None
    url: Url | None = None
    event_types: list[EventType] | None = Field(None, min_length=1, max_length=50)
    active: bool | None = None


class MessageOut(Out):
    """A message to an endpoint."""

    id: int
    message_id: str = Field(description="The header webhook-id.", examples=["msg_0123456789abcdef01234567"])
    event_type: str
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    created_at: str
    delivered_at: str | None


class MessagePage(PageOut):
    items: list[MessageOut]


def _fields(row: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "url": row.url,
        "event_types": row.event_types,
        "active": row.active,
        "failures": row.failures,
        "error": row.error,
        "created_by": row.created_by,
        "created_at": row.created_at.isoformat(),
    }


def _message_out(row: WebhookMessage) -> dict[str, Any]:
    return {
        "id": row.pk,
        "message_id": row.message_id,
        "event_type": row.event_type,
        "state": row.state,
        "attempts": row.attempts,
        "created_at": row.created_at.isoformat(),
        "delivered_at": format_time(row.delivered_at),
    }


@router.get("/webhooks", auth=Needs("webhooks:read"), response=WebhookPage)
def list_webhooks(request: HttpRequest, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """Every endpoint, newest first."""
    return page_of(request, WebhookEndpoint.objects.all(), limit, cursor, _fields)


@router.get("/webhooks/{webhook_id}", auth=Needs("webhooks:read"), response=WebhookOut)
def show_webhook(request: HttpRequest, webhook_id: Id) -> Any:
    """One endpoint."""
    return _fields(get_or_404(WebhookEndpoint.objects.all(), webhook_id))


@router.post("/webhooks", auth=Needs("webhooks:write"), response={201: WebhookCreated})
def create_webhook(request: HttpRequest, body: WebhookIn) -> Any:
    """Create an endpoint. The answer has its secret, which is shown once."""
    require_permission(request, "mailer.add_webhookendpoint")
    user = user_of(request)
    try:
        endpoint, secret = endpoints.create(
            body.name, body.url, [*body.event_types], user.get_username(), timezone.now()
        )
    except endpoints.InvalidUrl as error:
        raise invalid_value("/url", str(error), "invalid_url") from error
    log(instance=endpoint, action="desk.webhook_create", user=user)
    return Status(201, {**_fields(endpoint), "secret": secret})


@router.patch("/webhooks/{webhook_id}", auth=Needs("webhooks:write"), response=WebhookOut)
def change_webhook(request: HttpRequest, webhook_id: Id, body: WebhookChanges) -> Any:
    """Change an endpoint, activate or deactivate it."""
    row = get_or_404(WebhookEndpoint.objects.select_for_update(), webhook_id)
    try:
        row.url = row.url if body.url is None else endpoints.require_https_url(body.url)
    except endpoints.InvalidUrl as error:
        raise invalid_value("/url", str(error), "invalid_url") from error
    row.name = body.name or row.name
    row.event_types = [*body.event_types] if body.event_types else row.event_types
    row.save(update_fields=["url", "name", "event_types"])
    if body.active is not None and body.active != row.active:
        endpoints.set_active(row, body.active)
    log(instance=row, action="desk.webhook_change", user=user_of(request))
    return _fields(row)


@router.get("/webhooks/{webhook_id}/messages", auth=Needs("webhooks:read"), response=MessagePage)
def list_webhook_messages(
    request: HttpRequest, webhook_id: Id, limit: Limit = 50, cursor: Cursor = None
) -> Any:
    """The messages of an endpoint, newest first; they are kept for 30 days."""
    rows = get_or_404(WebhookEndpoint.objects.all(), webhook_id).messages.all()
    return page_of(request, rows, limit, cursor, _message_out)


@router.post("/webhooks/{webhook_id}/test", auth=Needs("webhooks:write"), response={202: MessageOut})
def test_webhook(request: HttpRequest, webhook_id: Id) -> Any:
    """Send a message of the type `test`."""
    endpoint = get_or_404(WebhookEndpoint.objects.all(), webhook_id)
    queued = deliver.queue_test_message(endpoint, timezone.now())
    log(instance=endpoint, action="desk.webhook_test", user=user_of(request))
    return Status(202, _message_out(queued))


@router.post(
    "/webhooks/{webhook_id}/messages/{message_id}/resend",
    auth=Needs("webhooks:write"),
    response={202: MessageOut},
)
def resend_webhook_message(request: HttpRequest, webhook_id: Id, message_id: Id) -> Any:
    """Send a message again; the receiver knows it by its webhook-id."""
    endpoint = get_or_404(WebhookEndpoint.objects.all(), webhook_id)
    found = get_or_404(endpoint.messages.all(), message_id)
    deliver.requeue(found, timezone.now())
    log(instance=endpoint, action="desk.webhook_resend", user=user_of(request))
    return Status(202, _message_out(get_or_404(endpoint.messages.all(), message_id)))
