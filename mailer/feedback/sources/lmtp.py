"""An LMTP server (RFC 2033): a mail server hands returned mail to us, and hears of each recipient by itself.

A 250 means that the message is stored and in effect for that recipient; whatever fails is a 4xx, so that the
mail server keeps the message and tries again. aiosmtpd, which serves the demo, answers but once for all
recipients where something fails, and turns lines of more than 1,000 octets away for good: bounces have such.
"""

from __future__ import annotations

import logging
import re
import socket
import socketserver
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from django.conf import settings
from django.db import close_old_connections, connections

from mailer.feedback.sources import ingest, source_health
from mailer.feedback.sources.mailbox import MAX_OCTETS, Stop
from mailer.feedback.sources.sources import lmtp_address

logger = logging.getLogger(__name__)

# Octets of a message that are read; of these MAX_OCTETS are kept.
LARGEST = 64 * 1024 * 1024
# Recipients of one message (RFC 5321 §4.5.3.1.8), and connections at a time.
_MOST_RECIPIENTS = 100
_MOST_SESSIONS = 20
# Octets of a command, and of a piece in which a message is read.
_LONGEST_COMMAND = 2_048
_PIECE = 64 * 1024
# Seconds that a session may be silent (RFC 5321 §4.5.3.2.7).
_SILENCE = 300
# Seconds in which the server may take no notice of being asked to stop.
_LOOK = 0.5
_PATH = re.compile(rb"\s*<([^<>]*)>(.*)", re.DOTALL)
_SIZE = re.compile(rb"\sSIZE=(\d{1,18})\b", re.IGNORECASE)
_HELLO = (
    "250-mailer",
    "250-PIPELINING",
    "250-ENHANCEDSTATUSCODES",
    "250-8BITMIME",
    "250-SMTPUTF8",
    f"250 SIZE {LARGEST}",
)

# Stores a message for a recipient; whatever it raises, the message is kept by who handed it over.
Deliver = Callable[[bytes, str], object]


def serve_configured(now: Callable[[], datetime], stop: Stop) -> None:
    """The worker's job: serve on [bounces] lmtp_host and lmtp_port, where a port is set, until `stop`."""
    bounces, address = settings.CONFIG.bounces, lmtp_address(settings.CONFIG)
    if not bounces.lmtp_port or not source_health.is_due(address, now()):
        return
    try:
        server = Server(bounces.lmtp_host, bounces.lmtp_port, lambda raw, to: ingest.receive(raw, now(), to))
    except OSError as error:
        words = f"Nothing can listen on {bounces.lmtp_host}:{bounces.lmtp_port} ({error.strerror})"
        source_health.badly(address, f"{words}: see [bounces] lmtp_host and lmtp_port.", now())
        return
    with server:
        server.serve(stop, lambda: source_health.well(address, now()))


class Server(socketserver.ThreadingTCPServer):
    """Listens; each session has a thread of its own."""

    allow_reuse_address = True
    request_queue_size = 50
    timeout = _LOOK

    def __init__(self, host: str, port: int, deliver: Deliver) -> None:
        """Raises OSError when it cannot listen there."""
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.deliver = deliver
        self.sessions: set[socket.socket] = set()
        super().__init__((host, port), _Session)

    def serve(self, stop: Stop, still: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop`, then let each session answer what it has taken; `still` is called meanwhile."""
        while not stop():
            self.handle_request()
            still()
        for session in list(self.sessions):
            # It reads the end of its input, and can still write.
            with suppress(OSError):
                session.shutdown(socket.SHUT_RD)

    def handle_error(self, request: object, client_address: object) -> None:
        logger.exception("action=lmtp_session_failed")


class _Session(socketserver.StreamRequestHandler):
    """One connection."""

    server: Server
    timeout = _SILENCE
    _sender: bytes | None
    _recipients: list[str]

    def setup(self) -> None:
        super().setup()
        self._greeted = False
        self._reset()
        self.server.sessions.add(self.connection)

    def finish(self) -> None:
        self.server.sessions.discard(self.connection)
        connections.close_all()
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        if len(self.server.sessions) > _MOST_SESSIONS:
            self._say("421 4.3.2 Too many connections; try again later.")
            return
        self._say("220 mailer LMTP")
        # Who goes away in the middle has had no answer, and comes again.
        with suppress(OSError):
            while (line := self.rfile.readline(_LONGEST_COMMAND)) and self._heard(line):
                pass

    def _heard(self, line: bytes) -> bool:
        """Answer one command; False when the session is over."""
        if not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = self.rfile.readline(_PIECE)
            self._say("500 5.5.2 The line is too long.")
            return bool(line)
        verb, _, rest = line.strip().partition(b" ")
        command = self._COMMANDS.get(verb.upper())
        if command is not None:
            return command(self, rest)
        self._say("500 5.5.1 This is LMTP, and knows no such command.")
        return True

    def _lhlo(self, rest: bytes) -> bool:
        self._greeted = True
        self._reset()
        self._say(*_HELLO)
        return True

    def _mail(self, rest: bytes) -> bool:
        path = _path(b"FROM:", rest)
        if not self._greeted or self._sender is not None:
            self._say("503 5.5.1 First LHLO, and one MAIL at a time.")
        elif path is None:
            self._say("501 5.5.4 Write MAIL FROM:<address>.")
        elif (size := _SIZE.search(path[2])) and int(size[1]) > LARGEST:
            self._say(f"552 5.3.4 At most {LARGEST} octets are taken.")
        else:
            self._sender = path[1]
            self._say("250 2.1.0 Ok")
        return True

    def _rcpt(self, rest: bytes) -> bool:
        path = _path(b"TO:", rest)
        if self._sender is None:
            self._say("503 5.5.1 First MAIL.")
        elif path is None or not path[1]:
            self._say("501 5.5.4 Write RCPT TO:<address>.")
        elif len(self._recipients) >= _MOST_RECIPIENTS:
            self._say("452 4.5.3 Too many recipients; send the others apart.")
        else:
            self._recipients.append(path[1].decode("utf-8", "replace"))
            self._say("250 2.1.5 Ok")
        return True

    def _data(self, rest: bytes) -> bool:
        if not self._recipients:
            self._say("503 5.5.1 First RCPT.")
            return True
        self._say("354 End with a dot on a line of its own.")
        content = self._content()
        if content is None:
            return False
        self._say(*(self._delivered(content, recipient) for recipient in self._recipients))
        self._reset()
        return True

    def _content(self) -> bytes | None:
        """What stands before the dot, as much of it as is kept; None when the line was lost.

        The dot ends a message only between two CRLF (RFC 5321 §4.1.1.4), so that none can be smuggled in.
        """
        kept, read, begins = bytearray(), 0, True
        while (piece := self.rfile.readline(_PIECE)) != b".\r\n" or not begins:
            if not piece:
                return None
            if len(kept) < MAX_OCTETS and read < LARGEST:
                kept += piece[1:] if begins and piece.startswith(b".") else piece
            read += len(piece)
            begins = piece.endswith(b"\r\n")
        self._too_large = read > LARGEST
        return b"Return-Path: <%s>\r\n" % _printable(self._sender or b"") + bytes(kept)

    def _delivered(self, content: bytes, recipient: str) -> str:
        """Store it for one recipient; the answer about it."""
        if self._too_large:
            return f"552 5.3.4 At most {LARGEST} octets are taken."
        close_old_connections()
        try:
            self.server.deliver(content, recipient)
        except Exception as error:  # noqa: BLE001  (whatever went wrong, the mail server must keep it)
            logger.error("action=feedback_kept error=%s", type(error).__name__)
            return "451 4.3.0 It could not be stored; keep it and try again."
        return "250 2.0.0 Ok, stored."

    def _rset(self, rest: bytes) -> bool:
        self._reset()
        return self._noop(rest)

    def _noop(self, rest: bytes) -> bool:
        self._say("250 2.0.0 Ok")
        return True

    def _vrfy(self, rest: bytes) -> bool:
        self._say("252 2.5.1 Send it, and see.")
        return True

    def _quit(self, rest: bytes) -> bool:
        self._say("221 2.0.0 Bye")
        return False

    def _reset(self) -> None:
        self._sender, self._recipients = None, []
        self._too_large = False

    def _say(self, *lines: str) -> None:
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
    """The address in brackets [1] and the parameters behind it [2]; None when it is written otherwise."""
    found = rest.lstrip()
    if not found.upper().startswith(keyword):
        return None
    return _PATH.fullmatch(found[len(keyword) :])


def _printable(address: bytes) -> bytes:
    return re.sub(rb"[\x00-\x1f\x7f]", b"", address)
