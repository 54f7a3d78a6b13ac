"""Lists and segments, and the tags and custom fields of subscribers."""

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
    page_of,
    require_valid_model,
)
from subscribers.models import MailingList
from subscribers.segments import estimates, segments
from subscribers.segments.models import CustomField, Segment, Tag
from subscribers.segments.rule_format import from_json

router = Router()

Slug = Annotated[str, StringConstraints(pattern=r"^[-a-zA-Z0-9_]+$", min_length=1, max_length=50)]
Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$", max_length=200)]
OptIn = Literal["double", "single"]


class ListOut(Out):
    """A list that people subscribe to."""

    id: int
    slug: str = Field(examples=["monthly"])
    name: str = Field(examples=["Monthly"])
    description: str
    public: bool = Field(description="Whether the sign-up page offers it.")
    opt_in: OptIn
    created_at: str


class ListPage(PageOut):
    items: list[ListOut]


class ListIn(In):
    """A new list. Its sender and welcome texts are proposed in the desk, for a second person to approve."""

    slug: Slug = Field(examples=["monthly"])
    name: Name = Field(examples=["Monthly"])
    description: Line = ""
    public: bool = True
    opt_in: OptIn = "double"


class ListChanges(In):
    """What to change; what is left out stays."""

    name: Name | None = None
    description: Line | None = None
    public: bool | None = None
    opt_in: OptIn | None = None


def _list_out(row: MailingList) -> ListOut:
    return ListOut(
        id=row.pk,
        slug=row.slug,
        name=row.name,
        description=row.description,
        public=row.public,
        opt_in="single" if row.opt_in == "single" else "double",
        created_at=row.created_at.isoformat(),
    )


@router.get("/lists", auth=Needs("lists:read"), response=ListPage, tags=["lists"])
def list_lists(request: HttpRequest, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """Every list, newest first."""
    return page_of(request, MailingList.objects.all(), limit, cursor, _list_out)


@router.get("/lists/{list_id}", auth=Needs("lists:read"), response=ListOut, tags=["lists"])
def show_list(request: HttpRequest, list_id: Id) -> Any:
    """One list."""
    return _list_out(get_or_404(MailingList.objects.all(), list_id))


@router.post("/lists", auth=Needs("lists:write"), response={201: ListOut}, tags=["lists"])
def create_list(request: HttpRequest, body: ListIn) -> Any:
    """Create a list."""
    require_permission(request, "subscribers.add_mailinglist")
    row = MailingList(**body.model_dump())
    require_valid_model(row)
    row.save()
    log(instance=row, action="wagtail.create", user=user_of(request))
    return Status(201, _list_out(row))


@router.patch("/lists/{list_id}", auth=Needs("lists:write"), response=ListOut, tags=["lists"])
def change_list(request: HttpRequest, list_id: Id, body: ListChanges) -> Any:
    """Change a list's name, description or sign-up."""
    row = get_or_404(MailingList.objects.select_for_update(), list_id)
    for name, value in body.model_dump(exclude_none=True).items():
        setattr(row, name, value)
    require_valid_model(row)
    row.save()
    log(instance=row, action="wagtail.edit", user=user_of(request))
    return _list_out(row)


class SegmentOut(Out):
    """A rule with a name; who matches it is queried whenever it is used."""

    id: int
    name: str = Field(examples=["Kazakhstan in Russian"])
    rule: dict[str, Any] = Field(
        description="docs/api.md lists attributes and operators.",
        examples=[
            {"version": 1, "all": [{"attribute": "country", "operator": "wants", "values": ["KZ"]}]},
        ],
    )
    version: int
    changed_by: str
    changed_at: str


class SegmentPage(PageOut):
    items: list[SegmentOut]


class SegmentIn(In):
    name: Annotated[Name, StringConstraints(max_length=120)] = Field(examples=["Kazakhstan"])
    rule: dict[str, Any] = Field(
        examples=[{"version": 1, "all": [{"attribute": "country", "operator": "wants", "values": ["KZ"]}]}]
    )


class EstimateOut(Out):
    """How many subscribers match a segment: counted, or estimated from a sample."""

    matching: int
    reachable: int = Field(description="Confirmed on a list and not suppressed.")
    exact: bool = Field(description="False: estimated from a sample.")
    upper_bound: bool = Field(description="Too few in the sample match: there are fewer than these.")
    counted_at: str | None = Field(description="When they were counted; null: now.")


def _segment_out(row: Segment) -> SegmentOut:
    return SegmentOut(
        id=row.pk,
        name=row.name,
        rule=row.rule,
        version=row.version,
        changed_by=row.changed_by,
        changed_at=format_time(row.changed_at) or "",
    )


@router.get("/segments", auth=Needs("segments:read"), response=SegmentPage, tags=["segments"])
def list_segments(request: HttpRequest, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """Every segment, newest first."""
    return page_of(request, Segment.objects.all(), limit, cursor, _segment_out)


@router.get("/segments/{segment_id}", auth=Needs("segments:read"), response=SegmentOut, tags=["segments"])
def show_segment(request: HttpRequest, segment_id: Id) -> Any:
    """One segment."""
    return _segment_out(get_or_404(Segment.objects.all(), segment_id))


@router.get(
    "/segments/{segment_id}/estimate", auth=Needs("segments:read"), response=EstimateOut, tags=["segments"]
)
def estimate_segment(request: HttpRequest, segment_id: Id) -> Any:
    """How many subscribers match."""
    rule = segments.load_expanded_rule(get_or_404(Segment.objects.all(), segment_id))
    found = estimates.estimate(rule, timezone.now())
    return EstimateOut(
        matching=found.matching,
        reachable=found.reachable,
        exact=found.exact,
        upper_bound=found.upper_bound,
        counted_at=format_time(found.counted_at),
    )


@router.post("/segments", auth=Needs("segments:write"), response={201: SegmentOut}, tags=["segments"])
def create_segment(request: HttpRequest, body: SegmentIn) -> Any:
    """Create a segment."""
    require_permission(request, "subscribers.add_segment")
    return Status(201, _save(Segment(), body, request))


@router.put("/segments/{segment_id}", auth=Needs("segments:write"), response=SegmentOut, tags=["segments"])
def replace_segment(request: HttpRequest, segment_id: Id, body: SegmentIn) -> Any:
    """Replace a segment's name and rule. Who changes a rule is an author of the editions that use it."""
    return _save(get_or_404(Segment.objects.select_for_update(), segment_id), body, request)


def _save(segment: Segment, body: SegmentIn, request: HttpRequest) -> SegmentOut:
    user = user_of(request)
    segments.save(segment, body.name, from_json(body.rule), user.get_username(), timezone.now())
    log(instance=segment, action="desk.segment", user=user)
    return _segment_out(segment)


class TagOut(Out):
    """A label that staff put on subscribers."""

    id: int
    name: str = Field(examples=["press"])


class TagPage(PageOut):
    items: list[TagOut]


class FieldOut(Out):
    """An attribute of subscribers that the office defined."""

    id: int
    name: str = Field(examples=["City"])
    kind: Literal["text", "number", "date", "choice"]
    choices: list[str]


class FieldPage(PageOut):
    items: list[FieldOut]


@router.get("/tags", auth=Needs("subscribers:read"), response=TagPage, tags=["subscribers"])
def list_tags(request: HttpRequest, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """Every tag, newest first."""
    return page_of(request, Tag.objects.all(), limit, cursor, lambda row: TagOut(id=row.pk, name=row.name))


@router.get("/fields", auth=Needs("subscribers:read"), response=FieldPage, tags=["subscribers"])
def list_fields(request: HttpRequest, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """Every custom field, newest first."""

    def convert(row: CustomField) -> dict[str, Any]:
        return {"id": row.pk, "name": row.name, "kind": row.kind, "choices": list(row.options)}

    return page_of(request, CustomField.objects.all(), limit, cursor, convert)
