"""The log of the whole test run: collected from every process, and searched for what no log may contain.

In pytest's own processes every record is collected as the product's handler formats it; of a program that the
tests start, everything that it writes to stderr (tests/program_startup). At the end of the session the
process that began it searches the files. An address, token, password or key in one makes the run fail.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_OWNER = "TEST_LOGS" not in os.environ
FOLDER = Path(
    os.environ.setdefault("TEST_LOGS", tempfile.mkdtemp(prefix="mailer-test-logs-") if _OWNER else "")
)
if _OWNER:
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(Path(__file__).with_name("program_startup")), os.environ.get("PYTHONPATH")))
    )

# Anything around an @ that is no space, also encoded as in a URL: no log of ours has a use for one.
_ADDRESS = re.compile(r"[^\s@](?:@|%40)[\w\[]")
# Characters of every token and key; which of these look random is counted.
_LONG = re.compile(r"[A-Za-z0-9_-]{20,}")
_CHANGE = re.compile(r"(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])|(?<=[A-Z])(?=[0-9])")
# A path that opens a page, and what is masked there.
_OPENING_PATH = re.compile(
    r"/(?:confirm|preferences|address/agree|address/not-me|stay|your-data|unsubscribe(?:/list)?+|set-password"
    r"|password_reset/confirm|accounts/approval|hooks/\w+)/(?![…<\s\"'\])]|$)"
)
# Random, and no secret.
_LOG_ID = re.compile(
    r"(?:request_id=| run_id=[a-z-]+-|\"request_id\": \"|\"run_id\": \"[a-z-]+-)[0-9A-Fa-f-]{16,36}"
)
_LINE = re.compile(r"^\S+ \S+ [A-Z]+ (\S+) (.*)")
_SHOWN = 40
# Shorter ones are words that a log may contain.
_SECRET_LENGTH = 8


@dataclass(frozen=True)
class Leak:
    """One line that holds what it must not."""

    what: str
    test: str
    logger: str
    # The action of the line, or the beginning of its text.
    action: str
    line: str


class _Log:
    """The file of one process."""

    def __init__(self) -> None:
        self._file, self._test, self._pid = -1, "", 0

    def write(self, text: str) -> None:
        # A forked process has a file of its own.
        if self._pid != os.getpid():
            self._pid, self._test = os.getpid(), ""
            path = FOLDER / f"records-{self._pid}"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        test = os.environ.get("PYTEST_CURRENT_TEST", "outside tests")
        head = "" if test == self._test else f"\x1e{test}\t\n"
        self._test = test
        os.write(self._file, f"{head}{text}\n".encode("utf-8", "backslashreplace"))


_log = _Log()
_secrets: set[str] = set()
_leaks: list[Leak] = []


def note_secrets(values: Iterable[object]) -> None:
    """Look for these in the logs, too."""
    _secrets.update(value for value in values if isinstance(value, str) and len(value) >= _SECRET_LENGTH)


def leaks_in(text: str, secrets: Iterable[str] = ()) -> Iterator[Leak]:
    """The lines of a process's log that hold an address, a token or a secret."""
    # Looking for all of them in every line would take ten times as long as everything else.
    there = sorted(one for one in secrets if one in text)
    known = re.compile("|".join(rf"(?<![\w-]){re.escape(one)}(?![\w-])" for one in there) or r"(?!)")
    test, logger, action = "", "stderr", ""
    for line in text.split("\n"):
        if line.startswith("\x1e"):
            test, _, command = line[1:].partition("\t")
            logger, action = "stderr", command
            continue
        if found := _LINE.match(line):
            logger, action = found[1], found[2][:60]
        if what := _leak(line, known):
            yield Leak(what, test, logger, action, line)


def _leak(line: str, known: re.Pattern[str]) -> str:
    line = _LOG_ID.sub("", line)
    if _ADDRESS.search(line):
        return "an address"
    if _OPENING_PATH.search(line):
        return "a link"
    if any(len(_CHANGE.findall(one)) >= 4 for one in _LONG.findall(line)):
        return "a token or key"
    return "a password or secret" if known.search(line) else ""


@pytest.fixture(scope="session", autouse=True)
def _collect_records() -> Iterator[None]:
    """Collect what every handler formats, but for pytest's own, and note the passwords that tests use."""
    from django.contrib.auth.base_user import AbstractBaseUser

    format_record = logging.Handler.format

    def collecting(self: logging.Handler, record: logging.LogRecord) -> str:
        text = format_record(self, record)
        if not type(self).__module__.startswith("_pytest."):
            _log.write(text)
        return text

    def noting(method: Callable[..., Any]) -> Callable[..., Any]:
        def noted(self: AbstractBaseUser, password: str | None, *args: Any) -> Any:
            note_secrets([password])
            return method(self, password, *args)

        return noted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.Handler, "format", collecting)
        for name in ("set_password", "check_password"):
            patch.setattr(AbstractBaseUser, name, noting(getattr(AbstractBaseUser, name)))
        yield
    if _secrets:
        (FOLDER / f"secrets-{os.getpid()}").write_text("\n".join(_secrets), encoding="utf-8")


def pytest_runtest_logstart(nodeid: str) -> None:
    """Write down which test runs, for processes that it starts without our environment."""
    (FOLDER / f"test-{os.getpid()}").write_text(nodeid, encoding="utf-8")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if not _OWNER or hasattr(session.config, "workerinput"):
        return
    keys = tomllib.loads(Path(__file__).with_name("keys.toml").read_text(encoding="utf-8"))
    secrets = {key["secret"] for ring in keys.values() for key in ring}
    for file in FOLDER.glob("secrets-*"):
        secrets.update(
            one for one in file.read_text(encoding="utf-8").split("\n") if len(one) >= _SECRET_LENGTH
        )
    for file in sorted({*FOLDER.glob("records-*"), *FOLDER.glob("stderr-*")}):
        _leaks.extend(leaks_in(file.read_text(encoding="utf-8", errors="replace"), secrets))
    if _leaks:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    shutil.rmtree(FOLDER, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _leaks:
        return
    terminalreporter.section("the log holds what it must not", red=True)
    for leak in _leaks[:_SHOWN]:
        terminalreporter.line(
            f"{leak.what}: logger={leak.logger} {leak.action}\n  in {leak.test}\n  {leak.line}"
        )
    terminalreporter.line(f"{len(_leaks)} lines")
