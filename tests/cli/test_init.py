"""`mailer init`: a working installation from nothing; existing files are not overwritten."""

from __future__ import annotations

import errno
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from mailer import config
from mailer.cli import init_answers
from mailer.config import key_ring
from tests import programs
from tests.cli.conftest import ENVIRONMENT, Initialized
from tests.postgres import ROOT, Server
from tests.waiting import SAFETY_SECONDS, until

UNREACHABLE = "postgresql://office:correct-horse@127.0.0.1:1/office"


def mailer(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mailer", *arguments]
    return programs.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.journey
@pytest.mark.xdist_group("keys")
def test_init_creates_a_configuration_a_database_and_an_admin_once(initialized: Initialized) -> None:
    office = initialized.folder
    *checks, result = map(json.loads, initialized.done.stdout.splitlines())
    assert result["link"].startswith("http://127.0.0.1:8000/accounts/set-password/")
    # A relay that does not answer is reported, and no reason to end.
    assert {one["check"]: one["status"] for one in checks}["relay"] == "problem"
    assert {path.name for path in office.iterdir()} >= {"config.toml", "keys.toml", "mailer.db"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in office.iterdir())
    assert (office / "keys.toml").read_bytes() == initialized.keys_before
    assert not (office / ".config.toml.unfinished").exists()

    path = office / "config.toml"
    listed = mailer("--config", str(path), "edition", "list", "--json")
    assert (listed.returncode, listed.stdout) == (0, "")
    link = mailer("--config", str(path), "password-link", "admin")
    assert (link.returncode, link.stdout.count("/accounts/set-password/")) == (0, 1)
    before = path.read_bytes()
    again = mailer("init", str(office), "--yes")
    assert again.returncode == 1
    assert str(office / "mailer.db") in again.stderr
    assert path.read_bytes() == before


@pytest.mark.journey
@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_a_database_belongs_to_one_installation(tmp_path: Path, postgres: Server) -> None:
    # An earlier run was killed after it had migrated the database.
    office = tmp_path / "office"
    office.mkdir()
    (office / ".config.toml.unfinished").write_text("[site]", "ascii")
    shutil.copyfile(ROOT / "tests" / "keys.toml", office / "keys.toml")
    options = ("--database", postgres.database("unfinished"), "--no-check", "--json")
    done = mailer("init", str(office), *options)
    assert done.returncode == 0, done.stderr
    assert "/accounts/set-password/" in json.loads(done.stdout)["link"]
    # With other keys, its suppressed addresses would not be recognised.
    again = mailer("init", str(tmp_path / "other"), *options)
    assert again.returncode == 1
    assert "Traceback" not in again.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["office"]


def test_without_its_database_nothing_is_left(tmp_path: Path) -> None:
    office = tmp_path / "srv" / "office"
    done = mailer("init", str(office), "--yes", "--database", UNREACHABLE)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    # Also without rights: /proc takes no folder, whoever asks.
    for folder in (file / "office", Path("/proc/office")):
        done = mailer("init", str(folder), "--yes", "--no-check")
        assert done.returncode == 1 and str(folder) in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [file]


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mailer", "init", str(tmp_path / "office"), "--yes"]
    with subprocess.Popen(
        command, env=ENVIRONMENT, start_new_session=True, stderr=subprocess.PIPE
    ) as running:
        until(lambda: any(tmp_path.rglob("*")))
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(SAFETY_SECONDS) != 0
    assert list(tmp_path.iterdir()) == []


def test_keys_of_another_installation_are_not_used(tmp_path: Path) -> None:
    key_ring.create(tmp_path / "keys.toml", datetime.now(UTC))
    done = mailer("init", str(tmp_path), "--yes")
    assert (done.returncode, "keys.toml exists already" in done.stderr) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["keys.toml"]


class Terminal:
    """The other end of a program's terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.shown = ""

    def answer(self, question: str, text: str, *, hidden: bool = False) -> None:
        """Wait for the question, which must be the last thing shown, and type."""
        while question not in self.shown.rsplit("\n", 1)[-1]:
            ready, _, _ = select.select([self._descriptor], [], [], SAFETY_SECONDS)
            assert ready, self.shown
            self.shown += os.read(self._descriptor, 10_000).decode()
        self.shown += "\n"
        if hidden:
            # What is typed before the terminal stops showing it is thrown away.
            until(lambda: not termios.tcgetattr(self._descriptor)[3] & termios.ECHO)
        os.write(self._descriptor, text.encode())

    def press(self, key: str) -> bool:
        """Type a key, unless the program has ended; False, so that a loop goes on."""
        with suppress(OSError):
            os.write(self._descriptor, key.encode())
        return False

    def read_all(self) -> str:
        """Read until the program ends."""
        try:
            while True:
                ready, _, _ = select.select([self._descriptor], [], [], SAFETY_SECONDS)
                assert ready, self.shown
                found = os.read(self._descriptor, 10_000)
                if not found:
                    break
                self.shown += found.decode()
        except OSError as error:
            # How Linux says that the other end is closed.
            if error.errno != errno.EIO:
                raise
        return self.shown


@contextmanager
def in_a_terminal(*arguments: str) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    ours, theirs = pty.openpty()
    command = ["setsid", "--ctty", sys.executable, "-m", "mailer", *arguments]
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            yield Terminal(ours), process
        finally:
            process.kill()
            os.close(ours)


def test_in_a_terminal_it_asks_again_until_an_answer_can_be_used(tmp_path: Path) -> None:
    options = ("--database", UNREACHABLE, "--countries", "KZ,UZ", "--bounces", "bounces.example.org")
    with in_a_terminal("init", str(tmp_path / "office"), *options) as (terminal, process):
        terminal.answer("office's name", "Regional Office\n")
        terminal.answer("URL of the pages", "news.example.org\n")
        terminal.answer("URL of the pages", "https://News.example.org/\n")
        terminal.answer("time zone", "Almaty\n")
        terminal.answer("time zone", "Asia/Almaty\n")
        terminal.answer("Languages", "\n")
        terminal.answer("[newsletter@news.example.org]", "\n")
        terminal.answer("Relay", "relay.example.org\n")
        terminal.answer("[587]", "\n")
        terminal.answer("[starttls]", "\n")
        terminal.answer("Username at the relay", "office\n")
        terminal.answer("first admin", "\n")
        terminal.answer("Email address of the first admin", "\n")
        terminal.answer("Password at the relay", "correct horse\n", hidden=True)
        shown = terminal.read_all()
        assert process.wait(SAFETY_SECONDS) == 1
    # The database cannot be reached.
    assert "nothing was written" in " ".join(shown.split())
    assert "correct horse" not in shown
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_at_a_question_leaves_nothing(tmp_path: Path) -> None:
    with in_a_terminal("init", str(tmp_path / "office")) as (terminal, process):
        terminal.answer("office's name", "\x03")
        # One that arrives just before the program waits for input is seen with the next one only.
        until(lambda: process.poll() is not None or terminal.press("\x03"))
        assert process.wait(SAFETY_SECONDS) != 0
    assert list(tmp_path.iterdir()) == []


def test_the_answers_make_a_configuration(tmp_path: Path) -> None:
    given: dict[str, str | None] = {
        "name": 'The "Office"',
        "url": "https://news.example.org",
        "languages": "ru, en",
        "countries": "uz,KZ",
        "relay": "relay.example.org",
        "relay_port": "465",
        "relay_username": "office",
    }
    answers = init_answers.collect(given, interactive=False)
    (tmp_path / "relay-password").write_text("correct horse\n", "ascii")
    table = tomllib.loads(init_answers.to_toml(answers, "relay-password"))
    found = config.parse(table, {}, home=tmp_path, origin="test")
    assert (found.site.name, found.site.languages, found.site.countries) == (
        'The "Office"',
        ("ru", "en"),
        ("KZ", "UZ"),
    )
    assert (found.site.email, found.smtp.security, found.smtp.password) == (
        "newsletter@news.example.org",
        "tls",
        "correct horse",
    )
    assert {question.name for question in init_answers.QUESTIONS} == set(vars(answers))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            ("url", text)
            for text in ("news.example.org", "https://news.example.org/letters", "https://x:99999")
        ),
        *(("timezone", text) for text in ("Almaty", "../../etc/passwd")),
        *(("languages", text) for text in ("", "en;ru", "fr,en")),
        *(("countries", text) for text in ("", "Kazakhstan")),
        *(("database", text) for text in ("mysql://x", "mailer.db")),
        *(("relay_port", text) for text in ("0", "smtp")),
        *(("relay_security", "ssl"), ("bounces", "b+token@example.org"), ("sender", "office")),
        *(("admin", "two words"), ("name", "two\nlines"), ("relay_password_file", "/nowhere/password")),
    ],
)
def test_an_option_that_cannot_be_used_is_named(
    name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        init_answers.collect({name: text}, interactive=False)
    assert f"--{name.replace('_', '-')}: " in capsys.readouterr().err


def test_a_command_without_a_configuration_names_init(tmp_path: Path) -> None:
    done = mailer("--config", str(tmp_path / "nowhere.toml"), "edition", "list")
    assert done.returncode == 1
    assert "nowhere.toml: cannot be read" in done.stderr
    assert "mailer init" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_needs_no_configuration(arguments: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mailer", *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Assemble, preview, approve, send and report." in " ".join((done.stdout + done.stderr).split())
