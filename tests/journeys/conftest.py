"""The whole machine: the demo as a newcomer starts it, with processes of its own, and a browser."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from mailer.demo.folder import free_port
from mailer.demo.mail_catcher import Catcher, Rules
from tests import programs
from tests.conftest import CHROMIUM_ARGUMENTS
from tests.waiting import SAFETY_SECONDS, until

EDITION = "silk-road-monthly-2021-12"
# The journeys run the command as a person does: without this process's own configuration.
# The demo's own walk takes a minute of processor time; the staff walk covers its pages. WALK=en,demo adds it.
collect_ignore = [] if "demo" in os.environ.get("WALK", "").split(",") else ["test_demo_story.py"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MAILER_")}


@dataclass
class Demo:
    """A running demo."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes]
    database: str = "demo.db"

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `mailer` with the demo's configuration."""
        command = [sys.executable, "-m", "mailer", "--config", str(self.folder / "config.toml"), *words]
        return programs.run(
            command,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            timeout=SAFETY_SECONDS,
        )

    def edition(self, act: str, *words: str) -> str:
        """Run `mailer edition ACT` on the demo's edition, which must succeed; returns what it printed."""
        done = self.command("edition", act, EDITION, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def until_drafted(self) -> None:
        until(lambda: self.rows("SELECT 1 FROM mailer_edition"), interval=0.1)

    def submit(self) -> None:
        self.until_drafted()
        self.edition("submit", "--as", "writer")

    def approve(self) -> None:
        sha256 = json.loads(self.edition("show", "--json"))["hash"]
        self.edition("approve", "--as", "approver", "--hash", sha256)

    def schedule(self) -> None:
        self.edition("schedule", "--as", "approver")

    def report(self) -> dict[str, Any]:
        return dict(json.loads(self.edition("report", "--json")))

    def until_sent(self) -> dict[str, Any]:
        """The report, once everybody was mailed."""
        until(lambda: self.rows("SELECT 1 FROM mailer_mailing WHERE state = 'done'"), interval=0.1)
        report = self.report()
        assert report["state"] == "sent"
        return report

    def until_bounced(self) -> None:
        """Everybody was mailed, and the one mail came back that was to come back."""
        until(lambda: self.rows("SELECT 1 FROM mailer_delivery WHERE bounced_at IS NOT NULL"), interval=0.1)
        assert self.until_sent()["bounced"] == 1

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database answers, read beside the running processes."""
        with closing(
            sqlite3.connect(f"file:{self.folder / self.database}?mode=ro", uri=True, timeout=60)
        ) as database:
            return database.execute(query).fetchall()

    def deliveries(self) -> dict[str, int]:
        """How many deliveries are in each state."""
        return dict(self.rows("SELECT state, count(*) FROM mailer_delivery GROUP BY state"))

    def children(self, part: str) -> list[int]:
        """Process ids of the demo's children whose command line ends with `part`."""
        listing = subprocess.run(
            ["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
        ).stdout
        rows = [line.split(None, 2) for line in listing.splitlines()[1:]]
        own = str(self.process.pid)
        return [int(pid) for pid, parent, words in rows if parent == own and words.endswith(part)]


class _Stay(urllib.request.HTTPRedirectHandler):
    """Where a page leads on is told, and nobody goes there: it may be outside."""

    def redirect_request(self, *arguments: object) -> None:
        return None


OPENER = urllib.request.build_opener(_Stay)


def status(request: urllib.request.Request | str) -> int:
    """The status of the answer; 0 when there is none."""
    try:
        with OPENER.open(request, timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def answers(url: str) -> bool:
    """Whether there is a page, or where to go instead."""
    return status(url) in (200, 302)


@pytest.fixture
def demo(tmp_path: Path, django_db_setup: None, sqlite_template: Path) -> Iterator[Demo]:
    with started(tmp_path, sqlite_template) as running:
        yield running


@pytest.fixture(scope="package")
def shared_demo(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, sqlite_template: Path
) -> Iterator[Demo]:
    """One for the tests that leave the sample's subscribers as they are, each with readers of its own."""
    with started(tmp_path_factory.mktemp("shared"), sqlite_template) as running:
        yield running


@contextmanager
def started(place: Path, template: Path) -> Iterator[Demo]:
    """A demo, from its start to its end; its tables, which take longest to make, are copied."""
    port = free_port()
    folder = _folder(place / "demo", template, "demo.db")
    command = ["demo", "--folder", str(folder), "--port", str(port)]
    process = _process(place, command)
    page = f"http://127.0.0.1:{port}/demo/"
    with _until_stopped(place, Demo(folder, f"http://127.0.0.1:{port}", process)) as running:
        until(lambda: page in (place / "log").read_text("utf-8"), interval=0.1)
        yield running


def _folder(folder: Path, template: Path, database: str) -> Path:
    """A new folder with a database in which nothing is."""
    folder.mkdir()
    shutil.copyfile(template, folder / database)
    # The keys with which its tables were made.
    shutil.copyfile(Path(__file__).parents[1] / "keys.toml", folder / "keys.toml")
    return folder


def _process(place: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    with (place / "log").open("wb") as log:
        command = [sys.executable, "-m", "mailer", *arguments]
        return subprocess.Popen(command, env=ENVIRONMENT, stdout=log, stderr=log)


@contextmanager
def _until_stopped(place: Path, running: Demo) -> Iterator[Demo]:
    """The processes, from the first page that they answer to their end."""
    process = running.process
    try:
        until(lambda: answers(f"{running.url}/healthz") or process.poll() is not None, interval=0.1)
        assert process.poll() is None, (place / "log").read_text(encoding="utf-8")
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


# Nothing is sent outside: the relay is the demo's mail catcher, in this process.
_INSTALLATION = """
[site]
url = "http://127.0.0.1:{port}"
name = "{name}"
email = "newsletter@office.example.org"
timezone = "Asia/Almaty"
languages = ["en", "ru", "kk"]
[database]
url = "sqlite:///mailer.db"
[storage]
path = "data"
[smtp]
host = "127.0.0.1"
port = {relay}
connections = 1
[bounces]
domain = "bounces.example.org"
maildir = "bounces"
[sending]
# Slow enough to watch, and long enough to press "Undo".
rate_per_second = 1
undo_seconds = 8
[accounts]
require_second_factor = false
[web]
port = {port}
"""


@contextmanager
def installed(place: Path, template: Path, name: str, *, more: str = "") -> Iterator[Demo]:
    """A new installation of the office `name`, in which nothing is yet, not even an account.

    `more`: further sections of its configuration.
    """
    port, relay = free_port(), free_port()
    folder = _folder(place / "office", template, "mailer.db")
    config = folder / "config.toml"
    config.write_text(_INSTALLATION.format(port=port, relay=relay, name=name) + more, encoding="utf-8")
    config.chmod(0o600)
    catcher = Catcher(folder / "mail", folder / "bounces", relay, Rules())
    catcher.start()
    try:
        process = _process(place, ["--config", str(config), "run"])
        office = Demo(folder, f"http://127.0.0.1:{port}", process, "mailer.db")
        with _until_stopped(place, office) as running:
            yield running
    finally:
        catcher.stop()


SAFETY_MILLISECONDS = SAFETY_SECONDS * 1000
expect.set_options(timeout=SAFETY_MILLISECONDS)


# Not for the session: while it is open, its event loop runs in this thread, and other tests have their own.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield opened
        opened.close()
    until(requests_are_answered)


def requests_are_answered() -> bool:
    """Whether the live server does nothing any more for a browser that is closed.

    Its threads use the tests' connection to the database, beside the tests that follow.
    """
    return not any("process_request_thread" in thread.name for thread in threading.enumerate())


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(SAFETY_MILLISECONDS)
    yield context.new_page()
    context.close()
