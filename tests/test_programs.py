"""Programs that are forked instead of started are as others are."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests import programs

CODE = """
from mailer.cli.main import start_django
start_django()
import os, sys
from django.conf import settings
print(os.getppid(), os.getsid(0) == os.getpid(), os.getcwd(), sys.argv, settings.CONFIG.site.name, flush=True)
print(sys.stdin.readline().strip(), file=sys.stderr, flush=True)
sys.stdin.readline() or sys.exit(3)
"""


def _start(folder: Path, name: str, **more: object) -> programs.Popen:
    return programs.Popen(
        [sys.executable, "-c", CODE, "word"],
        cwd=folder,
        env=os.environ | {"MAILER_SITE__NAME": name},
        stdin=programs.PIPE,
        stdout=programs.PIPE,
        stderr=programs.PIPE,
        text=True,
        **more,
    )


def test_a_program_is_a_child_with_its_own_settings_streams_and_exit_status(tmp_path: Path) -> None:
    for name in ("North Office", "South Office"):
        with _start(tmp_path, name) as program:
            output, errors = program.communicate("hello\n")
        assert output == f"{os.getpid()} False {tmp_path} ['-c', 'word'] {name}\n"
        assert (errors, program.returncode) == ("hello\n", 3)


def test_a_program_can_be_killed(tmp_path: Path) -> None:
    with _start(tmp_path, "Office", start_new_session=True) as program:
        assert program.stdout.readline().split()[1] == "True"
        os.kill(program.pid, signal.SIGKILL)
        assert program.wait() == -signal.SIGKILL
