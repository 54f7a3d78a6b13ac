"""Peers: Postfix's smtp-source as a sender, and the SMTP sinks that receive.

`python -m mailer.bench.peers PORT` serves our own sink on loopback until it is ended: it accepts and discards
everything, as cheaply as Python can. It offers PIPELINING, and does not parse messages: a message ends at its
final dot.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
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
            self._command = [sys.executable, "-m", "mailer.bench.peers", str(self.port)]
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


_END = b"\r\n.\r\n"
# Octets read at once.
_BUFFER_BYTES = 1 << 20
# Octets from the end in which the final dot is searched; pipelined commands behind it are shorter.
_TAIL = 4096
_GREETING = b"220 sink ESMTP\r\n"
_HELLO = b"250-sink\r\n250-PIPELINING\r\n250-SIZE 0\r\n250 8BITMIME\r\n"
_OK = b"250 2.0.0 Ok\r\n"
_GO_ON = b"354 End with a lone dot\r\n"
_BYE = b"221 2.0.0 Bye\r\n"


class _Session:
    """One connection: commands until DATA, then a message until its dot."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._rest = b""
        self._in_message = False

    def feed(self, data: bytes) -> bytes:
        """The reply to received octets; the session ends after _BYE."""
        answers: list[bytes] = []
        data = self._rest + data
        while data:
            if self._in_message:
                at = data.rfind(_END, max(0, len(data) - _TAIL))
                if at < 0:
                    # Enough that the dot is found when it comes.
                    data = data[-_TAIL:]
                    break
                answers.append(_OK)
                data = data[at + len(_END) :]
                self._in_message = False
                continue
            line, end, after = data.partition(b"\r\n")
            if not end:
                break
            data = after
            verb = line[:4].upper()
            if verb == b"QUIT":
                return _BYE
            if verb == b"DATA":
                self._in_message = True
                # An empty message is a lone dot.
                data = b"\r\n" + data if data else data
                answers.append(_GO_ON)
            else:
                answers.append(_HELLO if verb == b"EHLO" else _OK)
        self._rest = data
        return b"".join(answers)


def _serve_sink(listener: socket.socket) -> None:
    """Serve until the process is ended."""
    poll = select.epoll()
    listener.setblocking(False)
    poll.register(listener, select.EPOLLIN)
    sessions: dict[int, _Session] = {}
    buffer = bytearray(_BUFFER_BYTES)
    view = memoryview(buffer)
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
                connection.sendall(_GREETING)
                connection.setblocking(False)
                sessions[connection.fileno()] = _Session(connection)
                poll.register(connection, select.EPOLLIN)
                continue
            session = sessions[number]
            answer = _BYE
            with contextlib.suppress(OSError):
                count = session.connection.recv_into(buffer)
                answer = session.feed(bytes(view[:count])) if count else _BYE
                if answer:
                    session.connection.send(answer)
            if answer is _BYE:
                del sessions[number]
                session.connection.close()


def main() -> None:
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256) as listener:
        _serve_sink(listener)


if __name__ == "__main__":
    main()
