"""Newsletters and editions: listed, assembled, previewed, submitted and scheduled.

No operation approves an edition: that is an act of a person who has signed in to the desk and read it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Status
from pydantic import Field, StringConstraints
from wagtail.log_actions import log

from mailer.api.access import Needs, require_permission, user_of
from mailer.api.problems import Problem
from mailer.api.schemas_and_pagination import (
    Cursor,
    Id,
    In,
    LanguageCode,
    Limit,
    Out,
    PageOut,
    Timestamp,
    format_time,
    get_or_404,
    invalid_value,
    page_of,
)
from mailer.approval import snapshot_state_changes
from mailer.approval.draft_check_cache import check_draft
from mailer.approval.models import Snapshot
from mailer.approval.preflight.findings_and_overrides import MAX_REASON, Finding, overrides_note
from mailer.approval.required_approvals import part_approvals
from mailer.approval.submit import NOTE_LIMIT, submit
from mailer.editions.assemble import (
    EditionExists,
    InvalidPeriod,
    create_edition_unless_exists,
    create_unscheduled_edition,
    now_or_demo_time,
)
from mailer.editions.audience import Audience
from mailer.editions.cached_audience_counts import cached_or_live_count
from mailer.editions.models import Edition, Newsletter
from mailer.editions.rendering_input import content_of
from mailer.rendering import merge_tags, variants
from mailer.reports.edition_state import StateName, edition_as_json, editions_as_json
from mailer.reports.stats import latest_mailing

router = Router(tags=["editions"])

# A month, or the Monday of a week or of two weeks.
_PERIOD = r"^[0-9]{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])(-2w)?)?$"
Slug = Annotated[str, StringConstraints(pattern=r"^[-a-zA-Z0-9_]+$", max_length=50)]


class NewsletterOut(Out):
    """A publication. Its sender and design are changed in the desk."""

    id: int
    slug: str = Field(examples=["silk-road-monthly"])
    name: str
    countries: list[str]
    languages: list[str]
    lists: list[int]
    zone: str = Field(examples=["Asia/Almaty"])


class NewsletterPage(PageOut):
    items: list[NewsletterOut]


def _newsletter_out(row: Newsletter) -> NewsletterOut:
    return NewsletterOut(
        id=row.pk,
        slug=row.slug,
        name=row.name,
        countries=list(row.countries),
        languages=list(row.languages),
        lists=sorted(row.lists.values_list("pk", flat=True)),
        zone=row.zone,
    )


@router.get("/newsletters", auth=Needs("editions:read"), response=NewsletterPage)
def list_newsletters(request: HttpRequest, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """Every newsletter, newest first."""
    return page_of(request, Newsletter.objects.all(), limit, cursor, _newsletter_out)


class EditionOut(Out):
    """One number of a newsletter, for a month or another period."""

    id: int
    slug: str = Field(examples=["silk-road-monthly-2021-12"])
    newsletter: str = Field(examples=["silk-road-monthly"])
    period: str = Field(
        examples=["2021-12"],
        description="A month, 2021-12; a week from its Monday, 2021-12-06; two weeks, 2021-12-06-2w; or the "
        "day of an edition outside of the schedule, 2021-12-06-n1.",
    )
    name: str = Field(description="Of an edition outside of the schedule; otherwise empty.")
    state: StateName
    hash: str | None = Field(description="SHA-256 of the submitted content; null for a draft.")


class EditionPage(PageOut):
    items: list[EditionOut]


class FindingPlaceOut(Out):
    """Where a check found something."""

    kind: Literal["story", "block", "subject", "edition", "newsletter", "settings", "message", "translations"]
    key: str = Field(description="Of a story; of a block, its position; else empty.")
    label: str
    language: str = Field(description="Empty: every language.")
    detail: str = Field(description="What stands there.")


class OverrideOut(Out):
    """Why an error did not keep the edition from being submitted."""

    reason: str
    by: str


class FindingOut(Out):
    """What one check before submission found, in all its places."""

    id: str = Field(
        description="Names the finding with its places; an override refers to it.",
        examples=["link.dead:0f3a9c21be77"],
    )
    code: str = Field(examples=["link.dead"])
    level: Literal["error", "warning"]
    text: str
    advice: str
    overridable: bool = Field(description="Whether a reason can override the error.")
    places: list[FindingPlaceOut]
    override: OverrideOut | None


class ApprovalOut(Out):
    """An approval that a submitted edition needs."""

    language: str | None = Field(
        description="The language that is approved; null: all those without an approval of their own."
    )
    approved_by: str | None = Field(description="Null: it waits for this approval.")
    approved_at: str | None


class EditionDetail(EditionOut):
    """An edition with its subject lines, and what was submitted."""

    subjects: dict[str, str] = Field(description="By language.")
    audience: int | None = Field(description="Subscribers when it was submitted.")
    submitted_by: str | None
    submitted_at: str | None
    window_until: str | None = Field(description="Until when it may be sent.")
    approved_by: str | None = Field(description="Who approved it, once every approval is there.")
    approvals: list[ApprovalOut] = Field(
        description="Those that the last submitted version needs; empty before the first submission."
    )
    rejected_by: str | None = Field(description="Who rejected it, where its state is `rejected`.")
    rejection_reason: str | None = Field(description="Why, as its writers read it.")
    findings: list[FindingOut] = Field(
        description="What the checks found when it was submitted, with the reasons for overriding errors."
    )
    scheduled_for: str | None
    mailing: int | None = Field(description="The id of its latest mailing.")


class ChecksOut(Out):
    findings: list[FindingOut]


def _edition_detail(edition: Edition) -> EditionDetail:
    snapshot = edition.snapshots.filter(state__in=Snapshot.OPEN).first() or edition.snapshots.first()
    parts = part_approvals(snapshot, edition.newsletter.languages) if snapshot else []
    approvers = dict.fromkeys(one.approval.approver.get_username() for one in parts if one.approval)
    rejection = getattr(snapshot, "rejection", None)
    mailing = latest_mailing(edition)
    return EditionDetail(
        **edition_as_json(edition),
        subjects={text.language: text.subject for text in edition.texts.all()},
        audience=snapshot.audience_count if snapshot else None,
        submitted_by=snapshot.submitted_by.get_username() if snapshot else None,
        submitted_at=format_time(snapshot.submitted_at) if snapshot else None,
        window_until=format_time(snapshot.window_until) if snapshot else None,
        approved_by=", ".join(approvers) if snapshot and snapshot.approved_at else None,
        approvals=[
            ApprovalOut(
                language=one.part or None,
                approved_by=one.approval.approver.get_username() if one.approval else None,
                approved_at=format_time(one.approval.at) if one.approval else None,
            )
            for one in parts
        ],
        rejected_by=rejection.rejected_by.get_username() if rejection else None,
        rejection_reason=rejection.reason if rejection else None,
        findings=[
            FindingOut(**Finding.from_dict(one).as_dict()) for one in (snapshot.findings if snapshot else [])
        ],
        scheduled_for=format_time(snapshot.send_at) if snapshot else None,
        mailing=mailing.pk if mailing else None,
    )


def _editions() -> Any:
    return Edition.objects.select_related("newsletter")


@router.get("/editions", auth=Needs("editions:read"), response=EditionPage)
def list_editions(
    request: HttpRequest, newsletter: Slug | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Any:
    """Editions, newest first; of one newsletter, by its slug."""
    rows = _editions()
    if newsletter is not None:
        rows = rows.filter(newsletter__slug=newsletter)
    page = page_of(request, rows, limit, cursor, lambda row: row)
    return {**page, "items": editions_as_json(page["items"])}


@router.get("/editions/{edition_id}", auth=Needs("editions:read"), response=EditionDetail)
def show_edition(request: HttpRequest, edition_id: Id) -> Any:
    """One edition."""
    return _edition_detail(get_or_404(_editions(), edition_id))


class EditionIn(In):
    """An edition: for a period, from the stories that are ready, or outside of the schedule with a name."""

    newsletter: Slug = Field(examples=["silk-road-monthly"])
    period: Annotated[str, StringConstraints(pattern=_PERIOD)] | None = Field(None, examples=["2021-12"])
    name: Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)] | None = (
        Field(None, description="Instead of a period; the edition has no stories then.")
    )


@router.post("/editions", auth=Needs("editions:write", "mailer.add_edition"), response={201: EditionDetail})
def assemble_edition(request: HttpRequest, body: EditionIn) -> Any:
    """Assemble a newsletter's edition of a period, or create one outside of the schedule."""
    newsletter = Newsletter.objects.filter(slug=body.newsletter).first()
    if newsletter is None:
        raise invalid_value("/newsletter", "There is no such newsletter.", "unknown_newsletter")
    user, now = user_of(request), now_or_demo_time(timezone.now())
    if (body.period is None) == (body.name is None):
        raise invalid_value("/period", "Give either a period or a name.", "period_or_name")
    try:
        edition = (
            create_unscheduled_edition(newsletter, body.name, now, user)
            if body.name is not None
            else create_edition_unless_exists(newsletter, body.period or "", now, user)
        )
    except InvalidPeriod as error:
        raise invalid_value("/period", str(error), "invalid_period") from error
    except EditionExists as error:
        raise Problem(409, "already_exists", str(error)) from error
    log(instance=edition, action="desk.assemble", user=user)
    return Status(201, _edition_detail(edition))


class PreviewOut(Out):
    """A variant as its subscribers would get it, with placeholders for their own links."""

    subject: str
    preheader: str
    html: str
    text: str
    stories: list[str] = Field(description="Keys of its stories.")


@router.get("/editions/{edition_id}/preview", auth=Needs("editions:read"), response=PreviewOut)
def preview_edition(
    request: HttpRequest,
    edition_id: Id,
    language: LanguageCode,
    countries: Annotated[
        str,
        Field(
            pattern=r"^([A-Z]{2}(,[A-Z]{2})*)?$",
            max_length=800,
            description="Codes with commas between them; empty: every country.",
            examples=["KZ,UZ"],
        ),
    ] = "",
) -> Any:
    """The variant for a language and countries, of the latest saved version."""
    edition: Edition = get_or_404(_editions(), edition_id).get_latest_revision_as_object()
    wanted = tuple(code for code in countries.split(",") if code)
    for code in wanted:
        if code not in edition.newsletter.countries:
            raise Problem(422, "unknown_country", "The newsletter has no such country.")
    if language not in edition.newsletter.languages:
        raise Problem(422, "unknown_language", "The newsletter has no such language.")
    try:
        found = variants.render(content_of(edition), wanted, language)
    except variants.NothingToShow as error:
        raise Problem(409, "no_stories", "These subscribers would get no email.") from error
    values = {
        "unsubscribe_url": "#",
        "preferences_url": "#",
        "countries": merge_tags.country_names_or_all(wanted, found.language),
    }
    filled = replace(
        found,
        html=merge_tags.fill_html(found.html, values),
        text=merge_tags.fill_text(found.text, values),
    )
    return PreviewOut(
        subject=filled.subject,
        preheader=filled.preheader,
        html=filled.html,
        text=filled.text,
        stories=list(filled.stories),
    )


@router.get("/editions/{edition_id}/checks", auth=Needs("editions:read"), response=ChecksOut)
def check_edition(request: HttpRequest, edition_id: Id) -> Any:
    """What the checks before submission say; an error prevents it."""
    edition: Edition = get_or_404(_editions(), edition_id).get_latest_revision_as_object()
    content, now = content_of(edition), timezone.now()
    counted = cached_or_live_count(Audience.of_edition(edition, now), now)
    found = check_draft(edition, content, counted.combinations, now).findings
    return {"findings": [finding.as_dict() for finding in found]}


class OverrideIn(In):
    """A reason for sending in spite of an error."""

    finding: Annotated[str, StringConstraints(max_length=80)] = Field(
        description="The `id` of a finding with `overridable`.", examples=["link.dead:0f3a9c21be77"]
    )
    reason: Annotated[str, StringConstraints(min_length=1, max_length=MAX_REASON)]


class SubmitIn(In):
    """What the approver reads beside the edition."""

    note: Annotated[str, StringConstraints(max_length=NOTE_LIMIT)] = ""
    overrides: Annotated[list[OverrideIn], Field(max_length=50)] = []


@router.post(
    "/editions/{edition_id}/submit",
    auth=Needs("editions:write", "mailer.submit_edition"),
    response=EditionDetail,
)
def submit_edition(request: HttpRequest, edition_id: Id, body: SubmitIn | None = None) -> Any:
    """Submit the latest saved version. A second person approves it in the desk; the key's account cannot.

    An error that the checks found prevents it, unless it is overridable and a reason is given.
    """
    edition, user = get_or_404(_editions(), edition_id), user_of(request)
    body = body or SubmitIn()
    overrides = {one.finding: one.reason for one in body.overrides}
    submit(edition, user, timezone.now(), body.note, overrides)
    because = overrides_note(overrides)
    log(instance=edition, action="desk.submit", user=user, data={"because": because} if because else {})
    return _edition_detail(get_or_404(_editions(), edition_id))


class ScheduleIn(In):
    """When to send an approved edition."""

    at: Timestamp | None = Field(None, description="Left out: now, after the configured time for undo.")
    local_hour: Annotated[int, Field(ge=0, le=23)] | None = Field(
        None, description="From `at` on, at this hour of each subscriber's time zone."
    )


def _approved(edition: Edition) -> Snapshot:
    found: Snapshot | None = edition.snapshots.filter(state__in=Snapshot.OPEN).first()
    if found is None:
        raise Problem(409, "wrong_state", "The edition has no submitted version.")
    return found


@router.post("/editions/{edition_id}/schedule", auth=Needs("mailings:write"), response=EditionDetail)
def schedule_edition(request: HttpRequest, edition_id: Id, body: ScheduleIn) -> Any:
    """Schedule an approved edition within its window, or send it now."""
    require_permission(request, "mailer.schedule_edition")
    edition, user = get_or_404(_editions(), edition_id), user_of(request)
    snapshot_state_changes.schedule(
        _approved(edition), user, body.at, timezone.now(), local_hour=body.local_hour
    )
    log(instance=edition, action="desk.schedule", user=user)
    return _edition_detail(get_or_404(_editions(), edition_id))


@router.delete("/editions/{edition_id}/schedule", auth=Needs("mailings:write"), response=EditionDetail)
def unschedule_edition(request: HttpRequest, edition_id: Id) -> Any:
    """Cancel the schedule, as long as nothing was sent."""
    edition, user = get_or_404(_editions(), edition_id), user_of(request)
    snapshot_state_changes.unschedule(_approved(edition), user)
    log(instance=edition, action="desk.unschedule", user=user)
    return _edition_detail(get_or_404(_editions(), edition_id))
