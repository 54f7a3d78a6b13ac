"""Middleware: gives each request an id, and answers health checks and metrics before all else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse

from mailer.config import log_context
from mailer.monitoring.urls import urlpatterns
from subscribers.client_address import is_trusted_proxy

HEADER = "X-Request-ID"
# UUIDs, and what nginx calls $request_id. Nothing else of what a client may have written gets into a log.
_WELL_FORMED = re.compile(r"[0-9A-Fa-f-]{16,36}")
_VIEWS: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    f"/{one.pattern}": one.callback for one in urlpatterns
}


class RequestIdMiddleware:
    """Takes the id that a configured proxy sends, or makes one; it is in the log lines of the request and in
    the X-Request-ID of its response.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        # After the last part of the body, which may be made as it is sent.
        request_finished.connect(_end, dispatch_uid="mailer.monitoring.middleware")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        value = _id_of(request)
        log_context.begin_request(value)
        response = self.get_response(request)
        response[HEADER] = value
        return response


def _id_of(request: HttpRequest) -> str:
    sent = request.headers.get(HEADER, "")
    if _WELL_FORMED.fullmatch(sent) and is_trusted_proxy(request.META.get("REMOTE_ADDR", "")):
        return sent
    return log_context.new_id()


def _end(**_: Any) -> None:
    log_context.end_request()


class MonitoringMiddleware:
    """Answers these URLs before any middleware that checks the Host header or reads the database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return _VIEWS.get(request.path_info, self.get_response)(request)
