"""An LMTP server (RFC 2033): a mail server hands returned mail over, and gets a reply for each recipient.

250 means that the message is stored and applied for that recipient. Every failure is 4xx, so that the mail
server keeps the message and tries again.
"""

from __future__ import annotations

import logging
import re
import socket
import socketserver
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connections

from mailer.config.sections import Bounces
from mailer.feedback.sources import source_health
from mailer.feedback.sources.base import Ingest, Stop, max_message_octets

log = logging.getLogger(__name__)

# Why this is not aiosmtpd's LMTP class (1.4): where a message is too large, or has a line longer than its
# limit, it sends one reply for all recipients, and the client waits for the others. It keeps a whole message
# in memory: one of 60 MB took 271 MB there and 7 MB here. It stored 2,100 small messages a second, this
# server 13,400 (one core).

# Octets of a message that are accepted; of these `max_message_octets()` are kept.
MAX_MESSAGE_OCTETS = 64 * 1024 * 1024
# Recipients of one message (RFC 5321 §4.5.3.1.8), and connections at a time.
_MAX_RECIPIENTS = 100
_MAX_SESSIONS = 20
# Octets of a command, and of a chunk in which a message is read.
_MAX_COMMAND = 2_048
_CHUNK = 64 * 1024
# Seconds after which a silent session ends (RFC 5321 §4.5.3.2.7).
_SESSION_TIMEOUT = 300
# Seconds within which the server notices that it must stop.
_STOP_CHECK = 0.5
_PATH = re.compile(rb"\s*<([^<>]*)>(.*)", re.DOTALL)
_SIZE = re.compile(rb"\sSIZE=(\d{1,18})\b", re.IGNORECASE)
_LHLO_REPLY = (
    "250-mailer",
    "250-PIPELINING",
    "250-ENHANCEDSTATUSCODES",
    "250-8BITMIME",
    "250-SMTPUTF8",
)

# Stores a message for a recipient. Whatever it raises, the mail server keeps the message.
Deliver = Callable[[bytes, str], object]


def url_of(bounces: Bounces) -> str:
    """Identifies the server."""
    return f"lmtp://{bounces.lmtp_host}:{bounces.lmtp_port}"


def serve_configured(ingest: Ingest, now: Callable[[], datetime], stop: Stop) -> None:
    """The worker's job: serve on [bounces] lmtp_host and lmtp_port, where a port is set, until `stop`."""
    bounces = settings.CONFIG.bounces
    url = url_of(bounces)
    if not bounces.lmtp_port or not source_health.is_source_due(url, now()):
        return

    def deliver(raw: bytes, recipient: str) -> None:
        close_old_connections()
        ingest(raw, now(), recipient)

    try:
        server = Server(bounces.lmtp_host, bounces.lmtp_port, deliver)
    except OSError as error:
        text = f"The worker cannot listen on {bounces.lmtp_host}:{bounces.lmtp_port} ({error.strerror})"
        source_health.record_source_failure_and_alert(
            url, f"{text}: see [bounces] lmtp_host and lmtp_port.", now()
        )
        return
    with server:
        server.serve(stop, lambda: source_health.record_source_ok(url, now()))


class Server(socketserver.ThreadingTCPServer):
    """Listens; each session has a thread."""

    allow_reuse_address = True
    request_queue_size = 50
    timeout = _STOP_CHECK

    def __init__(
        self,
        host: str,
        port: int,
        deliver: Deliver,
        *,
        max_octets: int = MAX_MESSAGE_OCTETS,
        max_sessions: int = _MAX_SESSIONS,
    ) -> None:
        """Raises OSError when it cannot listen there."""
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.deliver, self.max_octets, self.max_sessions = deliver, max_octets, max_sessions
        # Those that are not refused.
        self.sessions: set[socket.socket] = set()
        super().__init__((host, port), _Session)

    def serve(self, stop: Stop, on_tick: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop`, then let each session finish its message; `on_tick` is called at least twice a
        second.
        """
        while not stop():
            self.handle_request()
            on_tick()
        for session in list(self.sessions):
            # It reads an end of input, and can still reply.
            with suppress(OSError):
                session.shutdown(socket.SHUT_RD)

    def process_request(self, request: Any, client_address: Any) -> None:
        # Here and not in the session's thread, which may begin when `serve` has ended the others: it would
        # wait for a command until its client is gone, and the worker for it.
        if len(self.sessions) < self.max_sessions:
            self.sessions.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.sessions.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        log.exception("action=lmtp_session_failed")


class _Session(socketserver.StreamRequestHandler):
    """One connection."""

    server: Server
    timeout = _SESSION_TIMEOUT
    _sender: bytes | None
    _recipients: list[str]

    def setup(self) -> None:
        super().setup()
        self._greeted = False
        self._reset()

    def finish(self) -> None:
        connections.close_all()
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        if self.request not in self.server.sessions:
            self._reply("421 4.3.2 Too many connections; try again later.")
            return
        self._reply("220 mailer LMTP")
        # A client that disconnects has had no reply, and delivers the message again.
        with suppress(OSError):
            while (line := self.rfile.readline(_MAX_COMMAND)) and self._handle_command(line):
                pass

    def _handle_command(self, line: bytes) -> bool:
        """Reply to one command; False when the session is over."""
        if not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = self.rfile.readline(_CHUNK)
            self._reply("500 5.5.2 The line is too long.")
            return bool(line)
        verb, _, rest = line.strip().partition(b" ")
        command = self._COMMANDS.get(verb.upper())
        if command is not None:
            return command(self, rest)
        self._reply("500 5.5.1 Command not recognised.")
        return True

    def _lhlo(self, rest: bytes) -> bool:
        self._greeted = True
        self._reset()
        self._reply(*_LHLO_REPLY, f"250 SIZE {self.server.max_octets}")
        return True

    def _mail(self, rest: bytes) -> bool:
        path = _path(b"FROM:", rest)
        if not self._greeted or self._sender is not None:
            self._reply("503 5.5.1 Send LHLO first, and one MAIL at a time.")
        elif path is None:
            self._reply("501 5.5.4 Syntax: MAIL FROM:<address>")
        elif (size := _SIZE.search(path[2])) and int(size[1]) > self.server.max_octets:
            self._reply(f"552 5.3.4 At most {self.server.max_octets} octets are accepted.")
        else:
            self._sender = path[1]
            self._reply("250 2.1.0 Ok")
        return True

    def _rcpt(self, rest: bytes) -> bool:
        path = _path(b"TO:", rest)
        if self._sender is None:
            self._reply("503 5.5.1 Send MAIL first.")
        elif path is None or not path[1]:
            self._reply("501 5.5.4 Syntax: RCPT TO:<address>")
        elif len(self._recipients) >= _MAX_RECIPIENTS:
            self._reply("452 4.5.3 Too many recipients; send the others in another transaction.")
        else:
            self._recipients.append(path[1].decode("utf-8", "replace"))
            self._reply("250 2.1.5 Ok")
        return True

    def _data(self, rest: bytes) -> bool:
        if not self._recipients:
            self._reply("503 5.5.1 Send RCPT first.")
            return True
        self._reply("354 End data with <CRLF>.<CRLF>")
        content = self._read_content()
        if content is None:
            return False
        self._reply(*(self._deliver(content, recipient) for recipient in self._recipients))
        self._reset()
        return True

    def _read_content(self) -> bytes | None:
        """The message up to the final dot, cut to `max_message_octets()`; None when the connection was lost.

        Only a dot between two CRLF ends a message (RFC 5321 §4.1.1.4), so that no second one can be smuggled
        in.
        """
        kept, read, at_line_start = bytearray(), 0, True
        while (chunk := self.rfile.readline(_CHUNK)) != b".\r\n" or not at_line_start:
            if not chunk:
                return None
            if len(kept) < max_message_octets() and read < self.server.max_octets:
                kept += chunk[1:] if at_line_start and chunk.startswith(b".") else chunk
            read += len(chunk)
            at_line_start = chunk.endswith(b"\r\n")
        self._too_large = read > self.server.max_octets
        return b"Return-Path: <%s>\r\n" % _printable(self._sender or b"") + bytes(kept)

    def _deliver(self, content: bytes, recipient: str) -> str:
        """Store the message for one recipient; returns the reply."""
        if self._too_large:
            return f"552 5.3.4 At most {self.server.max_octets} octets are accepted."
        try:
            self.server.deliver(content, recipient)
        except Exception as error:  # noqa: BLE001  (whatever failed, the mail server must keep it)
            log.error("action=returned_message_not_stored error=%s", type(error).__name__)
            return "451 4.3.0 The message could not be stored; try again later."
        return "250 2.0.0 Ok: stored"

    def _rset(self, rest: bytes) -> bool:
        self._reset()
        return self._noop(rest)

    def _noop(self, rest: bytes) -> bool:
        self._reply("250 2.0.0 Ok")
        return True

    def _vrfy(self, rest: bytes) -> bool:
        self._reply("252 2.5.1 Cannot verify; the message will be accepted")
        return True

    def _quit(self, rest: bytes) -> bool:
        self._reply("221 2.0.0 Bye")
        return False

    def _reset(self) -> None:
        self._sender, self._recipients = None, []
        self._too_large = False

    def _reply(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    _COMMANDS: dict[bytes, Callable[[_Session, bytes], bool]] = {
        b"LHLO": _lhlo,
        b"MAIL": _mail,
        b"RCPT": _rcpt,
        b"DATA": _data,
        b"RSET": _rset,
        b"NOOP": _noop,
        b"VRFY": _vrfy,
        b"QUIT": _quit,
    }


def _path(keyword: bytes, rest: bytes) -> re.Match[bytes] | None:
    """The address in brackets [1] and the parameters after it [2]; None where the syntax is different."""
    argument = rest.lstrip()
    if not argument.upper().startswith(keyword):
        return None
    return _PATH.fullmatch(argument[len(keyword) :])


def _printable(address: bytes) -> bytes:
    return re.sub(rb"[\x00-\x1f\x7f]", b"", address)
