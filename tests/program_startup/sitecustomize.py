"""What every program that the tests start does first: Python imports this module at its start.

It copies what the program writes to stderr into the folder of the logs.
tests/logs.py puts this folder on the path of every process that the tests start. It imports what every Python
has loaded by now, so that it takes no time.
"""

from __future__ import annotations

import os
import sys


def _copy_stderr(folder: str) -> None:
    stream = sys.stderr
    write = stream.write
    file: list[int] = []

    def copying(text: str) -> int:
        # A disk may be full, or the process about to end: it writes as it would without us.
        try:
            if not file:
                path = f"{folder}/stderr-{os.getpid()}"
                file.append(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600))
                os.write(file[0], f"\x1e{_test(folder)}\t{' '.join(sys.orig_argv[1:6])}\n".encode())
            os.write(file[0], text.encode("utf-8", "backslashreplace"))
        except OSError:
            pass
        return write(text)

    stream.write = copying  # type: ignore[method-assign]


def _test(folder: str) -> str:
    """The test that runs in the process that started this one, as it says or wrote down."""
    if test := os.environ.get("PYTEST_CURRENT_TEST"):
        return test
    try:
        with open(f"{folder}/test-{os.getppid()}", encoding="utf-8") as file:
            return file.read()
    except OSError:
        return "a test"


def _note_secrets(folder: str) -> None:
    """Passwords and keys that a test passes in the environment are looked for in the logs."""
    secrets = [
        value
        for name, value in os.environ.items()
        if name.startswith("MAILER_") and name.endswith(("PASSWORD", "SECRET", "KEY", "TOKEN"))
    ]
    if secrets:
        with open(f"{folder}/secrets-{os.getpid()}", "a", encoding="utf-8") as file:
            file.write("".join(f"{value}\n" for value in secrets))


_folder = os.environ.get("TEST_LOGS")
if _folder and sys.stderr is not None:
    _copy_stderr(_folder)
    _note_secrets(_folder)
