"""Errors of the API as problem details (RFC 9457, application/problem+json)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse

MEDIA_TYPE = "application/problem+json"
# Codes of problems that Django's own answers stand for, by status.
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    412: "precondition_failed",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}


class Problem(Exception):  # noqa: N818  (named as the RFC names it)
    """The request cannot be answered as it was meant."""

    def __init__(
        self,
        status: int,
        code: str = "",
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        keeps_changes: bool = False,
    ) -> None:
        """`code`: for programs, stable. `detail`: for people. `errors`: one by one, where in the request.

        `keeps_changes`: what was written before is committed and not rolled back.
        """
        super().__init__(code or detail)
        self.status, self.code, self.detail = status, code or code_of(status), detail
        self.errors, self.headers, self.keeps_changes = errors, dict(headers or {}), keeps_changes

    def response(self) -> HttpResponse:
        """The answer."""
        body: dict[str, Any] = {
            "type": f"urn:newsletter-mailer:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
        }
        if self.detail:
            body["detail"] = self.detail
        if self.errors:
            body["errors"] = list(self.errors)
        response = HttpResponse(
            json.dumps(body, ensure_ascii=False), status=self.status, content_type=MEDIA_TYPE
        )
        for name, value in self.headers.items():
            response[name] = value
        response.keeps_changes = self.keeps_changes  # type: ignore[attr-defined]  # for the middleware
        return response


def code_of(status: int) -> str:
    """The code of a problem about which nothing but its status is known."""
    return _CODES.get(status, "bad_request" if status < 500 else "internal_error")


def error_response_as_problem(response: Any) -> HttpResponse:
    """An answer with an error status, as a problem; headers such as Allow are kept."""
    kept = {name: response[name] for name in ("Allow", "Retry-After") if name in response}
    return Problem(response.status_code, headers=kept).response()
