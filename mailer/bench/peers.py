"""Peers: Postfix's smtp-source as a sender, and the SMTP sinks that receive."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import BinaryIO, Self

# Debian's folder, which is not in every PATH.
_FOLDERS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
_SENDER, _RECIPIENT = "bench@example.org", "reader@example.net"


class Missing(Exception):  # noqa: N818  (what is the case, as the command says it)
    """A program of the comparison is not installed."""


def find(program: str) -> str:
    """The path of one of Postfix's programs. Raises Missing, naming the package."""
    found = shutil.which(program, path=_FOLDERS)
    if found is None:
        raise Missing(
            f"{program} is missing: install the package postfix, which brings it (Postfix need not run)."
        )
    return found


@dataclass(frozen=True)
class Took:
    """Cost of sending a number of messages."""

    seconds: float
    # User and system time of the sending process.
    cpu_seconds: float


def source(port: int, messages: int, sessions: int, size: int) -> Took:
    """Send with smtp-source, each session kept for all its messages. Raises Missing."""
    command = [find("smtp-source"), "-d", "-s", str(sessions), "-m", str(messages), "-l", str(size)]
    command += ["-f", _SENDER, "-t", _RECIPIENT, f"127.0.0.1:{port}"]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


# Sinks: our own, which is never the bottleneck, and Postfix's smtp-sink.
SINKS = ("light", "smtp-sink")


class Sink:
    """A server on loopback that accepts and discards everything. A context manager; raises Missing."""

    def __init__(self, kind: str) -> None:
        """`kind`: one of SINKS."""
        self.port = free_port()
        if kind == "light":
            self._command = [sys.executable, "-m", "mailer.bench.sink", str(self.port)]
            return
        # smtp-sink does not run as root.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self._command = [find("smtp-sink"), *user, f"127.0.0.1:{self.port}", "1024"]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE)
        for _ in range(200):
            if self._answers():
                return self
            time.sleep(0.025)
        raise OSError(f"smtp-sink does not answer: {self._ended()}")

    def __exit__(self, *error: object) -> None:
        self._ended()

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        return cpu_seconds(self._process.pid)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as talk:
                return talk.recv(3) == b"220"
        except OSError:
            return False

    def _ended(self) -> str:
        self._process.terminate()
        _, words = self._process.communicate()
        return words.decode(errors="replace").strip()


class Scales:
    """Receives one message a connection, and measures its octets on the wire, final dot included."""

    def __init__(self) -> None:
        self.octets = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                talk, _ = self._listener.accept()
            except OSError:
                return
            # A client may close the connection after the reply.
            with talk, talk.makefile("rb") as lines, contextlib.suppress(ConnectionError):
                self._converse(talk, lines)

    def _converse(self, talk: socket.socket, lines: BinaryIO) -> None:
        talk.sendall(b"220 scales\r\n")
        weighing = False
        for line in lines:
            if not weighing:
                weighing = line.upper().startswith(b"DATA")
                self.octets = 0 if weighing else self.octets
                talk.sendall(b"354 go on\r\n" if weighing else b"250 ok\r\n")
                continue
            self.octets += len(line)
            if line == b".\r\n":
                weighing = False
                talk.sendall(b"250 taken\r\n")


def smtp_source_message_octets(size: int) -> int:
    """Octets on the wire of smtp-source's message when it is asked for `size`. Raises Missing."""
    with Scales() as scales:
        source(scales.port, 1, 1, size)
        return scales.octets


def cpu_seconds(process: int) -> float:
    """User and system time of a process so far."""
    with open(f"/proc/{process}/stat", encoding="ascii") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A free loopback port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
