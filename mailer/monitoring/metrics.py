"""The metrics page for Prometheus: `/metrics`.

Every value is read from the database when the page is asked for, so that each web process answers for all
processes on all machines. No label holds an address, and the number of values has a limit. Queries use
indexes and stop counting at COUNT_LIMIT, so that the page is fast however large the tables are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import metadata
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from subscribers.client_address import is_from_this_machine

if TYPE_CHECKING:
    from prometheus_client import Metric

Section = Callable[[datetime], "Iterator[Metric]"]


@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """`/metrics`, in the format that the client accepts; 401 or 403 to others, 503 without the database."""
    token = settings.CONFIG.metrics.token
    if token and not _has_token(request, token):
        return HttpResponse(status=401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
    if not token and not is_from_this_machine(request.META):
        return HttpResponse("Set a token in [metrics] to read this from elsewhere.\n", "text/plain", 403)
    # Only for a request: the library takes a tenth of a second to load.
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(timezone.now()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    try:
        content = encode(registry)
    except DatabaseError:
        return HttpResponse("The database does not answer.\n", "text/plain", 503)
    return HttpResponse(content, content_type, headers={"Cache-Control": "no-store"})


def _has_token(request: HttpRequest, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(given.strip(), token)


class _Collector:
    """What prometheus_client asks for the values."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        # They load prometheus_client.
        from prometheus_client.core import GaugeMetricFamily

        from mailer.monitoring import sending_metrics, worker_metrics

        version = metadata.version("newsletter-mailer")
        info = GaugeMetricFamily("mailer_build_info", "The release; the value is 1.", labels=["version"])
        info.add_metric([version], 1)
        yield info
        sections: tuple[Section, ...] = (*worker_metrics.SECTIONS, *sending_metrics.SECTIONS)
        for section in sections:
            yield from section(self._now)
