"""Errors that the operator can correct are one line, without a traceback."""

from __future__ import annotations

import errno
import sys

import pytest
from django.db import OperationalError

from mailer.cli import main
from mailer.config import ConfigError

MACHINE = OSError(errno.ENOSPC, "No space left on device", "/srv/newsletter/out.csv")


def run(error: Exception, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> object:
    def fail(**_options: object) -> None:
        raise error

    monkeypatch.setattr(main, "app", fail)
    monkeypatch.setattr(main.os, "umask", lambda mode: mode)
    monkeypatch.setattr(sys, "argv", ["mailer", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return ended.value.code


@pytest.mark.parametrize(
    "error", [ConfigError("config.toml: a mistake"), OperationalError("no such table:\n  x"), MACHINE]
)
def test_an_error_that_can_be_corrected_is_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(error, ["superuser", "dana"], monkeypatch) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    # A mail server that pipes a message in tries again.
    assert run(error, ["bounces", "receive"], monkeypatch) == 75


@pytest.mark.parametrize(
    ("error", "arguments"),
    [(ValueError("a bug"), ["superuser"]), (OSError(errno.EINVAL, "x"), ["doctor"]), (MACHINE, ["worker"])],
)
def test_other_errors_keep_their_traceback(
    error: Exception, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(type(error)):
        run(error, arguments, monkeypatch)
