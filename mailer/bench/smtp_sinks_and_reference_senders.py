"""Peers: Postfix's smtp-source and curl as senders, openssl's signing speed, and the SMTP sinks that receive.

`python -m mailer.bench.smtp_sinks_and_reference_senders PORT SECONDS [FOLDER]` serves our own sink on
loopback until it is ended: it accepts and discards everything, as cheaply as Python can, and sends each
reply so many seconds late. It offers PIPELINING, with a folder that holds a certificate STARTTLS as well,
and does not parse messages: a message ends at its final dot.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

# Debian's folder, which is not in every PATH.
_FOLDERS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
# Units a second in which the kernel reports processor time.
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_SENDER, _RECIPIENT = "bench@example.org", "reader@example.net"


class Missing(Exception):  # noqa: N818  (what is the case, as the command says it)
    """A program of the comparison is not installed."""


def find(program: str) -> str:
    """The path of a program. Raises Missing, naming the package."""
    found = shutil.which(program, path=_FOLDERS)
    if found is None:
        package = "postfix (Postfix need not run)" if program.startswith("smtp-") else program
        raise Missing(f"{program} is missing: install the package {package}, which brings it.")
    return found


@dataclass(frozen=True)
class Took:
    """Cost of sending a number of messages."""

    seconds: float
    # User and system time of the sending process.
    cpu_seconds: float


def curl(port: int, messages: int, sessions: int, size: int, folder: Path) -> Took:
    """Send with STARTTLS by curl, a process for each session, which is kept for all its messages.

    `folder` has the certificate to trust, and takes the message. Raises Missing.
    """
    program = find("curl")
    line = b"x" * 74 + b"\r\n"
    content = folder / "message.eml"
    content.write_bytes(b"Subject: bench\r\n\r\n" + line * (size // len(line)))
    command = [program, "--silent", "--fail", "--ssl-reqd", "--cacert", str(folder / CERTIFICATE)]
    command += ["--mail-from", _SENDER, "--mail-rcpt", _RECIPIENT, "--upload-file", str(content)]
    shares = [messages // sessions + (number < messages % sessions) for number in range(sessions)]
    before, started = _children_cpu_seconds(), time.perf_counter()
    running = [
        subprocess.Popen([*command, f"smtp://127.0.0.1:{port}/[1-{share}]"]) for share in shares if share
    ]
    failed = [one for one in running if one.wait()]
    if failed:
        raise OSError(f"curl ended with status {failed[0].returncode}")
    return Took(time.perf_counter() - started, _children_cpu_seconds() - before)


class SigningSpeed(NamedTuple):
    """What `openssl speed` signs."""

    # With a process for each core, by the clock: other load of the machine slows it as it slows us.
    per_second: float
    # Processor time of one signature.
    cpu_seconds: float


# By kind of DKIM key: the algorithm of `openssl speed`, and in its machine-readable output how the row
# begins and which column is the rate of signatures.
_SIGNATURES = {"rsa": ("rsa2048", "+F2:", 3), "ed25519": ("ed25519", "+F6:", 4)}


def signing_speed(kind: str) -> SigningSpeed:
    """Measure signatures with a key of this kind, "rsa" (of 2048 bits) or "ed25519". Raises Missing."""
    together = _openssl_speed(kind, "-elapsed", "-multi", str(cores()))
    return SigningSpeed(together, 1 / _openssl_speed(kind))


def _openssl_speed(kind: str, *options: str) -> float:
    """Signatures per second; without -elapsed, per second of processor time."""
    algorithm, row, column = _SIGNATURES[kind]
    command = [find("openssl"), "speed", "-mr", "-seconds", "1", *options, algorithm]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    (found,) = (line for line in done.stdout.splitlines() if line.startswith(row))
    return float(found.split(":")[column])


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _children_cpu_seconds() -> float:
    """User and system time of child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def source(port: int, messages: int, sessions: int, size: int) -> Took:
    """Send with smtp-source, each session kept for all its messages. Raises Missing."""
    command = [find("smtp-source"), "-d", "-s", str(sessions), "-m", str(messages), "-l", str(size)]
    command += ["-f", _SENDER, "-t", _RECIPIENT, f"127.0.0.1:{port}"]
    before, started = _children_cpu_seconds(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return Took(time.perf_counter() - started, _children_cpu_seconds() - before)


# The file with a sink's certificate, and beside it its key.
CERTIFICATE, _KEY = "sink.crt", "sink.key"


def create_certificate(folder: Path) -> None:
    """Create a certificate for 127.0.0.1, which signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=2))
    certificate = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    (folder / CERTIFICATE).write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / _KEY).write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


# Sinks: our own, which is never the bottleneck, and Postfix's smtp-sink.
SINKS = ("light", "smtp-sink")


class Sink:
    """A server on loopback that accepts and discards everything. A context manager; raises Missing."""

    def __init__(self, kind: str, tls: Path | None = None, latency: float = 0.0) -> None:
        """`kind`: one of SINKS. `tls`: a folder with a certificate; the light one offers STARTTLS with it.
        `latency`: seconds by which the light one delays each reply."""
        self.port = free_port()
        if kind == "light":
            folder = [str(tls)] if tls else []
            self._command = [
                sys.executable,
                "-m",
                "mailer.bench.smtp_sinks_and_reference_senders",
                str(self.port),
                str(latency),
                *folder,
            ]
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
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


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
_HELLO_TLS = b"250-sink\r\n250-PIPELINING\r\n250-SIZE 0\r\n250-STARTTLS\r\n250 8BITMIME\r\n"
_START_TLS = b"220 2.0.0 Ready to start TLS\r\n"
_OK = b"250 2.0.0 Ok\r\n"
_GO_ON = b"354 End with a lone dot\r\n"
_BYE = b"221 2.0.0 Bye\r\n"


# The largest content of a TLS record.
_RECORD = 1 << 14


class _Session:
    """One connection: commands until DATA, then a message until its dot."""

    def __init__(self, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        self.connection = connection
        # Whether the client ended the session.
        self.ended = False
        self._rest = b""
        self._in_message = False
        # Set by STARTTLS: what comes and goes, encrypted.
        self._context = tls
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._hello = _HELLO if tls is None else _HELLO_TLS

    def receive(self, data: memoryview, clear: bytearray) -> bytes:
        """What to send for received octets; sets `ended`. `clear` takes what is decrypted."""
        if self._tls is None:
            answer = self._feed(data)
            if answer == _START_TLS and self._context is not None:
                self._tls = self._context.wrap_bio(self._incoming, self._outgoing, server_side=True)
            return answer
        self._incoming.write(data)
        view, size = memoryview(clear), 0
        # The handshake is part of reading. With nothing left, read() would raise an error.
        with contextlib.suppress(ssl.SSLWantReadError):
            while self._incoming.pending or self._tls.pending():
                read = cast(int, self._tls.read(_RECORD, view[size:]))
                if not read:
                    break
                size += read
        answer = self._feed(view[:size]) if size else b""
        if answer:
            self._tls.write(answer)
        return self._outgoing.read()

    def _feed(self, received: memoryview) -> bytes:
        """The reply to octets in clear."""
        answers: list[bytes] = []
        # Of a message's content only the end matters.
        data = self._rest + (received[-_TAIL:] if self._in_message else received)
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
                self.ended = True
                return _BYE
            if verb == b"STAR":
                # Whatever came behind it in clear is of no use.
                data = b""
                answers.append(_START_TLS)
            elif verb == b"DATA":
                self._in_message = True
                # An empty message is a lone dot.
                data = b"\r\n" + data if data else data
                answers.append(_GO_ON)
            else:
                answers.append(self._hello if verb == b"EHLO" else _OK)
        self._rest = data
        return b"".join(answers)


def _serve_sink(listener: socket.socket, tls: ssl.SSLContext | None, latency: float) -> None:
    """Serve until the process is ended."""
    # Replies that wait: when each is sent, where to, and its octets.
    delayed: deque[tuple[float, socket.socket, bytes]] = deque()
    poll = select.epoll()
    listener.setblocking(False)
    poll.register(listener, select.EPOLLIN)
    sessions: dict[int, _Session] = {}
    buffer, clear = bytearray(_BUFFER_BYTES), bytearray(2 * _BUFFER_BYTES)
    view = memoryview(buffer)
    while True:
        while delayed and delayed[0][0] <= time.monotonic():
            _, connection, answer = delayed.popleft()
            with contextlib.suppress(OSError):
                connection.send(answer)
        for number, _ in poll.poll(max(0.0, delayed[0][0] - time.monotonic()) if delayed else None):
            if number == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(_GREETING)
                connection.setblocking(False)
                sessions[connection.fileno()] = _Session(connection, tls)
                poll.register(connection, select.EPOLLIN)
                continue
            session = sessions[number]
            try:
                count = session.connection.recv_into(buffer)
                reply = session.receive(view[:count], clear)
                if reply and latency:
                    delayed.append((time.monotonic() + latency, session.connection, reply))
                elif reply:
                    session.connection.send(reply)
                session.ended |= not count
            except OSError:
                session.ended = True
            if session.ended:
                del sessions[number]
                session.connection.close()


def run_sink_server() -> None:
    port, latency, *folder = sys.argv[1:]
    tls = None
    if folder:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(Path(folder[0]) / CERTIFICATE, Path(folder[0]) / _KEY)
    with socket.create_server(("127.0.0.1", int(port)), backlog=256) as listener:
        _serve_sink(listener, tls, float(latency))


if __name__ == "__main__":
    run_sink_server()
