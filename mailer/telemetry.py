"""Traces by OpenTelemetry: spans of web requests, jobs and batches of deliveries, sent by OTLP over HTTP.

Nothing of OpenTelemetry is loaded unless [tracing] names an endpoint. Spans hold names, ids and counts: no
path, which may hold a token, and no text of an exception, which may hold an address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from mailer.config import ConfigError

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

# Only where tracing was started.
_tracer: Tracer | None = None


def start_tracing(endpoint: str, role: str) -> None:
    """Send spans of this process to an OTLP endpoint, such as "http://127.0.0.1:4318"; empty: none.

    `role`: web or worker. Raises ConfigError where the extra is not installed.
    """
    global _tracer
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError(
            "[tracing] endpoint needs a library: pip install 'newsletter-mailer[opentelemetry]'."
        ) from error
    provider = TracerProvider(
        resource=Resource.create({"service.name": "newsletter-mailer", "service.role": role})
    )
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("mailer")


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[Span | None]:
    """A span around what happens inside, None without tracing; an exception marks it as failed, by its class
    alone.
    """
    if _tracer is None:
        yield None
        return
    from opentelemetry.trace import StatusCode

    with _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(StatusCode.ERROR)
            raise


class TracingMiddleware:
    """A span for each request, named by its method and route."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        method = str(request.method)
        with span(method) as current:
            response = self.get_response(request)
            if current is not None:
                # Known only now. The pattern, such as "/preferences/<token>/": never the path.
                match = request.resolver_match
                route = f"/{match.route.removeprefix('^')}" if match else ""
                current.update_name(f"{method} {route}".rstrip())
                current.set_attribute("http.request.method", method)
                current.set_attribute("http.route", route)
                current.set_attribute("http.response.status_code", response.status_code)
            return response
