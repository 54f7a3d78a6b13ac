"""The OpenAPI 3.1 document, with what the library that writes it does not know: errors, headers, scopes."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from mailer.api.access import Needs
from mailer.api.application import api
from mailer.api.problems import MEDIA_TYPE

_PREFIX = "api/v1/"
_DESCRIPTION = """\
What staff do in the desk, for programs. Send a key, made in the desk under Settings › API keys, as \
`Authorization: Bearer mailer_key_…`. A key may do what its scopes name, as far as its account may do it; \
what it changes counts as its account's work. No key approves an edition.

Errors are problem details (RFC 9457) with a stable `code`. Pages are cut by opaque cursors. Requests that \
change something may carry an `Idempotency-Key`: repeated within 24 hours, they get the same answer and \
change nothing more.
"""
_ERRORS = {
    400: "The request cannot be read.",
    401: "There is no valid key.",
    403: "The key lacks the scope, or its account the permission.",
    404: "There is no such object.",
    409: "The state of the object does not allow it.",
    412: "Another version was saved meanwhile.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "A value is not accepted.",
    429: "The key has made its requests of this minute.",
    503: "The server cannot store it now.",
}
_UNSAFE = ("post", "put", "patch", "delete")
_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "The same request with the same key changes nothing more and gets the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[A-Za-z0-9_.:-]+$"},
    "example": "6f7f0c9e-2f6d-4a0e-9f5b-0c8f2d0d7c11",
}
_PROBLEM = {
    "title": "Problem",
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:newsletter-mailer:problem:wrong_state"]},
        "title": {"type": "string", "examples": ["Conflict"]},
        "status": {"type": "integer", "examples": [409]},
        "code": {"type": "string", "description": "For programs.", "examples": ["wrong_state"]},
        "detail": {"type": "string", "description": "For people."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body."},
                    "parameter": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


@require_safe
def openapi_document(request: HttpRequest) -> HttpResponse:
    """The document; it needs no key."""
    return HttpResponse(_text(), content_type="application/json")


@cache
def _text() -> str:
    return json.dumps(document(), ensure_ascii=False)


def document() -> dict[str, Any]:
    """The OpenAPI document as plain data."""
    made: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix=_PREFIX)))
    made["info"]["description"] = _DESCRIPTION
    made["servers"] = [{"url": "/"}]
    components = made["components"]
    components["schemas"]["Problem"] = _PROBLEM
    components["responses"] = {
        str(status): {
            "description": text,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, text in _ERRORS.items()
    }
    _close(components["schemas"])
    needs = _needs()
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            _complete(operation, path, method, needs[operation["operationId"]])
    return made


def _close(schema: Any) -> None:
    """Forbid names that match no pattern, as the validation does."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema["additionalProperties"] = False
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter, which a URL can leave out but not set to null."""
    kept = {name: value for name, value in schema.items() if name not in ("anyOf", "default", "title")}
    for part in schema.get("anyOf", ()):
        kept |= _without_null(part) if part.get("type") != "null" else {}
    return kept | ({"default": schema["default"]} if schema.get("default") is not None else {})


def _needs() -> dict[str, Needs]:
    """The authentication of each operation, by its id."""
    return {
        api.get_openapi_operation_id(operation): cast(Needs, operation.auth_callbacks[0])
        for router in api._get_bound_routers()
        for view in router.path_operations.values()
        for operation in view.operations
    }


def _complete(operation: dict[str, Any], path: str, method: str, needs: Needs) -> None:
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
        if "description" in parameter["schema"]:
            parameter["description"] = parameter["schema"].pop("description")
        if examples := parameter["schema"].pop("examples", parameter.pop("examples", None)):
            parameter["example"] = examples[0]
    unsafe, body = method in _UNSAFE, "requestBody" in operation
    statuses = [400, 401, 403, 422, 429]
    statuses += [404] if "{" in path or path.endswith("/find") else []
    statuses += [409] if unsafe or path.endswith(("/preview", "/columns")) else []
    statuses += [413, 415] if body else []
    statuses += [412] if method == "patch" and "/stories/" in path else []
    statuses += [503] if method == "post" and path.endswith("/imports") else []
    for status in sorted(statuses):
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
    if unsafe:
        operation["parameters"] = [*operation.get("parameters", []), _IDEMPOTENCY_KEY]
    if 412 in statuses:
        match = {"in": "header", "name": "If-Match", "required": False, "schema": {"type": "string"}}
        operation["parameters"].append({**match, "example": '"17"'})
    if needs.scope:
        operation["x-required-scope"] = needs.scope
        operation["description"] = f"{operation.get('description', '')}\n\nScope: `{needs.scope}`.".strip()
    operation["summary"] = operation.get("description", "").split(".")[0].split("\n")[0]
