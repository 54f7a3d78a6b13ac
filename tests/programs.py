"""Starts programs of ours as `subprocess` does, forked from a process that has loaded Django already.

For tests of what a program does. Those of how one starts, of what it loads, and of signals that a terminal
sends, start it with `subprocess`.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from mailer.cli.main import COMMANDS
from tests import program_server

_ROOT = Path(__file__).parents[1]
_PR_SET_CHILD_SUBREAPER = 36
# A server holds some 130 MB.
_MOST_SERVERS = 3
# Commands without Django of their own that start it with the pages.
_WITH_PAGES = ("web", "migrate")
# They start Django with settings that they make, after they did something.
_NEVER = ("init", "demo", "keys", "restore", "run")

# What decides which applications are loaded.
_Kind = tuple[bool, bool, bool]


class _Server:
    def __init__(self, kind: _Kind, environment: dict[str, str], config: Path) -> None:
        self._connection, its = socket.socketpair()
        settings = "mailer.settings" if kind[0] else "mailer.settings_without_web"
        own = {
            program_server.SOCKET: str(its.fileno()),
            "DJANGO_SETTINGS_MODULE": settings,
            "MAILER_CONFIG": str(config),
        }
        code = "from tests import program_server; program_server.main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment | own,
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[its.fileno()],
        )
        its.close()
        # Nothing is read when it could not load the settings.
        self.ready = self._connection.recv(6) == b"ready\n"

    def start(self, request: dict[str, Any], descriptors: list[int]) -> int:
        """The process id of the program, which is a child of this process."""
        text = json.dumps(request).encode()
        prctl = ctypes.CDLL(None).prctl
        prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            socket.send_fds(self._connection, [b"%08x" % len(text)], descriptors)
            self._connection.sendall(text)
            answer = b""
            while not answer.endswith(b"\n"):
                got = self._connection.recv(20)
                assert got, "the server of programs has ended"
                answer += got
        finally:
            prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        return int(answer)

    def end(self) -> None:
        self._connection.close()
        self._process.wait()


_servers: dict[_Kind, _Server] = {}
# By a process that was forked from one of pytest's, the servers cannot be used.
_owner = os.getpid()
_one_at_a_time = threading.Lock()


def end() -> None:
    """At the end of the tests."""
    while _servers:
        _servers.popitem()[1].end()


PIPE = subprocess.PIPE


class Popen(subprocess.Popen[Any]):
    """A program that was forked. Arguments are those of `subprocess`, as far as the tests need them."""

    def __init__(
        self, args: list[str], *, umask: int = -1, start_new_session: bool = False, **more: Any
    ) -> None:
        self._umask, self._session = umask, start_new_session
        super().__init__(args, umask=umask, start_new_session=start_new_session, **more)

    def _execute_child(self, args: Any, *more: Any) -> None:
        execute = super()._execute_child  # type: ignore[misc]
        names = execute.__code__.co_varnames[2:]
        given = dict(zip(names, more, strict=False))
        environment = dict(os.environ if given["env"] is None else given["env"])
        folder = str(given["cwd"] or os.getcwd())
        with _one_at_a_time:
            server = _server(list(args), environment, folder)
            if server is None:
                execute(args, *more)
                return
            ends = [given["p2cread"], given["c2pwrite"], given["errwrite"]]
            request = {
                "arguments": list(args),
                "environment": environment,
                "folder": folder,
                "umask": self._umask,
                "session": self._session,
            }
            self.pid = server.start(request, [own if own != -1 else n for n, own in enumerate(ends)])
        self._child_created = True
        self._close_pipe_fds(  # type: ignore[attr-defined]
            *(given[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite"))
        )


def _server(arguments: list[str], environment: dict[str, str], folder: str) -> _Server | None:
    """The one that has loaded what the program needs; None if the program has to start as usual."""
    kind, config = _kind(arguments, environment, folder)
    if kind is None or os.getpid() != _owner:
        return None
    found = _servers.pop(kind, None)
    if found is None:
        while len(_servers) >= _MOST_SERVERS:
            _servers.pop(next(iter(_servers))).end()
        found = _Server(kind, environment, config)
        if not found.ready:
            found.end()
            return None
    # The last is the one that was used last.
    _servers[kind] = found
    return found


def _kind(arguments: list[str], environment: dict[str, str], folder: str) -> tuple[_Kind | None, Path]:
    """What the program needs, and its configuration."""
    config = environment.get("MAILER_CONFIG", "config.toml")
    how, what, *words = arguments[1:]
    if (how, what) == ("-m", "mailer"):
        if words[:1] == ["--config"]:
            config, words = words[1], words[2:]
        command = COMMANDS.get(words[0]) if words else None
        if command is None or words[0] in _NEVER:
            return None, Path()
        pages = command.pages or words[0] in _WITH_PAGES
    else:
        source = what if how == "-c" else (_ROOT / f"{what.replace('.', '/')}.py").read_text("utf-8")
        # Otherwise it calls start_django().
        pages = "django.setup()" in source and environment.get("DJANGO_SETTINGS_MODULE") == "mailer.settings"
    text, path = "", Path(folder, config)
    with suppress(OSError):
        text = path.read_text("utf-8")
    url = environment.get("MAILER_DATABASE__URL", text)
    engine = environment.get("MAILER_WORKER__ENGINE", text)
    return (pages, "postgresql://" in url, "cluster" in engine), path


def run(
    args: list[str],
    *,
    input: str | bytes | None = None,
    capture_output: bool = False,
    check: bool = False,
    timeout: float | None = None,
    **more: Any,
) -> subprocess.CompletedProcess[Any]:
    """As `subprocess.run`."""
    if capture_output:
        more |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        more["stdin"] = subprocess.PIPE
    with Popen(args, **more) as process:
        try:
            output, errors = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(args, process.returncode, output, errors)
    if check:
        done.check_returncode()
    return done
