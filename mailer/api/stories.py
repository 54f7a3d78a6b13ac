"""Stories: read, written as drafts, and marked as ready for editions."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router, Status
from pydantic import Field, StringConstraints

from mailer.accounts.contributor_permissions import may_write_about
from mailer.api.access import Needs, require_permission, user_of
from mailer.api.problems import Problem
from mailer.api.schemas_and_pagination import (
    CountryCode,
    Cursor,
    Day,
    Id,
    In,
    LanguageCode,
    Limit,
    Line,
    Out,
    PageOut,
    Text,
    get_or_404,
    invalid_value,
    page_of,
    require_valid_model,
)
from mailer.rendering import sanitize
from mailer.stories.models import Story, StoryText, time_errors
from subscribers import iso_codes

router = Router(tags=["stories"])

Kind = Literal["news", "event", "publication", "notice"]
Headline = Annotated[Line, StringConstraints(min_length=1)]


class TextOut(Out):
    """A story's text in one language."""

    headline: str
    summary: str
    body: str = Field(description="HTML with paragraphs, lists, links, bold and italic.")
    link_label: str
    venue: str = Field(description="Of an event: where it takes place.")
    picture_alt: str


class StoryOut(Out):
    """A story as it was saved last."""

    id: int
    key: str
    kind: Kind
    date: str = Field(examples=["2021-12-18"])
    starts: str = Field(description="Of an event, on its day; empty: all day.", examples=["18:30"])
    ends: str = Field(description="Likewise; empty: no end is known.", examples=["20:00"])
    zone: str = Field(description="The IANA time zone of these times.", examples=["Asia/Almaty"])
    countries: list[str] = Field(description="None: the whole region; the first is where it happened.")
    link: str
    texts: dict[str, TextOut] = Field(description="By language.")
    picture: int | None = Field(description="The id of its picture, which is chosen in the desk.")
    ready: bool = Field(description="Whether editions can include it.")
    has_newer_draft: bool = Field(description="Whether this is newer than what editions include.")
    version: int | None = Field(description="Changes with every save; also the ETag.")


class StoryPage(PageOut):
    items: list[StoryOut]


class TextIn(In):
    """A story's text in one language."""

    headline: Headline = Field(examples=["A film about the sea"])
    summary: Annotated[Text, StringConstraints(min_length=1, max_length=2000)] = Field(
        examples=["It is shown in Nukus on Saturday."]
    )
    body: Text = Field("", description="HTML; what mail cannot show is removed.")
    link_label: Annotated[Line, StringConstraints(max_length=80)] = ""
    venue: Annotated[Line, StringConstraints(max_length=160)] = ""
    picture_alt: Annotated[Line, StringConstraints(max_length=250)] = ""


_Texts = Annotated[
    dict[LanguageCode, TextIn],
    Field(
        min_length=1,
        max_length=50,
        description="By language.",
        examples=[
            {"en": {"headline": "A film about the sea", "summary": "It is shown in Nukus on Saturday."}}
        ],
    ),
]
_Link = Annotated[Line, StringConstraints(max_length=500), Field(examples=["https://example.org/film"])]
_Time = Annotated[Line, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$"), Field(examples=["18:30"])]
_Countries = Annotated[list[CountryCode], Field(max_length=250, examples=[["UZ"]])]


class StoryIn(In):
    """A new story."""

    kind: Kind = "news"
    date: Day = Field(description="When it happened. For an event: the day it takes place.")
    starts: _Time = Field("", description="Of an event, on its day; empty: all day.")
    ends: _Time = ""
    zone: Annotated[Line, StringConstraints(max_length=64)] = Field("", examples=["Asia/Almaty"])
    countries: _Countries = []
    link: _Link = ""
    texts: _Texts
    ready: bool = Field(False, description="Whether editions can include it.")


class StoryChanges(In):
    """What to change; what is left out stays. `texts` replaces all texts."""

    kind: Kind | None = None
    date: Day | None = None
    starts: _Time | None = None
    ends: _Time | None = None
    zone: Annotated[Line, StringConstraints(max_length=64)] | None = None
    countries: _Countries | None = None
    link: _Link | None = None
    texts: _Texts | None = None
    ready: bool | None = Field(
        None, description="true: publish this version; false: back to draft; left out: save as a draft."
    )


def _story_out(row: Story) -> StoryOut:
    draft: Story = row.get_latest_revision_as_object() if row.latest_revision_id else row
    return StoryOut(
        id=row.pk,
        key=row.key,
        kind=draft.kind,  # type: ignore[arg-type]  # the model's choices
        date=draft.date.isoformat(),
        starts=f"{draft.starts:%H:%M}" if draft.starts else "",
        ends=f"{draft.ends:%H:%M}" if draft.ends else "",
        zone=draft.zone,
        countries=list(draft.countries),
        link=draft.link,
        texts={
            text.language: TextOut(
                headline=text.headline,
                summary=text.summary,
                body=text.body,
                link_label=text.link_label,
                venue=text.venue,
                picture_alt=text.picture_alt,
            )
            for text in draft.texts.all()
        },
        picture=draft.picture_id,
        ready=row.live,
        has_newer_draft=row.live and row.has_unpublished_changes,
        version=row.latest_revision_id,
    )


def _etag(row: Story) -> str:
    return f'"{row.latest_revision_id or 0}"'


@router.get("/stories", auth=Needs("stories:read"), response=StoryPage)
def list_stories(
    request: HttpRequest,
    ready: bool | None = None,
    kind: Kind | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """Stories, newest first."""
    rows = Story.objects.prefetch_related("texts")
    if ready is not None:
        rows = rows.filter(live=ready)
    if kind is not None:
        rows = rows.filter(kind=kind)
    return page_of(request, rows, limit, cursor, _story_out)


@router.get("/stories/{story_id}", auth=Needs("stories:read"), response=StoryOut)
def show_story(request: HttpRequest, response: HttpResponse, story_id: Id) -> Any:
    """One story. Its ETag can be given as If-Match when you change it."""
    row = get_or_404(Story.objects.all(), story_id)
    response["ETag"] = _etag(row)
    return _story_out(row)


@router.post("/stories", auth=Needs("stories:write"), response={201: StoryOut})
def create_story(request: HttpRequest, response: HttpResponse, body: StoryIn) -> Any:
    """Write a story. The key's account is its author, and so cannot approve editions with it."""
    require_permission(request, "mailer.add_story")
    story = Story(live=False, created_at=timezone.now())
    with transaction.atomic():
        _fill(story, StoryChanges(**body.model_dump(exclude={"texts", "date"}), texts=None))
        story.date = body.date
        _set_texts(story, body.texts)
        _check(story)
        story.save()
        _save(story, request, body.ready)
    story.refresh_from_db()
    response["ETag"] = _etag(story)
    return Status(201, _story_out(story))


@router.patch("/stories/{story_id}", auth=Needs("stories:write"), response=StoryOut)
def change_story(request: HttpRequest, response: HttpResponse, story_id: Id, body: StoryChanges) -> Any:
    """Change a story, and say whether it is ready. A change invalidates the approval of editions with it.

    With If-Match, nothing changes when another version was saved meanwhile (412).
    """
    with transaction.atomic():
        row = get_or_404(Story.objects.select_for_update(), story_id)
        wanted = request.headers.get("If-Match")
        if (
            wanted is not None
            and wanted != "*"
            and _etag(row) not in (tag.strip() for tag in wanted.split(","))
        ):
            raise Problem(412, detail="Another version was saved since you read the story.")
        story: Story = row.get_latest_revision_as_object() if row.latest_revision_id else row
        # As in the editor: neither what readers get nor the newest draft is about other countries.
        for version in (row, story):
            _require_own_countries(request, version)
        _fill(story, body)
        if body.texts is not None:
            _set_texts(story, body.texts)
        _check(story)
        _save(story, request, body.ready)
    row.refresh_from_db()
    response["ETag"] = _etag(row)
    return _story_out(row)


def _fill(story: Story, body: StoryChanges) -> None:
    for name in ("kind", "date", "zone", "link"):
        if (value := getattr(body, name)) is not None:
            setattr(story, name, value)
    for name in ("starts", "ends"):
        if (value := getattr(body, name)) is not None:
            setattr(story, name, time.fromisoformat(value) if value else None)
    if body.countries is not None:
        if not set(body.countries) <= iso_codes.COUNTRIES:
            raise invalid_value(
                "/countries", "One of these is no ISO 3166-1 country code.", "unknown_country"
            )
        story.countries = tuple(body.countries)


def _set_texts(story: Story, texts: dict[str, TextIn]) -> None:
    if not texts.keys() <= iso_codes.LANGUAGES:
        raise invalid_value("/texts", "One of these is no language code.", "unknown_language")
    known = {text.language: text.pk for text in story.texts.all()} if story.pk else {}
    story.texts = [
        StoryText(
            pk=known.get(language),
            language=language,
            **{**text.model_dump(), "body": sanitize.clean_story_html(text.body)},
        )
        for language, text in texts.items()
    ]


def _check(story: Story) -> None:
    require_valid_model(story)
    for field, message in time_errors(story.starts, story.ends, story.zone).items():
        raise invalid_value(f"/{field}", message, "invalid_time")
    if story.picture_id and not all(text.picture_alt.strip() for text in story.texts.all()):
        raise invalid_value(
            "/texts", "The story has a picture: every text describes it.", "picture_alt_missing"
        )


def _require_own_countries(request: HttpRequest, story: Story) -> None:
    """Raises Problem 403 where a contributor writes about other countries than their own."""
    if not may_write_about(user_of(request), story.countries):
        raise Problem(403, "other_countries", "The account of this key writes about other countries.")


def _save(story: Story, request: HttpRequest, ready: bool | None) -> None:
    """Save a revision by the key's account, and publish or unpublish it."""
    user = user_of(request)
    _require_own_countries(request, story)
    revision = story.save_revision(user=user, log_action=True)
    if ready is None:
        return
    if ready or story.live:
        require_permission(request, "mailer.publish_story")
    if ready:
        revision.publish(user=user)
    elif story.live:
        Story.objects.get(pk=story.pk).unpublish(user=user, log_action=True)
