"""kill -9 of the web process while a service posts: what got its 200 is in the database, and read once."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from mailer.bench.smtp_sinks_and_reference_senders import free_port
from tests import programs
from tests.delivery.conftest import url  # noqa: F401  (a fixture)
from tests.feedback.webhooks.documented import SECRET, basic

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("django_db_setup")]
ROOT = Path(__file__).parents[3]
POSTS, CONNECTIONS, KILLS = 600, 8, 2
PATIENCE, BOUNCES = 300, 20
READ = """
from mailer.cli.main import start_django
start_django(None)
from django.utils import timezone
from mailer.feedback.webhooks.process_payloads import process_due
print(process_due(timezone.now(), lambda: False))
"""


class Web:
    """The web process, as `mailer run` starts it, against a database of its own."""

    def __init__(self, folder: Path, address: str) -> None:
        self.port = free_port()
        self._log = folder / "web.log"
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("MAILER_")}
        self._environment |= {
            "MAILER_CONFIG": "tests/config.toml",
            "DJANGO_SETTINGS_MODULE": "mailer.settings",
            "MAILER_STORAGE__PATH": str(folder / "data"),
            "MAILER_DATABASE__URL": address,
            "MAILER_WEB__PORT": str(self.port),
            "MAILER_SERVICE__NAME": "postmark",
            "MAILER_SERVICE__KEY": "k",
            "MAILER_SERVICE__WEBHOOK_SECRET": SECRET,
        }

    def start(self) -> None:
        command = [sys.executable, "-m", "mailer", "web"]
        with self._log.open("ab") as log:
            self._process = programs.Popen(command, cwd=ROOT, env=self._environment, stderr=log)

    def kill(self) -> None:
        self._process.kill()
        assert self._process.wait() == -signal.SIGKILL, self._log.read_text()

    def workers(self, count: int) -> list[int]:
        """So many that read at the same time; how many posts each of them read."""
        command = [sys.executable, "-c", READ]
        started = [
            programs.Popen(command, cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, text=True)
            for _ in range(count)
        ]
        return [int(one.communicate(timeout=2 * PATIENCE)[0]) for one in started]


def event(number: int) -> dict[str, object]:
    """Of a bounce now and then, of an arrival mostly; nobody's."""
    if number % BOUNCES:
        return {"RecordType": "Delivery", "number": number}
    about = {"RecordType": "Bounce", "Type": "SoftBounce", "ID": number + 1}
    return {**about, "Email": "somebody@example.net", "number": number}


class Service:
    """Posts numbered events over some connections, and remembers which of them got a 200."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = itertools.count()
        self._turn = threading.Lock()
        self.answered: list[int] = []
        # Begun, and never answered: nobody knows what became of them.
        self.unclear = 0

    def post_all(self) -> None:
        """What one connection does, and those that take its place when it breaks."""
        while (number := self._next()) < POSTS:
            line = self._connected()
            with closing(line):
                try:
                    while number < POSTS:
                        self._post(line, number)
                        number = self._next()
                except (OSError, http.client.HTTPException):
                    self.unclear += 1

    def _next(self) -> int:
        with self._turn:
            return next(self._numbers)

    def _post(self, line: http.client.HTTPConnection, number: int) -> None:
        headers = {"Authorization": basic("hooks", SECRET), "Content-Type": "application/json"}
        line.request("POST", "/hooks/postmark/", json.dumps(event(number)), headers)
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200
        self.answered.append(number)

    def _connected(self) -> http.client.HTTPConnection:
        """A connection, as soon as somebody listens."""
        limit = time.monotonic() + PATIENCE
        while True:
            line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            try:
                line.connect()
            except OSError:
                assert time.monotonic() < limit, "the web process does not answer"
                time.sleep(0.05)
            else:
                return line


@pytest.fixture
def web(tmp_path, url):  # noqa: F811
    process = Web(tmp_path, url)
    process.start()
    yield process
    process.kill()


def test_payloads_answered_with_200_survive_kill_9_and_are_processed_once(web, url) -> None:  # noqa: F811
    service, moments = Service(web.port), random.Random(7)
    with ThreadPoolExecutor(CONNECTIONS) as connections:
        talks = [connections.submit(service.post_all) for _ in range(CONNECTIONS)]
        for kill in range(1, KILLS + 1):
            until(lambda kill=kill: len(service.answered) > POSTS * kill // (KILLS + 1))
            time.sleep(moments.random() * 0.02)
            web.kill()
            web.start()
        for talk in talks:
            talk.result(PATIENCE)
    found = kept(url)
    assert service.unclear, "it was never killed in the middle of a post"
    assert service.unclear <= 2 * CONNECTIONS * KILLS
    assert len(service.answered) == POSTS - service.unclear
    assert set(service.answered) <= set(found)
    assert len(found) == len(set(found)) <= POSTS
    assert sum(web.workers(2)) == len(found)
    assert asked(url, "SELECT count(*) FROM mailer_webhookpayload") == [(0,)]
    bounces = asked(url, "SELECT source_key FROM mailer_feedbackevent")
    assert len(bounces) == len(set(bounces)) == sum(number % BOUNCES == 0 for number in found)


def until(reached) -> None:
    limit = time.monotonic() + 2 * PATIENCE
    while not reached():
        assert time.monotonic() < limit, "the posts do not come through"
        time.sleep(0.002)


def kept(address: str) -> list[int]:
    """The numbers of the posts in the database."""
    return [
        json.loads(bytes(body))["number"]
        for (body,) in asked(address, "SELECT body FROM mailer_webhookpayload")
    ]


def asked(address: str, query: str) -> list[tuple]:
    """What the database says, asked without our own code."""
    connect = (
        (lambda: sqlite3.connect(address.removeprefix("sqlite:///")))
        if address.startswith("sqlite")
        else (lambda: psycopg.connect(address))
    )
    with closing(connect()) as connection:
        return connection.execute(query).fetchall()
