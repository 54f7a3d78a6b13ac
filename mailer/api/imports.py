"""Imports: uploaded, mapped, compared with the list in a dry run, applied, undone or discarded."""

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
    Cursor,
    Id,
    In,
    LanguageCode,
    Limit,
    Line,
    Out,
    PageOut,
    format_time,
    get_or_404,
    invalid_value,
    page_of,
)
from subscribers import iso_codes
from subscribers.imports import job_lifecycle, uploads_and_staging
from subscribers.imports.column_mapping import REPEATABLE, Choices, find_columns
from subscribers.imports.job_lifecycle import ImportOptions
from subscribers.imports.models import ImportJob
from subscribers.imports.row_types import UnreadableFile
from subscribers.imports.staff_questions import Question
from subscribers.imports.status_cells import Status as WordStatus
from subscribers.imports.validate import WARNINGS
from subscribers.models import MailingList

router = Router(tags=["imports"])

State = ImportJob.State
StateName = Literal[
    "mapping", "reading", "ready", "applying", "applied", "undoing", "undone", "discarded", "failed"
]


class ImportOut(Out):
    """An import: `mapping` → `reading` → `ready` (the dry run's result) → `applying` → `applied`."""

    id: int
    file_name: str = Field(examples=["readers.csv"])
    list: int
    source: str
    state: StateName
    percent: int | None = Field(description="Of the present step; null where that is not known.")
    error: str
    expected: dict[str, Any] = Field(description="What applying would do: the result of the dry run.")
    result: dict[str, Any] = Field(description="What applying did.")
    undo_result: dict[str, Any]
    created_by: str
    created_at: str
    applied_by: str
    applied_at: str | None


class ImportPage(PageOut):
    items: list[ImportOut]


class ColumnOut(Out):
    """A column of the file."""

    number: int
    heading: str
    field: str = Field(description="What it is imported into, as detected.", examples=["email"])
    cells: list[str] = Field(description="Some of its cells.")


class QuestionOut(Out):
    """What you must decide before the file is read: who must get no mail."""

    column: int
    about: Literal["column", "words"]
    values: list[str]
    proposed: str


class ColumnsOut(Out):
    """The columns of a file that waits for its mapping."""

    columns: list[ColumnOut]
    questions: list[QuestionOut]


class ImportIn(In):
    """A CSV file; nothing is imported before you apply it."""

    list: Id
    source: Annotated[Line, StringConstraints(min_length=5, max_length=190)] = Field(
        description="Where and when these people agreed; it is stored with every subscriber.",
        examples=["Paper forms at the water forum, Almaty, May 2026"],
    )
    file_name: Line = Field("upload.csv", examples=["readers.csv"])
    language: LanguageCode | None = Field(None, description="For rows without one.", examples=["ru"])
    content: str = Field(
        min_length=1,
        description="The file as text. Larger files than a request may have are imported in parts, in the "
        "desk or by `mailer subscribers import`.",
        examples=["email,name,language\naigul@example.org,Aigul,kk\n"],
    )


class ColumnsIn(In):
    """What the columns are about; a column that is left out stays as detected."""

    columns: dict[str, Line] = Field(
        {}, max_length=500, description="By number from 1.", examples=[{"1": "email", "3": "ignore"}]
    )
    words: dict[str, Line] = Field(
        {},
        max_length=500,
        description="What words in columns of statuses mean.",
        examples=[{"active": "subscribed"}],
    )


class ApplyIn(In):
    """How to apply an import."""

    skip: list[Literal["typo", "disposable", "role", "name"]] = Field(
        [], max_length=4, description="Rows with these warnings about their address or name are not imported."
    )
    suppress_do_not_mail: bool = Field(
        False, description="Also suppress the addresses that the file marks as unsubscribed or bounced."
    )


def _import_out(job: ImportJob) -> dict[str, Any]:
    return {
        "id": job.pk,
        "file_name": job.file_name,
        "list": job.mailing_list_id,
        "source": job.source,
        "state": job.state,
        "percent": job.percent,
        "error": job.error,
        "expected": job.expected,
        "result": job.result,
        "undo_result": job.undo_result,
        "created_by": job.created_by,
        "created_at": job.created_at.isoformat(),
        "applied_by": job.applied_by,
        "applied_at": format_time(job.applied_at),
    }


@router.get("/imports", auth=Needs("imports:read"), response=ImportPage)
def list_imports(request: HttpRequest, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """Every import, newest first."""
    return page_of(request, ImportJob.objects.all(), limit, cursor, _import_out)


@router.get("/imports/{import_id}", auth=Needs("imports:read"), response=ImportOut)
def show_import(request: HttpRequest, import_id: Id) -> Any:
    """One import: its state, progress and figures."""
    return _import_out(get_or_404(ImportJob.objects.all(), import_id))


@router.post("/imports", auth=Needs("imports:write"), response={201: ImportOut})
def create_import(request: HttpRequest, body: ImportIn) -> Any:
    """Upload a file. It waits for PUT /imports/{import_id}/columns."""
    require_permission(request, "subscribers.add_importjob")
    mailing_list = MailingList.objects.filter(pk=body.list).first()
    if mailing_list is None:
        raise invalid_value("/list", f"There is no list {body.list}.", "unknown_list")
    if body.language is not None and body.language not in iso_codes.LANGUAGES:
        raise invalid_value("/language", "This is no language code.", "unknown_language")
    user = user_of(request)
    options = ImportOptions(mailing_list, body.source, user.get_username(), body.language or "en", "utf-8")
    try:
        content = body.content.encode()
    except UnicodeEncodeError as error:
        raise invalid_value("/content", "The text is not valid Unicode.") from error
    try:
        job = job_lifecycle.create_upload(body.file_name or "upload.csv", [content], options, timezone.now())
    except OSError as error:
        raise Problem(503, "disk_full", "The file cannot be stored.") from error
    except ValueError as error:
        raise invalid_value("/source", str(error)) from error
    log(instance=job, action="desk.import_upload", user=user)
    return Status(201, _import_out(job))


@router.get("/imports/{import_id}/columns", auth=Needs("imports:read"), response=ColumnsOut)
def show_columns(request: HttpRequest, import_id: Id) -> Any:
    """The columns as detected, and what you must decide."""
    job = get_or_404(ImportJob.objects.all(), import_id)
    preview = _preview(job)
    note_addresses_read(request)
    columns = [
        ColumnOut(
            number=number,
            heading=heading,
            field=preview.columns.fields[number - 1],
            cells=[row[number - 1] for row in preview.rows if len(row) >= number],
        )
        for number, heading in enumerate(preview.columns.headings, start=1)
    ]
    questions = [
        QuestionOut(
            column=one_question.column,
            about="words" if one_question.about == "words" else "column",
            values=list(one_question.values),
            proposed=str(one_question.proposed),
        )
        for one_question in _questions(job, preview)
    ]
    return ColumnsOut(columns=columns, questions=questions)


@router.put("/imports/{import_id}/columns", auth=Needs("imports:write"), response={202: ImportOut})
def set_columns(request: HttpRequest, import_id: Id, body: ColumnsIn) -> Any:
    """Say what the columns are about. The worker reads the file next, and compares it with the list."""
    job = get_or_404(ImportJob.objects.all(), import_id)
    preview = _preview(job)
    _check_mapping(job, preview, body)
    job_lifecycle.set_columns(job, body.columns, "utf-8", job.options.get("delimiter", ""), body.words)
    return Status(202, _import_out(job))


def _preview(job: ImportJob) -> uploads_and_staging.Preview:
    if job.state != State.MAPPING:
        raise Problem(
            409, "wrong_state", f"The import has no columns to set: its state is “{job.get_state_display()}”."
        )
    try:
        return uploads_and_staging.preview(job, "utf-8", job.options.get("delimiter", ""))
    except UnreadableFile as error:
        raise Problem(409, "unreadable_file", str(error)) from error


def _questions(job: ImportJob, preview: uploads_and_staging.Preview) -> list[Question]:
    """What the first rows ask, and what the worker asked after all rows, in order."""
    headings = preview.columns.headings
    later = [
        Question(each[0], each[1], tuple(each[2]), *each[3:]) for each in job.options.get("questions", ())
    ]
    found: dict[tuple[int, str], Question] = {}
    for each in [*preview.questions, *later]:
        if not each.column and each.heading in headings:
            each = each._replace(column=headings.index(each.heading) + 1)
        if each.column:
            before = found.get((each.column, each.about))
            values = tuple(dict.fromkeys((*(before.values if before else ()), *each.values)))
            found[each.column, each.about] = each._replace(values=values)
    return sorted(found.values())


def _check_mapping(job: ImportJob, preview: uploads_and_staging.Preview, body: ColumnsIn) -> None:
    """Raises Problem for a mapping that the desk would not accept."""
    headings = preview.columns.headings
    for number in body.columns:
        if number not in map(str, range(1, len(headings) + 1)):
            raise invalid_value("/columns", f"The file has columns 1 to {len(headings)}.", "unknown_column")
    try:
        columns = find_columns(headings, [*preview.rows], Choices(columns=body.columns), require_email=False)
    except UnreadableFile as error:
        raise invalid_value("/columns", str(error), "unknown_field") from error
    fields = [body.columns.get(str(place), field) for place, field in enumerate(columns.fields, start=1)]
    if "email" not in fields:
        raise invalid_value("/columns", "No column is the address: map one to email.", "no_email")
    chosen = [field for field in fields if field not in REPEATABLE]
    if len(chosen) != len(set(chosen)):
        raise invalid_value("/columns", "Two columns are mapped to the same field.", "repeated_field")
    known = {status.value for status in WordStatus}
    for meaning in body.words.values():
        if meaning not in known:
            raise invalid_value(
                "/words", f"A word means one of: {', '.join(sorted(known))}.", "unknown_status"
            )
    for question in _questions(job, preview):
        if question.about == "column" and str(question.column) not in body.columns:
            raise invalid_value(
                "/columns", f"Say what column {question.column} is about.", "undecided_column"
            )
        if question.about == "words" and set(question.values) - body.words.keys():
            raise invalid_value(
                "/words", f"Say what the words of column {question.column} mean.", "undecided_words"
            )


@router.post("/imports/{import_id}/apply", auth=Needs("imports:write"), response={202: ImportOut})
def apply_import(request: HttpRequest, import_id: Id, body: ApplyIn) -> Any:
    """Import the rows. The worker does it; it can be undone for 30 days."""
    job, user = get_or_404(ImportJob.objects.all(), import_id), user_of(request)
    if body.suppress_do_not_mail:
        require_permission(request, "subscribers.add_suppression")
    skipped = [kind for kind in WARNINGS if kind in body.skip]
    job_lifecycle.start_apply(
        job, user.get_username(), timezone.now(), skipped, suppress_do_not_mail=body.suppress_do_not_mail
    )
    log(instance=job, action="desk.import_apply", user=user)
    return Status(202, _import_out(job))


@router.post("/imports/{import_id}/undo", auth=Needs("imports:write"), response={202: ImportOut})
def undo_import(request: HttpRequest, import_id: Id) -> Any:
    """Undo an applied import; what subscribers themselves changed since stays."""
    job, user = get_or_404(ImportJob.objects.all(), import_id), user_of(request)
    job_lifecycle.start_undo(job, user.get_username(), timezone.now())
    log(instance=job, action="desk.import_undo", user=user)
    return Status(202, _import_out(job))


@router.post("/imports/{import_id}/discard", auth=Needs("imports:write"), response=ImportOut)
def discard_import(request: HttpRequest, import_id: Id) -> Any:
    """Delete an uploaded file that was not applied."""
    job, user = get_or_404(ImportJob.objects.all(), import_id), user_of(request)
    job_lifecycle.discard(job, user.get_username(), timezone.now())
    log(instance=job, action="desk.import_discard", user=user)
    return _import_out(job)
