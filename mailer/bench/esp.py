"""Sending through ESPs' APIs, to a service of ours on loopback that answers as theirs do after a fixed time.

`python -m mailer.bench.esp PORT SERVICE` serves it until it is ended. A seeded share of the calls is answered
by 429 with Retry-After, which concerns the whole account. GET /stats returns what it counted.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from mailer.bench.databases import Sqlite
from mailer.bench.send import SIZE, Failed, run_measured, workspace
from mailer.bench.smtp_sinks_and_reference_senders import free_port
from mailer.delivery.esp.capabilities import CAPABILITIES

# Seconds before each answer.
LATENCY = 0.08
# Share of the calls answered by 429, the seed that chooses them, and the seconds of Retry-After.
SHARE_LIMITED, SEED, RETRY_AFTER = 0.01, 15, 1
CONNECTIONS = 5
# Octets of a call that the service reads at once.
_READ_BYTES = 1 << 18
# Calls of a run, at least.
_CALLS = 400


class Answers(NamedTuple):
    """How a service answers a call that it accepts."""

    # Occurs once in each message of a request's body; empty: a call has one message.
    mark: bytes
    # The status, and the body for a number of messages.
    status: str
    body: Callable[[int], Any]
    headers: str = ""


SERVICES = {
    "postmark": Answers(
        b'"MessageStream"',
        "200 OK",
        lambda n: [{"ErrorCode": 0, "Message": "OK", "MessageID": "b7bc2f4a"}] * n,
    ),
    "mailjet": Answers(
        b'"CustomID"',
        "200 OK",
        lambda n: {"Messages": [{"Status": "success", "To": [{"Email": "x", "MessageID": 456}]}] * n},
    ),
    "mailtrap": Answers(
        b'"custom_variables"',
        "200 OK",
        lambda n: {"success": True, "responses": [{"success": True, "message_ids": ["b7bc2f4a"]}] * n},
    ),
    "sendgrid": Answers(b"", "202 Accepted", lambda n: None, "X-Message-Id: b7bc2f4a\r\n"),
    "brevo": Answers(b"", "201 Created", lambda n: {"messageId": "<b7bc2f4a@smtp-relay.mailin.fr>"}),
}


def measure(services: tuple[str, ...] = tuple(SERVICES), messages: int = 0) -> Iterator[dict[str, Any]]:
    """A record for each service; `messages`: of each, 0: what makes enough calls. Raises Failed."""
    for name in services:
        batch = CAPABILITIES[name].batch_size
        yield _measured(name, messages or _CALLS * batch, batch)


def _measured(name: str, messages: int, batch: int) -> dict[str, Any]:
    with workspace() as folder, _running(name) as port:
        database = Sqlite(folder)
        run_measured(folder, database.origin, "prepare", messages, SIZE)
        run_measured(folder, database.origin, "plan")
        url = f"http://127.0.0.1:{port}/"
        service = {"name": name, "key": "key", "secret": "secret", "url": url, "connections": CONNECTIONS}
        ours = run_measured(folder, database.origin, "send", section="service", **service)
        with urllib.request.urlopen(f"{url}stats") as response:
            counted = json.load(response)
    if ours["done"] != messages or counted["messages"] != messages:
        raise Failed(f"only {counted['messages']} of {messages} were accepted")
    allowed = messages / (-(-messages // batch) / CONNECTIONS * LATENCY + counted["limited_seconds"])
    rate = messages / ours["seconds"]
    return {
        "service": name,
        "batch": batch,
        "largest_batch": CAPABILITIES[name].max_batch_size,
        "connections": CONNECTIONS,
        "latency_ms": round(LATENCY * 1000),
        "messages": messages,
        "calls": counted["calls"],
        "calls_429": counted["limited"],
        "seconds_limited": round(counted["limited_seconds"], 1),
        "ours_per_s": round(rate),
        "allowed_per_s": round(allowed),
        "ratio": round(rate / allowed, 2),
        "cpu_us_per_message": round(ours["cpu_seconds"] / messages * 1e6),
        "peak_rss_mb": ours["peak_rss_mb"],
    }


@contextmanager
def _running(name: str) -> Iterator[int]:
    """The service in a process of its own; its port."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "mailer.bench.esp", str(port), name]) as process:
        try:
            for _ in range(400):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/stats").close()
                    break
                except OSError:
                    time.sleep(0.025)
            yield port
        finally:
            process.terminate()


class _Service:
    """Counts calls and messages, and decides which calls are limited."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self._random = random.Random(SEED)
        self._limited_until = 0.0
        self.counted: dict[str, float] = {"calls": 0, "limited": 0, "messages": 0, "limited_seconds": 0.0}

    def limits(self) -> bool:
        """Whether the call that has arrived gets 429."""
        now = time.monotonic()
        self.counted["calls"] += 1
        drawn = self._random.random() < SHARE_LIMITED
        if drawn and now >= self._limited_until:
            self._limited_until = now + RETRY_AFTER
            self.counted["limited_seconds"] += RETRY_AFTER
        limited = now < self._limited_until
        self.counted["limited"] += limited
        return limited

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one call after another on a connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0].strip() or 0)
                number = await self._count_messages(reader, length)
                writer.write(await self._answer(head, number))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _count_messages(self, reader: asyncio.StreamReader, length: int) -> int:
        """Read a body of this length; the number of its messages."""
        mark, number, tail = self.answers.mark, 0, b""
        while length > 0:
            data = await reader.read(min(length, _READ_BYTES))
            if not data:
                raise asyncio.IncompleteReadError(b"", length)
            length -= len(data)
            if mark:
                # A mark may be in two pieces.
                number += data.count(mark) + (tail + data[: len(mark) - 1]).count(mark)
                tail = data[1 - len(mark) :]
        return number if mark else 1

    async def _answer(self, head: bytes, number: int) -> bytes:
        if head.startswith(b"get /stats"):
            return _response("200 OK", self.counted)
        if self.limits():
            return _response("429 Too Many Requests", {"message": "later"}, f"Retry-After: {RETRY_AFTER}\r\n")
        await asyncio.sleep(LATENCY)
        answers = self.answers
        self.counted["messages"] += number
        return _response(answers.status, answers.body(number), answers.headers)


def _response(status: str, body: Any, headers: str = "") -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    fields = f"{headers}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return f"HTTP/1.1 {status}\r\n{fields}\r\n".encode() + content


async def _serve(port: int, name: str) -> None:
    service = _Service(SERVICES[name])
    async with await asyncio.start_server(service.talk, "127.0.0.1", port, limit=1 << 20) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
