from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler

import pytest

from tests.loopback import Quiet, serving

NOW = datetime(2021, 12, 3, 3, 0, tzinfo=UTC)


@dataclass
class Answer:
    body: bytes = b""
    content_type: str = "application/rss+xml"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    # The server hangs up once this is set, or after so many seconds.
    hangs: threading.Event | None = None
    seconds: float = 60


class Site:
    """A web server of our own on the loopback interface; it answers as the test says."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        # Likewise, whatever the query.
        self.by_path: dict[str, Answer] = {}
        # (path, Host header) of every request.
        self.asked: list[tuple[str, str]] = []
        # Their headers.
        self.headers: list[Message] = []
        site = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.path, self.headers["Host"]))
                site.headers.append(self.headers)
                found = site.by_path.get(self.path.partition("?")[0], Answer(status=404))
                answer = site.answers.get(self.path, found)
                if answer.hangs:
                    answer.hangs.wait(answer.seconds)
                    return
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):  # a client that has read enough hangs up
                    self.wfile.write(answer.body)

        self.handler = Handler
        self.port = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def site() -> Iterator[Site]:
    running = Site()
    with serving(running.handler) as running.port:
        yield running
