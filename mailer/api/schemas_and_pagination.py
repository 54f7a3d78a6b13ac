"""Types of the API's values, and pages of results behind opaque cursors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from mailer.api.problems import Problem
from subscribers import tokens

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")

_LARGEST_ID = 2**63 - 1
# Bits of a cursor for the digest of what was asked; the others hold the id of the last row.
_DIGEST_BITS = 24


def _only_text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


Id = Annotated[int, Field(ge=1, le=_LARGEST_ID, examples=[7])]
# Databases store no NUL in a text.
Line = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, StringConstraints(max_length=100_000, pattern=r"^[^\x00]*$")]
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(examples=["KZ"])]
LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,8})?$", max_length=12)]
# Validated and normalised by `subscribers.addresses`.
Address = Annotated[
    str,
    StringConstraints(min_length=3, max_length=254),
    Field(json_schema_extra={"format": "email"}, examples=["aigul@example.org"]),
]
Day = Annotated[date, BeforeValidator(_only_text), Field(strict=False, examples=["2021-12-18"])]
Timestamp = Annotated[
    AwareDatetime, BeforeValidator(_only_text), Field(strict=False, examples=["2021-12-03T09:00:00+05:00"])
]
Limit = Annotated[int, Field(ge=1, le=100, description="Results in a page.")]
Cursor = Annotated[
    str | None,
    Field(
        pattern=r"^[0-9][A-Za-z0-9_-]{32}$",
        description="`next_cursor` of the page before; only with the same filters.",
    ),
]


class In(BaseModel):
    """What a client sends: JSON of exactly these names and types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Out(BaseModel):
    """What a client gets."""


class PageOut(Out):
    """A page of results, newest first."""

    # To be given as `cursor` for the next page; null on the last one.
    next_cursor: str | None = Field(description="Give it as `cursor` to get the next page; null: no more.")


def page_of(
    request: HttpRequest, rows: QuerySet[Row], limit: int, cursor: str | None, convert: Callable[[Row], Item]
) -> dict[str, Any]:
    """The content of a PageOut: at most `limit` rows behind the cursor, newest first by primary key."""
    rows = rows.order_by("-pk")
    if (after := read_cursor(request, cursor)) is not None:
        rows = rows.filter(pk__lt=after)
    found = list(rows[: limit + 1])
    last = found[limit - 1].pk if len(found) > limit else None
    return {
        "items": [convert(row) for row in found[:limit]],
        "next_cursor": None if last is None else make_cursor(request, last),
    }


def make_cursor(request: HttpRequest, last: int) -> str:
    """A cursor behind the row with this primary key, for requests with the same path and filters."""
    return tokens.encrypt_id_for_url("api_cursor", last << _DIGEST_BITS | _asked(request))


def read_cursor(request: HttpRequest, cursor: str | None) -> int | None:
    """The primary key in the cursor; None without one. Raises Problem for one of another query."""
    if cursor is None:
        return None
    try:
        number = tokens.decrypt_id("api_cursor", cursor)
    except tokens.InvalidToken:
        number = -1
    if number < 0 or number & (1 << _DIGEST_BITS) - 1 != _asked(request):
        raise Problem(400, "cursor_invalid", "The cursor is not one of this query; begin again without it.")
    return number >> _DIGEST_BITS


def _asked(request: HttpRequest) -> int:
    """A digest of the path and the filters."""
    filters = sorted(
        (name, values) for name, values in request.GET.lists() if name not in ("cursor", "limit")
    )
    digest = hashlib.sha256(repr((request.path, filters)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[: _DIGEST_BITS // 8])


def get_or_404(rows: QuerySet[Row], pk: int) -> Row:
    """The row; raises Problem 404."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Problem(404, detail=f"There is no {rows.model._meta.verbose_name} {pk}.")
    return found


def invalid_value(pointer: str, detail: str, code: str = "invalid") -> Problem:
    """The problem of one value of the body, at a JSON pointer such as "/lists"."""
    return Problem(
        422,
        "invalid",
        "A value is not accepted.",
        errors=[{"pointer": pointer, "code": code, "detail": detail}],
    )


def require_valid_model(row: Model) -> None:
    """Raises Problem with every error of the model's own validation."""
    try:
        row.full_clean()
    except ValidationError as error:
        errors = [
            {
                "pointer": "" if name == "__all__" else f"/{name}",
                "code": one.code or "invalid",
                "detail": text,
            }
            for name, found in error.error_dict.items()
            for one in found
            for text in one.messages
        ]
        raise Problem(422, "invalid", "Values are not accepted.", errors=errors) from error


def format_time(moment: datetime | None) -> str | None:
    """A time as the API writes it (RFC 3339); None stays None."""
    return moment.isoformat() if moment else None
