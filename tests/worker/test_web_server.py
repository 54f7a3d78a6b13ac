"""The running web process: clicks of its last second are not lost, and bodies have limits."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from waitress import wasyncore

from mailer.bench.clicks import serving
from mailer.bench.databases import open_database
from mailer.bench.send import run_measured, write_config
from mailer.config import ConfigError
from mailer.config.sections import Web
from mailer.desk.editions import translation_table_and_files
from mailer.feedback.webhooks.views import MAX_BODY_OCTETS
from mailer.stories.sources import word_documents
from mailer.worker import web_server
from mailer.worker.web_server import limited_server, max_body_bytes
from subscribers.client_address import address_from, distrust_others
from subscribers.imports.uploads_and_staging import MAX_UPLOAD_BYTES


@pytest.mark.journey
def test_clicks_of_the_last_second_are_written_in_spite_of_repeated_signals(
    tmp_path: Path, django_db_setup: None, sqlite_template: Path
) -> None:
    write_config(tmp_path)
    # The tables, and the keys with which they were made.
    shutil.copyfile(sqlite_template, tmp_path / "origin.sqlite3")
    shutil.copyfile(Path(__file__).parents[1] / "keys.toml", tmp_path / "keys.toml")
    with open_database("sqlite", tmp_path) as database:
        run_measured(tmp_path, database.origin, "prepare", 3, 200)
        run_measured(tmp_path, database.origin, "plan")
        with serving(tmp_path, database.origin) as (port, process):
            assert run_measured(tmp_path, database.origin, "follow", port, 40, 4)["done"] == 40
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
                os.kill(process, number)
        with closing(sqlite3.connect(database.origin.removeprefix("sqlite:///"))) as written:
            assert written.execute("SELECT count(*) FROM mailer_trackingevent").fetchone() == (40,)


@pytest.fixture
def server() -> Iterator[Any]:
    """A server with our limits, for an application that tells how many bytes it was given."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        size = len(environ["wsgi.input"].read())
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(size).encode()]

    with running(application) as one:
        yield one


@contextmanager
def running(application: Any) -> Iterator[Any]:
    one = limited_server(application, host="127.0.0.1", port=0, threads=1)
    thread = threading.Thread(target=one.run)
    thread.start()
    sockets: dict[int, Any] = {}

    def end() -> None:
        # The loop ends when it has no sockets. They are closed later: the thread that answered, and the one
        # that calls this, may still write to the trigger.
        sockets.update(one._map)
        one._map.clear()

    try:
        yield one
    finally:
        one.trigger.pull_trigger(end)
        thread.join(60)
        one.task_dispatcher.shutdown(timeout=60)
        wasyncore.close_all(sockets)


def ask(server: Any, path: str, headers: str, body: bytes = b"") -> bytes:
    """The status line of the answer."""
    with socket.create_connection(("127.0.0.1", server.effective_port), 60) as line:
        line.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n".encode() + body)
        return line.recv(4096).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/unsubscribe/token/", 100_000),
        ("/", 100_000),
        ("/hooks/mailgun/", 5 << 20),
        ("/desk/login/", 5 << 20),
        ("/desk/images/add/", 12 << 20),
        ("/desk/imports/new/", 300 << 20),
    ],
)
def test_a_body_that_is_too_large_for_its_path_is_refused_unread(server: Any, path: str, size: int) -> None:
    # No octet of the body is sent.
    assert b" 413 " in ask(server, path, f"Content-Length: {size}")


def test_a_chunked_body_has_the_same_limit(server: Any) -> None:
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    assert b" 413 " in ask(server, "/preferences/token/", "Transfer-Encoding: chunked", chunk * 2)


def test_what_is_allowed_arrives(server: Any) -> None:
    assert b" 200 " in ask(server, "/", "Content-Length: 60000", b"x" * 60_000)
    assert b" 200 " in ask(server, "/desk/images/add/", "Content-Length: 200000", b"x" * 200_000)
    assert max_body_bytes("/hooks/mailgun") == MAX_BODY_OCTETS


def test_files_of_the_sizes_that_the_pages_name_arrive() -> None:
    sizes = {
        reverse("desk_word_upload"): word_documents.MAX_BYTES,
        reverse("desk_edition:translation_import", args=[1]): translation_table_and_files._MAX_UPLOAD,
        reverse("desk_glossary", args=[1]): 2_000_000,
        reverse("desk_imports:add"): MAX_UPLOAD_BYTES,
        reverse("wagtailimages:add"): settings.WAGTAILIMAGES_MAX_UPLOAD_SIZE,
    }
    # The other fields of the form are around the file.
    assert [path for path, size in sizes.items() if max_body_bytes(path) < size + 10_000] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid"])
def test_a_place_where_it_cannot_listen_is_a_mistake_of_the_configuration(
    host: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it starts before in a process of its own.
    for name in ("limit_own_malloc_arenas", "start_trimming"):
        monkeypatch.setattr(web_server, name, lambda: None)
    monkeypatch.setattr(web_server.event_buffer, "start", lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as other:
        web = Web(host=host, port=other.getsockname()[1])
        settings.CONFIG = dataclasses.replace(settings.CONFIG, web=web)
        with pytest.raises(ConfigError) as error:
            web_server.serve()
    assert f"{host}:{web.port}" in str(error.value)


def test_what_a_proxy_says_reaches_the_application() -> None:
    seen: list[dict[str, Any]] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ)
        start_response("204 No Content", [])
        return []

    with running(distrust_others(application)) as server:
        ask(server, "/", "Content-Length: 0\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https")
    assert address_from(seen[0]) == "203.0.113.9"
    assert seen[0]["HTTP_X_FORWARDED_PROTO"] == "https"


GUNICORN = """
import contextlib, sys, types
# Without a database, which the checks at start need, and with which most pages begin.
class Startup(types.ModuleType):
    def __getattr__(self, name):
        return lambda *_: None
sys.modules["mailer.worker.process_startup"] = Startup("startup")
from mailer.wsgi import application
environ = {"REMOTE_ADDR": "203.0.113.9", "HTTP_X_FORWARDED_PROTO": "https"}
with contextlib.suppress(Exception):
    application(environ, None)
sys.exit("HTTP_X_FORWARDED_PROTO" in environ)
"""


def test_gunicorn_gets_an_application_that_believes_proxies_only() -> None:
    assert subprocess.run([sys.executable, "-c", GUNICORN], check=False).returncode == 0


def test_only_a_proxy_says_how_a_request_came(settings: Any) -> None:
    seen: list[dict[str, Any]] = []
    application = distrust_others(lambda environ, _: seen.append(environ) or [])  # type: ignore[func-returns-value]
    for peer in ("127.0.0.1", "203.0.113.9", ""):
        application({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_PROTO": "https"}, None)
    assert ["HTTP_X_FORWARDED_PROTO" in environ for environ in seen] == [True, False, False]
