"""What every request of the API passes: the key, its limit, the body's size and type, idempotency, errors.

It stands before sessions and cookies, which the API does not use: a browser's session opens nothing here, so
no other site can make a browser change anything (CSRF). It loads neither the API's schemas nor its library.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone, translation
from wagtail.log_actions import LogContext

from mailer.accounts import api_keys, stored_secrets
from mailer.accounts.models import ApiKey, IdempotentRequest
from mailer.api.problems import MEDIA_TYPE, Problem, error_response_as_problem
from mailer.approval.acting_user_of_account_changes import acting_as
from subscribers import rate_limit
from subscribers.rate_limit import Allowance, Limit

Handler = Callable[[HttpRequest], HttpResponse]

PATH = "/api/"
# Anyone may read what the API can do.
OPENAPI_PATH = "/api/v1/openapi.json"
_SAFE = ("GET", "HEAD", "OPTIONS")
_WITH_BODY = ("POST", "PUT", "PATCH")
# The scheme of the Authorization header (RFC 6750).
_SCHEME = "bearer"
_PERIOD = timedelta(minutes=1)
# Characters of an Idempotency-Key.
_MAX_IDEMPOTENCY_KEY = 255
# Headers of an answer that are kept with it.
_KEPT_HEADERS = ("Content-Type", "Location", "ETag")


class ApiMiddleware:
    """Answers requests below /api/ for the key that they carry; all others pass."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(PATH):
            return self._get_response(request)
        request.META.pop("HTTP_COOKIE", None)
        # Programs read English, whatever language the thread spoke before.
        with translation.override("en"):
            try:
                response = self._answer(request, timezone.now())
            except Problem as problem:
                response = problem.response()
        if response.status_code >= 400 and response.get("Content-Type") != MEDIA_TYPE:
            response = error_response_as_problem(response)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def _answer(self, request: HttpRequest, now: datetime) -> HttpResponse:
        if request.path == OPENAPI_PATH:
            return self._get_response(request)
        key = _authenticate(request, now)
        allowance = _take(key, now)
        try:
            response = self._answer_for(key, request, now)
        except Problem as problem:
            response = problem.response()
        _add_limit_headers(response, allowance)
        return response

    def _answer_for(self, key: ApiKey, request: HttpRequest, now: datetime) -> HttpResponse:
        _check_body(request)
        request.api_key = key  # type: ignore[attr-defined]  # see access.ApiRequest
        api_keys.note_use(key, now)
        with LogContext(user=key.user), acting_as(key.user), api_keys.naming_key_in_audit_log(key):
            if request.method in _SAFE:
                return self._get_response(request)
            return self._change(key, request, now)

    def _change(self, key: ApiKey, request: HttpRequest, now: datetime) -> HttpResponse:
        """The answer to a request that may change something: all of it happens, or nothing."""
        kept = _idempotent_request(key, request, now)
        try:
            with transaction.atomic():
                if kept is not None:
                    # Of two equal requests at once, the second waits here for the first.
                    kept.save(force_insert=True)
                response = self._get_response(request)
                if response.status_code < 400:
                    _keep(kept, response)
                elif not getattr(response, "keeps_changes", False):
                    transaction.set_rollback(True)
                elif kept is not None:
                    kept.delete()
        except IntegrityError:
            # Of the row above: an error of the view is an answer by now.
            if kept is None:
                raise
            return _repeat(kept)
        return response


def _authenticate(request: HttpRequest, now: datetime) -> ApiKey:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    try:
        if scheme.lower() != _SCHEME:
            raise api_keys.InvalidKey
        return api_keys.authenticate(text.strip(), now)
    except api_keys.InvalidKey as error:
        raise Problem(
            401,
            detail="Send a valid API key as “Authorization: Bearer mailer_key_…”. Keys are made in the desk.",
            headers={"WWW-Authenticate": 'Bearer realm="api"'},
        ) from error


def _take(key: ApiKey, now: datetime) -> Allowance:
    limit = Limit(f"api key {key.pk}", settings.CONFIG.api.requests_per_minute, _PERIOD)
    allowance = rate_limit.count_hit(limit, now)
    if not allowance.allowed:
        problem = Problem(429, detail="This key has made its requests of this minute.")
        problem.headers["Retry-After"] = str(allowance.resets_in)
        problem.headers.update(_limit_headers(allowance))
        raise problem
    return allowance


def _limit_headers(allowance: Allowance) -> dict[str, str]:
    """The header fields of draft-ietf-httpapi-ratelimit-headers."""
    quota, seconds = settings.CONFIG.api.requests_per_minute, int(_PERIOD.total_seconds())
    return {
        "RateLimit-Policy": f'"key";q={quota};w={seconds}',
        "RateLimit": f'"key";r={allowance.remaining};t={allowance.resets_in}',
    }


def _add_limit_headers(response: HttpResponseBase, allowance: Allowance) -> None:
    for name, value in _limit_headers(allowance).items():
        response[name] = value


def _check_body(request: HttpRequest) -> None:
    length = request.META.get("CONTENT_LENGTH") or "0"
    size = int(length) if length.isascii() and length.isdigit() else 0
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if size > most:
        raise Problem(413, detail=f"A request has at most {most:,} bytes.")
    if size and request.method in _WITH_BODY and request.content_type != "application/json":
        raise Problem(
            415, detail="Send the body as application/json.", headers={"Accept": "application/json"}
        )


def _idempotent_request(key: ApiKey, request: HttpRequest, now: datetime) -> IdempotentRequest | None:
    """The row of a request with an Idempotency-Key, not saved yet; None without one.

    Answers that are too old are deleted.
    """
    text = request.headers.get("Idempotency-Key")
    if text is None:
        return None
    if not 0 < len(text) <= _MAX_IDEMPOTENCY_KEY or not text.isprintable():
        raise Problem(
            400,
            "idempotency_key_invalid",
            f"An Idempotency-Key has 1 to {_MAX_IDEMPOTENCY_KEY} printable characters.",
        )
    api_keys.delete_old_idempotent_responses(now)
    parts = [str(request.method), request.get_full_path(), hashlib.sha256(request.body).hexdigest()]
    return IdempotentRequest(
        key=key,
        digest=hashlib.sha256(text.encode()).digest(),
        fingerprint=hashlib.sha256("\n".join(parts).encode()).digest(),
        created_at=now,
    )


def _keep(kept: IdempotentRequest | None, response: HttpResponse) -> None:
    if kept is None:
        return
    headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
    answer = json.dumps([headers, response.content.decode()])
    kept.status, kept.answer = response.status_code, stored_secrets.encrypt(answer.encode())
    kept.save(update_fields=["status", "answer"])


def _repeat(request: IdempotentRequest) -> HttpResponse:
    """The answer that the same request got before."""
    found = IdempotentRequest.objects.filter(key=request.key_id, digest=request.digest).first()
    if found is None:
        raise Problem(409, "idempotency_key_in_use", "The same request is being answered; try again.")
    if bytes(found.fingerprint) != request.fingerprint:
        raise Problem(
            422, "idempotency_key_reused", "Another request was sent with this Idempotency-Key before."
        )
    headers, content = json.loads(stored_secrets.decrypt(bytes(found.answer)))
    response = HttpResponse(content, status=found.status)
    _set_headers(response, headers)
    return response


def _set_headers(response: HttpResponse, headers: dict[str, Any]) -> None:
    for name, value in headers.items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
