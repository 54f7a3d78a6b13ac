"""A real HTTP server on loopback that accepts calls as an ESP documents them, and keeps every message."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

# In place of a response: after reading the request, the connection is closed, or stays open without one.
DROP, HANG = "DROP", "HANG"
# A response whose head or body comes octet by octet and never ends.
ENDLESS_HEAD = "HTTP/1.1 200 OK\r\nX: "
ENDLESS_BODY = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    status: int
    # Bytes are sent as they are, other than None as JSON.
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Mail:
    """What the recipient of the ESP's message would get."""

    to: str
    sender: str
    subject: str
    html: str
    text: str
    # Names in lower case.
    headers: dict[str, str]
    # What the ESP's webhooks would identify the delivery by.
    token: str
    reply_to: str = ""
    envelope_sender: str = ""


class Api:
    """The server. A context manager. `documented` reads calls and writes responses as its ESP does."""

    def __init__(self, documented: Any, script: Callable[[Call], Reply | str | None] | None = None) -> None:
        self.documented = documented
        # The response to a call; None: the usual one.
        self.script = script or (lambda call: None)
        self.calls: list[Call] = []
        # Ports of its clients' connections.
        self.ports: set[int] = set()
        self.taken: list[Mail] = []
        # Addresses that the ESP rejects.
        self.bad: set[str] = set()
        # Calls that were not as documented.
        self.wrong: list[str] = []
        # Seconds before a response.
        self.latency = 0.0
        # Calls that wait for their response, now and at most.
        self.open_now = self.most_open = 0
        self._lock = threading.Lock()
        self._free = threading.Event()
        self.port = 0

    def __enter__(self) -> Self:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                api._handle(self)

            do_GET = do_POST = handle_any  # noqa: N815

            def handle(self) -> None:
                # The caller may be killed in the middle of a call.
                with contextlib.suppress(ConnectionError):
                    super().handle()

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._free.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.documented.base}"

    def recipients(self) -> list[str]:
        return sorted(mail.to for mail in self.taken)

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(length)
        if len(body) < length:
            # The caller was killed while it sent the request.
            handler.close_connection = True
            return
        call = Call(handler.command, handler.path, headers, body)
        with self._lock:
            self.calls.append(call)
            self.ports.add(handler.client_address[1])
            self.open_now += 1
            self.most_open = max(self.most_open, self.open_now)
            reply = self.script(call)
            if reply is None:
                reply = self._usual(call)
        time.sleep(self.latency)
        with self._lock:
            self.open_now -= 1
        if isinstance(reply, str):
            handler.close_connection = True
            if reply == HANG:
                self._free.wait()
            if reply in (ENDLESS_HEAD, ENDLESS_BODY):
                handler.wfile.write(reply.encode())
                while not self._free.wait(0.05):
                    handler.wfile.write(b" ")
            return
        answer = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        answer = b"" if reply.body is None else answer
        handler.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    def _usual(self, call: Call) -> Reply:
        try:
            if call.method == "GET" or call.path.endswith(("/ping2.json", "/info.json")):
                return self.documented.checked(call)
            mails = self.documented.read(call)
        except Exception as error:  # noqa: BLE001  (the test checks it)
            self.wrong.append(f"{type(error).__name__}: {error}")
            return Reply(418)
        bad = {mail.to for mail in mails} & self.bad
        reply, taken = self.documented.answer(mails, bad)
        self.taken += taken
        return reply
