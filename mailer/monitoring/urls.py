"""URLs of probes and metrics, and the middleware that answers them.

They are asked for by machines that know this one by its IP address, so the check of the Host header does not
apply to them; and neither session nor database are touched before their own code.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import path

from mailer.monitoring import metrics, probes

urlpatterns = [
    path("healthz", probes.alive, name="health"),
    path("readyz", probes.ready, name="ready"),
    path("metrics", metrics.metrics_page, name="metrics"),
]
_VIEWS: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    f"/{one.pattern}": one.callback for one in urlpatterns
}


class MonitoringMiddleware:
    """Answers these URLs before any middleware that checks the Host header or reads the database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return _VIEWS.get(request.path_info, self.get_response)(request)
