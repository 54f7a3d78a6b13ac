"""Spans reach a collector without paths and texts of errors; without an endpoint nothing is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.loopback import Quiet, serving

ROOT = Path(__file__).parents[2]


def run(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.monitoring.traced_process"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_nothing_is_loaded_without_an_endpoint() -> None:
    assert run() == "False False"


def test_spans_of_requests_jobs_and_batches_reach_the_collector() -> None:
    received: list[bytes] = []
    arrived = threading.Lock()

    class Collector(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with arrived:
                received.extend([body] if self.path == "/v1/traces" else [])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Collector) as port:
        # The process sends what is left when it ends.
        assert run(MAILER_TRACING__ENDPOINT=f"http://127.0.0.1:{port}") == "True True"
    assert not any(b"planted" in body for body in received)
    requests = map(ExportTraceServiceRequest.FromString, received)
    resources = [one for request in requests for one in request.resource_spans]
    spans = {one.name: one for resource in resources for scope in resource.scope_spans for one in scope.spans}
    assert {"job send mailings", "submit batch", "GET"} <= spans.keys()
    assert any(name.startswith("GET /unsubscribe/(?P<token>") for name in spans)
    job, batch = spans["job send mailings"], spans["submit batch"]
    assert batch.parent_span_id == job.span_id
    attributes = {one.key: one.value for one in batch.attributes}
    assert (attributes["mailing"].int_value, attributes["error.type"].string_value) == (7, "ValueError")
    # 2 is an error (opentelemetry.proto.trace.v1.Status).
    assert job.status.code == batch.status.code == 2 and job.status.message == ""
    statuses = {
        value.value.int_value
        for resource in resources
        for scope in resource.scope_spans
        for one in scope.spans
        for value in one.attributes
        if value.key == "http.response.status_code"
    }
    assert {200, 404} <= statuses
