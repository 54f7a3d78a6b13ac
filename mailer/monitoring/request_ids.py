"""Gives each request an id, which is in its log lines and in the X-Request-ID of its response."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse

from mailer.config import log_context
from subscribers.client_address import is_trusted_proxy

HEADER = "X-Request-ID"
# UUIDs, and what nginx calls $request_id. Nothing else of what a client may have written gets into a log.
_WELL_FORMED = re.compile(r"[0-9A-Fa-f-]{16,36}")


class RequestIdMiddleware:
    """Takes the id that a configured proxy sends, or makes one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        # After the last part of the body, which may be made as it is sent.
        request_finished.connect(_end, dispatch_uid="mailer.monitoring.request_ids")

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
