"""Middleware: answers health checks and metrics before all else."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from mailer.monitoring.urls import urlpatterns

_VIEWS: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    f"/{one.pattern}": one.callback for one in urlpatterns
}


class MonitoringMiddleware:
    """Answers these URLs before any middleware that checks the Host header or reads the database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return _VIEWS.get(request.path_info, self.get_response)(request)
