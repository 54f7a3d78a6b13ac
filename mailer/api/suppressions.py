"""Suppressed addresses: listed, added, and removed where staff had added them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Status
from pydantic import Field, StringConstraints
from wagtail.log_actions import log

from mailer.api.access import Needs, note_addresses_read, require_permission, user_of
from mailer.api.problems import Problem
from mailer.api.schemas_and_pagination import (
    Address,
    Cursor,
    Id,
    In,
    Limit,
    Out,
    PageOut,
    Text,
    format_time,
    get_or_404,
    invalid_value,
    page_of,
)
from mailer.feedback.models import SuppressionDecision
from subscribers import addresses, suppression
from subscribers.models import Suppression

router = Router(tags=["suppressions"])

Reason = Literal["hard_bounce", "soft_bounces", "complaint", "manual", "unsubscribed", "erased"]


class SuppressionOut(Out):
    """An address that gets no mail."""

    id: int
    email: str = Field(description="Empty after an erasure.", examples=["aigul@example.org"])
    reason: Reason
    evidence: str
    created_at: str
    lifted_at: str | None = Field(description="When it was removed; null: it is active.")
    lifted_by: str


class SuppressionPage(PageOut):
    items: list[SuppressionOut]


class SuppressionIn(In):
    email: Address
    reason: Annotated[Text, StringConstraints(min_length=1, max_length=500)] = Field(
        description="For your colleagues.", examples=["Asked by phone on 3 May"]
    )


def _suppression_out(row: Suppression) -> dict[str, Any]:
    return {
        "id": row.pk,
        "email": row.email,
        "reason": row.reason,
        "evidence": row.evidence,
        "created_at": row.created_at.isoformat(),
        "lifted_at": format_time(row.lifted_at),
        "lifted_by": row.lifted_by,
    }


@router.get("/suppressions", auth=Needs("suppressions:read"), response=SuppressionPage)
def list_suppressions(
    request: HttpRequest,
    active: bool | None = None,
    reason: Reason | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """Suppressions, newest first."""
    rows = Suppression.objects.all()
    if active is not None:
        rows = rows.filter(lifted_at__isnull=active)
    if reason is not None:
        rows = rows.filter(reason=reason)
    note_addresses_read(request)
    return page_of(request, rows, limit, cursor, _suppression_out)


@router.post("/suppressions", auth=Needs("suppressions:write"), response={201: SuppressionOut})
def create_suppression(request: HttpRequest, body: SuppressionIn) -> Any:
    """Suppress an address; one that is suppressed already keeps its stronger reason."""
    try:
        address = addresses.normalise(body.email)
    except ValueError as error:
        raise invalid_value("/email", f"The address {error}.", "invalid_address") from error
    row = suppression.suppress_manually(address, body.reason, timezone.now())
    log(instance=row, action="desk.suppress", user=user_of(request))
    return Status(201, _suppression_out(row))


@router.post(
    "/suppressions/{suppression_id}/remove", auth=Needs("suppressions:write"), response=SuppressionOut
)
def remove_suppression(request: HttpRequest, suppression_id: Id) -> Any:
    """Remove a suppression that staff made. Those after bounces and complaints are decided in the desk."""
    require_permission(request, "subscribers.change_suppression")
    row = get_or_404(Suppression.objects.all(), suppression_id)
    if SuppressionDecision.objects.filter(suppression=row).exists():
        raise Problem(409, "made_by_decision", "A suppression decision is reverted in the desk.")
    user = user_of(request)
    if not suppression.lift(row, user.get_username(), timezone.now()):
        raise Problem(409, "wrong_state", "The suppression was removed before.")
    log(instance=row, action="desk.unsuppress", user=user)
    return _suppression_out(row)
