"""The API's operations put together, and its answers to errors."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.operation import Operation

from mailer.api import (
    editions,
    imports,
    lists_segments_tags,
    mailings,
    own_key,
    stories,
    subscribers,
    suppressions,
    webhooks,
)
from mailer.api.problems import Problem, code_of
from mailer.approval import snapshot_state_changes
from mailer.delivery.rollout.mailing_control import ControlError
from subscribers import resumable_jobs
from subscribers.segments.rule_format import InvalidRule

# Errors that one answer lists.
_MAX_ERRORS = 20
# Characters of an unknown parameter's name in an answer.
_MAX_NAME = 100


class _Api(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The name of the function, which is unique among all operations."""
        return str(operation.view_func.__name__)


api = _Api(
    title="Newsletter system",
    version="1",
    urls_namespace="api",
    # mailer/api/openapi.py serves the document; there is no page with scripts from elsewhere.
    openapi_url=None,
    docs_url=None,
)


def _refuse_unknown_parameters(run: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorates the method that runs an operation: 422 for a query parameter that the operation lacks.

    A filter with a misspelt name would otherwise give every row.
    """
    operation: Operation = run.__self__  # type: ignore[attr-defined]
    queries = [model for model in operation.models if model.__ninja_param_source__ == "query"]
    known = {name for model in queries for name in model.__ninja_flatten_map__}

    @wraps(run)
    def checked(request: HttpRequest, **path: Any) -> HttpResponse:
        if unknown := sorted(set(request.GET) - known):
            return _unknown_parameters(unknown).response()
        return run(request, **path)

    return checked


def _unknown_parameters(names: list[str]) -> Problem:
    detail = "This operation has no such query parameter."
    errors = [
        {"parameter": name[:_MAX_NAME], "code": "unknown_parameter", "detail": detail}
        for name in names[:_MAX_ERRORS]
    ]
    return Problem(422, "invalid", "Query parameters are unknown.", errors=errors)


# Routers take it when they are added.
api.add_decorator(_refuse_unknown_parameters, mode="view")
for module in (
    own_key,
    lists_segments_tags,
    subscribers,
    imports,
    stories,
    editions,
    mailings,
    suppressions,
    webhooks,
):
    api.add_router("", module.router)


def _handler(kind: type[Exception]) -> Callable[[Callable[[Any], Problem]], Callable[[Any], Problem]]:
    """Decorates the function that makes a problem of such an exception."""

    def register(make: Callable[[Any], Problem]) -> Callable[[Any], Problem]:
        def handle(request: HttpRequest, error: Any) -> HttpResponse:
            return make(error).response()

        api.add_exception_handler(kind, handle)
        return make

    return register


@_handler(Problem)
def _problem(error: Problem) -> Problem:
    return error


@_handler(ValidationError)
def _invalid(error: ValidationError) -> Problem:
    return Problem(
        422,
        "invalid",
        "Values are not accepted.",
        errors=[_error(one) for one in error.errors[:_MAX_ERRORS]],
    )


def _error(found: dict[str, Any]) -> dict[str, str]:
    """Where and why, without the value itself."""
    where, *parts = found["loc"]
    # The first part of a body's path is the name of our parameter.
    parts = parts[1:] if where == "body" else parts
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)
    place = {"pointer": pointer} if where == "body" else {"parameter": pointer.removeprefix("/")}
    return {**place, "code": str(found["type"]), "detail": str(found["msg"])}


@_handler(HttpError)
def _http_error(error: HttpError) -> Problem:
    return Problem(error.status_code, code_of(error.status_code))


@_handler(Http404)
def _not_found(error: Http404) -> Problem:
    return Problem(404)


@_handler(snapshot_state_changes.ApprovalError)
def _approval(error: snapshot_state_changes.ApprovalError) -> Problem:
    status, code = next(found for kind, found in _APPROVAL.items() if isinstance(error, kind))
    # A snapshot that was found changed stays invalidated.
    return Problem(
        status, code, str(error), keeps_changes=isinstance(error, snapshot_state_changes.SnapshotChanged)
    )


_APPROVAL: dict[type[Exception], tuple[int, str]] = {
    snapshot_state_changes.NotPermitted: (403, "permission_missing"),
    snapshot_state_changes.PreflightFailed: (422, "preflight_failed"),
    snapshot_state_changes.OutsideWindow: (422, "outside_window"),
    snapshot_state_changes.SnapshotChanged: (409, "snapshot_changed"),
    snapshot_state_changes.ApprovalError: (409, "wrong_state"),
}


@_handler(ControlError)
def _control(error: ControlError) -> Problem:
    return Problem(409, error.code, str(error))


@_handler(resumable_jobs.WrongState)
def _wrong_state(error: resumable_jobs.WrongState) -> Problem:
    return Problem(409, "wrong_state", str(error))


@_handler(InvalidRule)
def _invalid_rule(error: InvalidRule) -> Problem:
    return Problem(
        422,
        "invalid",
        "The rule cannot be evaluated.",
        errors=[{"pointer": "/rule", "code": "invalid_rule", "detail": str(error)}],
    )
